"""What is to be served? Finds a release's model, or takes a GGUF file or a Hugging Face folder, and what is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.model import Checkpoint, final_checkpoint
from openbook.serve.gguf_header import GgufHeader, read_header
from openbook.serve.identity import digest
from openbook.serve.settings import EngineName


@dataclass(frozen=True)
class Target:
    """A checked model with the facts that clients and the page are told."""

    path: Path  # a GGUF file or a Hugging Face folder; of an upstream's model, nothing
    name: str
    converses: bool  # tuned to answer messages; a base model only completes text
    release: str | None  # the release's root, when it comes from one
    languages: tuple[str, ...]
    license: str | None
    architecture: str
    parameters: int | None
    trained_context: int  # tokens the model was trained to see at once
    chat_template: str | None
    specials: Mapping[str, str | None]  # the texts of the `bos`, `eos` and `padding` tokens
    adds_bos: bool  # whether BOS is put before a text

    def tokenizer_info(self) -> dict[str, str | bool | None]:
        """The texts of the special tokens, and whether BOS is put before a text."""
        return {
            "eos_token": self.specials.get("eos"),
            "bos_token": self.specials.get("bos"),
            "pad_token": self.specials.get("padding"),
            "add_bos_token": self.adds_bos,
            "chat_template": self.chat_template,
        }

    @property
    def has_template(self) -> bool:
        return bool(self.chat_template)


@dataclass(frozen=True)
class GgufTarget(Target):
    """A GGUF file, for llama.cpp."""

    header: GgufHeader

    @property
    def gguf(self) -> Path:
        return self.path


@dataclass(frozen=True)
class FolderTarget(Target):
    """A Hugging Face folder of a Llama, for our own engine."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class UpstreamTarget(Target):
    """A model of another server; `path` is nothing that exists."""

    url: str
    key: str | None
    kind: str  # what the server calls itself, as far as it is known
    sha256: str | None


def find(path: Path, name: str | None = None, engine: EngineName = "auto") -> Target:
    """The model at `path`: a release folder, a GGUF file, or a Hugging Face folder of a Llama.

    `engine` chooses between a release's two forms, and must fit the only form that other paths have. OpenbookError says
    why it cannot be served.
    """
    if not path.exists():
        raise OpenbookError(f"{path} does not exist. Give a release folder or a .gguf file, or a Hugging Face folder.")
    if path.is_dir() and (path / "manifest.json").is_file():
        return _from_release(path, name, engine)
    if path.is_dir() and ((path / "config.json").is_file() or (path / "final.json").is_file()):
        if engine == "llama.cpp":
            raise OpenbookError(f"{path} is a Hugging Face folder, and llama.cpp reads GGUF files. Leave --engine out.")
        found = _from_folder(path, name)
        return _of_release(found, found.path / "model.safetensors")
    if path.is_dir():
        text = f"{path} is not a release: it holds no manifest.json. Give a release folder or a .gguf file."
        raise OpenbookError(text)
    if engine == "pytorch":
        raise OpenbookError(f"{path} is a GGUF file, and the PyTorch engine reads Hugging Face folders. Give one.")
    return _of_release(_from_file(path, name), path)


def _from_file(path: Path, name: str | None) -> GgufTarget:
    header = read_header(path)
    return GgufTarget(
        path=path,
        name=name or path.stem,
        converses=bool(header.text("tokenizer.chat_template")),
        release=None,
        languages=_languages(header.metadata.get("general.languages")),
        license=header.text("general.license"),
        architecture=header.architecture,
        parameters=header.parameters,
        trained_context=header.number(f"{header.architecture}.context_length") or 2048,
        chat_template=header.text("tokenizer.chat_template"),
        specials={special: header.special(special) for special in ("bos", "eos", "padding")},
        adds_bos=bool(header.metadata.get("tokenizer.ggml.add_bos_token", False)),
        header=header,
    )


