"""A dataset on a Hugging Face hub: which commit a revision means, which files a configuration and split name."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

from openbook.corpus.sources.page import Format
from openbook.corpus.sources.remote import Web
from openbook.corpus.sources.settings import HuggingFaceSource
from openbook.errors import OpenbookError

ENDPOINT = "https://huggingface.co"
SUFFIXES: Mapping[str, Format] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".json": "jsonl",
    ".json.gz": "jsonl",
    ".json.zst": "jsonl",
}
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Words by which the field tells splits apart in names of files."""


@dataclass(frozen=True)
class HubFile:
    path: str
    format: Format
    size: int
    sha256: str | None
    """As the hub knows it, for large files."""


@dataclass(frozen=True)
class Dataset:
    commit: str
    files: tuple[HubFile, ...]
    facts: dict[str, Any]


def endpoint_of(source: HuggingFaceSource) -> str:
    return (source.endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def authorization() -> dict[str, str]:
    """From the environment alone, and handed to the hub alone."""
    token = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    return {"authorization": f"Bearer {token.strip()}"} if token else {}


def address(source: HuggingFaceSource, commit: str, path: str) -> str:
    return f"{endpoint_of(source)}/datasets/{source.dataset}/resolve/{commit}/{quote(path)}"


def find(source: HuggingFaceSource, web: Web) -> Dataset:
    """Raises OpenbookError when there is no such dataset, revision, configuration or split, or it takes a token."""
    about = f"{endpoint_of(source)}/api/datasets/{source.dataset}"
    facts, _ = web.json(f"{about}/revision/{quote(source.revision, safe='')}")
    commit, card = facts.get("sha"), facts.get("cardData") or {}
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        raise OpenbookError(f"source {source.name!r}: {about} does not say which commit {source.revision!r} is.")
    files = list(_tree(f"{about}/tree/{commit}?recursive=true", web))
    chosen = _choose(source, files, card.get("configs"))
    license = card.get("license")
    told = {
        "source": source.name,
        "kind": source.kind,
        "dataset": source.dataset,
        "revision": source.revision,
        "commit": commit,
        "card_license": license if isinstance(license, str | list) else None,
        "files": len(chosen),
        "bytes": sum(file.size for file in chosen),
    }
    return Dataset(commit, tuple(chosen), told)


def _tree(url: str, web: Web) -> Iterator[HubFile]:
    """Every file of the repository that this program can read, over all pages of the listing."""
    following: str | None = url
    while following:
        rows, headers = web.json(following)
        for row in rows:
            suffix = re.search(r"\.[a-z]+(\.(gz|zst))?$", row.get("path", ""))
            if row.get("type") == "file" and suffix and suffix[0] in SUFFIXES:
                large = row.get("lfs") or {}
                size = int(large.get("size", row.get("size", 0)))
                yield HubFile(row["path"], SUFFIXES[suffix[0]], size, large.get("oid") or large.get("sha256"))
        link = re.search(r'<([^>]+)>\s*;[^,]*rel="?next"?', headers.get("link", ""))
        following = urljoin(following, link[1]) if link else None


def _choose(source: HuggingFaceSource, files: Sequence[HubFile], configs: Any) -> list[HubFile]:
    if source.files is not None:
        chosen, wanted = _matching(files, source.files), f"files = {source.files!r}"
    else:
        wanted = f"config = {source.config!r}, split = {source.split!r}"
        declared = [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
        if any("data_files" in one or "data_dir" in one for one in declared):
            chosen = _by_card(source, files, declared)
        else:
            chosen = _by_name(source, files)
    if not chosen:
        some = ", ".join(file.path for file in files[:5]) or "none"
        raise OpenbookError(
            f"source {source.name!r} is empty: {source.dataset} has no Parquet or JSONL file for {wanted}. Of such "
            f"files it has {len(files):,} ({some}{', …' if len(files) > 5 else ''}): name them under `files`, or take "
            'the Parquet that the hub made with revision = "refs/convert/parquet".'
        )
    return sorted(chosen, key=lambda file: file.path)


def _by_card(
    source: HuggingFaceSource, files: Sequence[HubFile], configs: Sequence[Mapping[str, Any]]
) -> list[HubFile]:
    """As the dataset's card declares its configurations."""
    names = [str(one.get("config_name", "default")) for one in configs]
    name = source.config
    if name is None:
        standing = [str(one.get("config_name", "default")) for one in configs if one.get("default")]
        name = standing[0] if standing else "default" if "default" in names or len(names) != 1 else names[0]
    if name not in names:
        raise OpenbookError(
            f"source {source.name!r}: {source.dataset} has no configuration {name!r}; "
            f"name one under `config`: {', '.join(names[:40])}{', …' if len(names) > 40 else ''}."
        )
    config = configs[names.index(name)]
    folder = str(config.get("data_dir") or "").strip("/")
    declared = config.get("data_files")
    if declared is None:
        inside = [file for file in files if file.path.startswith(f"{folder}/")]
        return [file for file in inside if _is_split(file.path, source.split, inside)]
    if isinstance(declared, Mapping):
        declared = [{"split": split, "path": path} for split, path in declared.items()]
    if isinstance(declared, str):
        declared = [declared]
    patterns: list[str] = []
    splits: list[str] = []
    for one in declared:
        split, path = (one.get("split", "train"), one.get("path", [])) if isinstance(one, Mapping) else ("train", one)
        splits.append(str(split))
        if source.split is None or str(split) == source.split:
            patterns += [f"{folder}/{each}".lstrip("/") for each in ([path] if isinstance(path, str) else path)]
    if not patterns:
        raise OpenbookError(
            f"source {source.name!r}: {source.dataset} ({name}) has no split {source.split!r}; "
            f"name one under `split`: {', '.join(dict.fromkeys(splits))}."
        )
    return _matching(files, patterns)


def _by_name(source: HuggingFaceSource, files: Sequence[HubFile]) -> list[HubFile]:
    """Without a declaration: a configuration is a folder, a split a word in the name of a file or folder."""
    if source.config is not None:
        files = [file for file in files if source.config in file.path.split("/")[:-1]]
    return [file for file in files if _is_split(file.path, source.split, files)]


def _is_split(path: str, split: str | None, files: Sequence[HubFile]) -> bool:
    if split is None:
        return True
    found = _split_of(path)
    if found is None and split == "train":
        return all(_split_of(file.path) is None for file in files)  # nothing tells splits apart: all is one
    return found == split or split in _words(path)


def _split_of(path: str) -> str | None:
    words = _words(path)
    return next((split for split, names in _SPLITS.items() if any(name in words for name in names)), None)


def _words(path: str) -> list[str]:
    """From the name of the file backwards, since the innermost word tells most."""
    return [word for word in re.split(r"[^a-zA-Z]+", path) if word][::-1]


def _matching(files: Sequence[HubFile], patterns: Sequence[str]) -> list[HubFile]:
    expressions = [glob_expression(pattern.removeprefix("./").lstrip("/")) for pattern in patterns]
    return [file for file in files if any(one.fullmatch(file.path) for one in expressions)]


def glob_expression(pattern: str) -> re.Pattern[str]:
    """`*` and `?` stay inside a folder, `**` does not; `[…]` as in a shell."""
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            out, at = out + f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]", end + 1
        else:
            out, at = out + {"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at])), at + 1
    return re.compile(out)
