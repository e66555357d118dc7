"""Which model is tuned, and what is known of it: a run or release of ours by its root, another by its digest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.books.digest import sha256_file
from openbook.books.record import files_root, hash_files, read_record
from openbook.books.store import atomic_path
from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.checkpoint import FinalModel, read_json
from openbook.model.config import TransformerConfig
from openbook.model.origin import stated_license
from openbook.release import manifest as manifests
from openbook.tune.settings import OriginSettings

NOT_RECORDED = "not recorded"
MODEL, TUNED = "model", "tuned"
"""Folders of a run: what pretraining left, and what a tuning left, whose model lies in `model`."""


@dataclass(frozen=True)
class Base:
    folder: Path
    """A Hugging Face folder."""
    facts: dict[str, Any]
    """What the record says of it; no path."""
    config: TransformerConfig
    run: Path | None = None
    """The run of ours that made it."""
    file: Path | None = None
    """The GGUF file that the folder was made from."""

    @property
    def digest(self) -> str:
        return str(self.facts["digest"])

    @property
    def name(self) -> str:
        return str(self.facts["name"])

    @property
    def told(self) -> str:
        """One line for the user."""
        from_file = f", dequantized from {self.facts['dequantized_from']}" if self.file else ""
        return f"base: {self.name}, {self.config.parameters / 1e6:,.1f} million weights{from_file}"

    @property
    def training_flops(self) -> float | None:
        found = self.facts["training_flops"]
        return None if found == NOT_RECORDED else float(found)


def open_base(named: str, said: OriginSettings, recipe_folder: Path, cache: Path) -> Base:
    """Raises OpenbookError for what is no model of the Llama family."""
    path = recipe_folder / named
    if not path.exists():
        raise OpenbookError(f"base: there is no {path}; name a Hugging Face folder, a GGUF file, or a run's folder.")
    if path.is_file():
        return _of_gguf(path, said, cache)
    if (path / MODEL / "final.json").exists():
        return _of_run(path)
    if (path / TUNED / MODEL / "config.json").exists():
        return _of_tuned(path)
    release = path.parent if path.name == MODEL else path
    if (release / manifests.FILE_NAME).exists():
        return _of_release(release)
    return _of_folder(path, said)


def _of_run(run: Path) -> Base:
    record = read_record(run / MODEL)
    final = FinalModel.open(run / MODEL).final
    tokens = record.counts.get("tokens")
    sequence = (record.settings.get("train") or {}).get("sequence")
    flops = final.config.training_flops(int(sequence)) * tokens if tokens and sequence else None
    facts = {
        "kind": "openbook",
        "name": run.resolve().name,
        "digest": record.root,
        "identity": record.identity,
        "license": NOT_RECORDED,
        "link": NOT_RECORDED,
        "training_flops": flops or NOT_RECORDED,
    }
    return Base(final.folder, facts, final.config, run)


def _of_tuned(run: Path) -> Base:
    record = read_record(run / TUNED)
    model = Checkpoint.open(run / TUNED / MODEL)
    told = read_json(run / TUNED / "tuning.json")
    before, own = told["base"]["training_flops"], told["compute"]["flops"]
    facts = {
        "kind": "openbook tuned",
        "name": run.resolve().name,
        "digest": record.root,
        "identity": record.identity,
        "license": told["license"],
        "link": NOT_RECORDED,
        "training_flops": before if before == NOT_RECORDED else before + own,
        "base": told["base"],
    }
    return Base(model.folder, facts, model.config)


def _of_release(release: Path) -> Base:
    """A release of ours, or the folder `model` in it: cited by the root of its manifest, with what it says of itself.

    Raises OpenbookError when a file of the model is not what the manifest lists.
    """
    manifest = manifests.read(release)
    model = Checkpoint.open(release / MODEL)
    there = {f"{MODEL}/{name}": entry for name, entry in hash_files(model.folder).items()}
    listed = {name: entry for name, entry in manifest.files.items() if name.startswith(f"{MODEL}/")}
    wrong = sorted(name for name in there.keys() | listed.keys() if there.get(name) != listed.get(name))
    if wrong:
        raise OpenbookError(f"base: {wrong[0]} of {release} is not what its manifest lists: fetch the release again.")
    evidence = release / "evidence.json"
    told = read_json(evidence)["facts"] if evidence.exists() else {}

    def said(key: str) -> Any:
        value = (told.get(key) or {}).get("value")
        return NOT_RECORDED if value is None else value

    facts = {
        "kind": "openbook release",
        "name": manifest.name,
        "digest": manifest.root,
        "corpus_root": manifest.corpus_root,
        "model_root": said("model_root"),
        "license": said("license"),
        "link": said("url"),
        "training_flops": said("flops"),
    }
    return Base(model.folder, facts, model.config)


def _of_folder(folder: Path, said: OriginSettings) -> Base:
    model = Checkpoint.open(folder)
    if not model.tokenizer_path.exists():
        raise OpenbookError(f"base: {folder} has no tokenizer.json: put the tokenizer's files beside the weights.")
    card = stated_license(folder)
    facts = _told(said, folder.resolve().name, card, None, files_root(hash_files(folder)))
    return Base(folder, facts, model.config)


def _of_gguf(path: Path, said: OriginSettings, cache: Path) -> Base:
    from openbook.tune import gguf_base

    stated, digest = gguf_base.facts(path), sha256_file(path)
    folder = cache / "dequantized" / digest
    if not folder.exists():
        with atomic_path(folder) as temporary:
            gguf_base.write_folder(path, temporary)
    facts = _told(said, stated["name"] or path.stem, stated["license"], stated["link"], digest)
    return Base(folder, facts | {"dequantized_from": stated["format"]}, Checkpoint.open(folder).config, file=path)


def _told(said: OriginSettings, name: str, license_: str | None, link: str | None, digest: str) -> dict[str, Any]:
    """What the recipe says comes before what the files say."""
    return {
        "kind": "other",
        "name": said.name or name,
        "digest": digest,
        "license": said.license or license_ or NOT_RECORDED,
        "link": said.link or link or NOT_RECORDED,
        "training_flops": said.training_flops or NOT_RECORDED,
    }