def _from_folder(folder: Path, name: str | None) -> FolderTarget:
    checkpoint = final_checkpoint(folder)
    told = _settings(checkpoint.folder / "tokenizer_config.json")
    template = checkpoint.folder / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.is_file() else told.get("chat_template")
    names = {"bos": "bos_token", "eos": "eos_token", "padding": "pad_token"}
    return FolderTarget(
        path=checkpoint.folder,
        name=name or folder.resolve().name,
        converses=isinstance(text, str),
        release=None,
        languages=(),
        license=None,
        architecture="llama",
        parameters=checkpoint.config.parameters,
        trained_context=checkpoint.config.context,
        chat_template=text if isinstance(text, str) else None,
        specials={ours: _token(told.get(theirs)) for ours, theirs in names.items()},
        adds_bos=bool(told.get("add_bos_token", False)),
        checkpoint=checkpoint,
    )


def _of_release(found: Target, weights: Path) -> Target:
    """The same model, known as its release's where it is a file of one that still has the digest of the manifest."""
    for folder in weights.resolve().parents[:3]:
        listed = folder / "manifest.json"
        if not listed.is_file():
            continue
        try:
            manifest = _manifest(folder)
        except OpenbookError:
            return found  # some other program's manifest
        files = manifest.get("files")
        entry = files.get(weights.resolve().relative_to(folder).as_posix()) if isinstance(files, dict) else None
        if not isinstance(entry, dict) or not weights.is_file() or entry.get("sha256") != digest(weights):
            return found
        return _told(found, manifest)
    return found


def _told(found: Target, manifest: Mapping[str, Any]) -> Target:
    """With what the manifest tells of its model."""
    kind = manifest.get("kind")  # "base" or "chat"; a release of a pretrained model is a base model unless it says so
    return replace(
        found,
        converses=kind == "chat" and found.has_template,
        release=manifest.get("root") if isinstance(manifest.get("root"), str) else None,
        languages=_languages(manifest.get("languages")) or found.languages,
    )


def _from_release(folder: Path, name: str | None, engine: EngineName) -> Target:
    manifest = _manifest(folder)
    found = _release_folder(folder) if engine == "pytorch" else _release_gguf(folder, manifest)
    return replace(_told(found, manifest), name=name or str(manifest.get("name") or folder.resolve().name))


def _release_folder(folder: Path) -> FolderTarget:
    if not (folder / "model" / "config.json").is_file():
        raise OpenbookError(f"{folder} holds no model folder for the PyTorch engine. Leave --engine out.")
    return _from_folder(folder / "model", None)


def _release_gguf(folder: Path, manifest: dict[str, Any]) -> GgufTarget:
    place = manifest.get("serve")
    if not isinstance(place, str):
        raise OpenbookError(f"{folder / 'manifest.json'} does not name a GGUF under 'serve'. Make the release again.")
    gguf = (folder / place).resolve()
    if not gguf.is_relative_to(folder.resolve()):
        raise OpenbookError(f"{folder / 'manifest.json'} names {place}, which lies outside of the release.")
    if not gguf.is_file():
        raise OpenbookError(
            f"{folder} lacks {place}, the file it says is to be served. Check it: openbook verify {folder}"
        )
    return _from_file(gguf, None)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as trouble:
        raise OpenbookError(f"{path} is not JSON: {trouble}. Make the release again.") from None
    if not isinstance(manifest, dict):
        raise OpenbookError(f"{path} is not a manifest: it should hold an object.")
    return manifest


def _languages(value: object) -> tuple[str, ...]:
    return tuple(str(code) for code in value) if isinstance(value, (list, tuple)) else ()


def _settings(path: Path) -> dict[str, Any]:
    """The content of a tokenizer_config.json; nothing where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as trouble:
        raise OpenbookError(f"{path} is not JSON: {trouble}. Write it again.") from None
    return content if isinstance(content, dict) else {}


def _token(value: object) -> str | None:
    """A special token's text, which Hugging Face writes plainly or as an object."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
