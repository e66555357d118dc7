"""Smaller files of any Llama model, a run's or somebody else's, with the loss table: what `openbook quantize` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from openbook import quantize
from openbook.books.digest import sha256_file
from openbook.books.record import Record, files_root, hash_files
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.model import Checkpoint, final_checkpoint
from openbook.model.gguf import Provenance
from openbook.model.gguf_reader import GgufModel
from openbook.quantize import QuantizeSettings, texts
from openbook.quantize.original import CheckpointOriginal, GgufOriginal, Original
from openbook.quantize.texts import LanguageTexts
from openbook.step import Step, difference, dump, execute, read_step

SHIPPED = "parallel"
"""In place of a folder: the sentences that lie in the package, in every language of its table."""


@dataclass(frozen=True)
class Model:
    original: Original
    digest: str
    said_by: str
    """Whose probabilities the files are held to."""
    run: Path | None = None
    """The run that it was trained in."""


def find_model(path: Path, name: str | None, license: str | None, languages: Sequence[str]) -> Model:
    """A run's folder, a release's, a Hugging Face Llama folder, a GGUF file in F16, BF16 or F32.

    Raises OpenbookError for what is none of these.
    """
    if path.is_file():
        GgufModel.open(path)
        return Model(GgufOriginal(path.resolve()), sha256_file(path), f"those of {path.name} (llama.cpp)")
    run = path if (path / "model" / "final.json").is_file() else None
    inside = path / "model"
    checkpoint = (
        final_checkpoint(inside) if run else Checkpoint.open(inside if (inside / "config.json").exists() else path)
    )
    told = Provenance(name or path.resolve().name, license, tuple(languages))
    folder = checkpoint.folder.resolve()
    return Model(CheckpointOriginal(folder, folder, told), files_root(hash_files(folder)), quantize.OURS, run)


def find_texts(given: str | None, run: Path | None, settings: QuantizeSettings) -> tuple[list[LanguageTexts], str]:
    """Texts by language and a digest of where they come from: those of a run, of a folder of files such as `mt.txt`,
    or those that lie in the package."""
    folder = Path(given) if given and given != SHIPPED else run if given is None else None
    if folder is None:
        with as_file(files("openbook.corpus") / "parallel_text") as shipped:
            return texts.of_lines(texts.read_folder(shipped), settings, SHIPPED), SHIPPED
    if not folder.is_dir():
        raise OpenbookError(f"{folder} is no folder: name a run's, one with files such as mt.txt, or {SHIPPED}.")
    if (folder / "corpus" / "index.json").exists():
        corpus, parallel = Corpus.open(folder / "corpus"), ParallelText.open(folder / "parallel")
        root = ", ".join(read_step(folder / step).root for step in ("corpus", "parallel"))
        return texts.of_run(corpus, parallel, settings), root
    return texts.of_lines(texts.read_folder(folder), settings, "files"), files_root(hash_files(folder))


def chosen(languages: list[LanguageTexts], codes: Sequence[str] | None) -> list[LanguageTexts]:
    """Raises OpenbookError for a code without texts."""
    if codes is None:
        return languages
    lacking = sorted(set(codes) - {one.language for one in languages})
    if lacking:
        raise OpenbookError(f"there is no text of {', '.join(lacking)} to measure the loss on.")
    return [one for one in languages if one.language in codes]


def quantize_model(
    path: Path,
    out: Path,
    settings: QuantizeSettings,
    context: Context,
    calibrate: str | None = None,
    measure: str | None = None,
    codes: Sequence[str] | None = None,
    name: str | None = None,
    license: str | None = None,
) -> Record:
    """Write `out`, with a record; what stands there and still matches is left. `calibrate` and `measure`: as
    `find_texts` takes them; the same texts are halved where no second ones are named.

    Raises OpenbookError for a model, texts or formats that do not go, and for a broken gate.
    """
    run = path if (path / "model" / "final.json").is_file() else None
    given, digest = find_texts(calibrate if measure is None else measure, run, settings)
    languages = chosen(given, codes)
    if calibrate is not None and measure not in (None, calibrate):
        others, other_digest = find_texts(calibrate, run, settings)
        own = {one.language: one.calibrate + (one.measured if one.source != "held-out" else ()) for one in others}
        languages = [
            LanguageTexts(one.language, own.get(one.language, ()), one.measured, one.checked, one.source)
            for one in languages
        ]
        digest = f"{digest}, {other_digest}"
    model = find_model(path, name, license, [one.language for one in languages])
    target = out.resolve()
    if target.exists() and not (target / "record.json").exists() and any(target.iterdir()):
        raise OpenbookError(f"{out} holds other things: name a folder that is empty or not there yet.")
    target.parent.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"quantize": settings, "languages": [one.language for one in languages]}
    step = Step(
        name=target.name,
        version=quantize.VERSION,
        settings={key: dump(value) for key, value in told.items()} | {"name": name, "license": license},
        inputs=(),
        run=lambda _, work, inner: quantize.quantize(
            settings, model.original, languages, (), work, inner, model.said_by
        ),
        evidence={"the model": model.digest, "the texts": digest},
    )
    if difference(step, target.parent):
        return execute(step, target.parent, context)
    return read_step(target)
