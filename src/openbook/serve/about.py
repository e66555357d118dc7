"""What is known of a model that is served from a release: its facts, its tables, its documents to read."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any

from openbook.serve.target import Target

FACTS = ("provider", "documents", "tokens_seen", "intended_use", "limits")
COLUMNS = ("language", "documents", "tokens_to_english", "bits_per_byte", "low", "high", "baseline")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""A document of a release comes from whoever made the release: it is shown, and may do nothing."""
KINDS = {
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/plain",
    ".txt": "text/plain",
    ".yml": "text/plain",
}
"""What of a release a browser shows. Its documents link to its tables: every figure leads to its entry."""
LARGEST = 64 * 2**20
_PAPER = re.compile(r"documents/([^/]+)/[^/]+\.html")
_TITLE = re.compile(r"<title>(.*?)</title>", re.S)


@dataclass(frozen=True)
class About:
    """A release folder."""

    folder: Path

    @classmethod
    def of(cls, target: Target) -> "About | None":
        """The release that a model's file lies in; None where it lies in none."""
        for folder in target.path.resolve().parents[:3]:
            manifest = _object(folder / "manifest.json")
            if target.release is not None and manifest.get("root") == target.release:
                return cls(folder)
        return None

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        return _object(self.folder / "manifest.json")

    @property
    def corpus_root(self) -> str | None:
        root = self._manifest.get("corpus_root")
        return root if isinstance(root, str) else None

    def facts(self) -> dict[str, Any]:
        """Figures and words of the evidence, the evaluation by language, the loss by file, the documents' addresses."""
        evidence = _object(self.folder / "evidence.json")
        known = evidence.get("facts") or {}
        table = (evidence.get("tables") or {}).get("evaluation") or {}
        return {
            "facts": {name: known[name]["value"] for name in FACTS if (known.get(name) or {}).get("value") is not None},
            "evaluation": _rows(table),
            "loss": _loss(_object(self.folder / "reports" / "loss.json")),
            "papers": self.papers,
        }

    @cached_property
    def papers(self) -> list[dict[str, str]]:
        """language, path and title of each document."""
        found = []
        for path in sorted(self._manifest.get("files") or ()):
            named, content = _PAPER.fullmatch(path), self.file(path)
            if named and content:
                title = _TITLE.search(content[0][:8192].decode("utf-8", "replace"))
                found.append(
                    {"language": named[1], "path": path, "title": unescape(title[1]).strip() if title else path}
                )
        return found

    def file(self, path: str) -> tuple[bytes, str] | None:
        """A file that the manifest lists, and its media type; None for others, and for what no browser shows."""
        place = (self.folder / path).resolve()
        if path not in (self._manifest.get("files") or ()) or place.suffix not in KINDS:
            return None
        if not place.is_relative_to(self.folder.resolve()) or not place.is_file() or place.stat().st_size > LARGEST:
            return None
        return place.read_bytes(), KINDS[place.suffix]


def _rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    columns = table.get("columns") or []
    rows = [
        {name: cell.get("value") for name, cell in zip(columns, row, strict=False)} for row in table.get("rows", ())
    ]
    return [{name: row.get(name) for name in COLUMNS} for row in rows if row.get("bits_per_byte") is not None]


def _loss(table: dict[str, Any]) -> dict[str, Any] | None:
    """Each file's size, and per language its mean divergence from the checkpoint, in nats."""
    files = table.get("files") or {}
    if not files:
        return None
    codes = sorted({code for file in files.values() for code in file["languages"]})
    return {
        "files": [{"name": name, "bytes": file.get("bytes")} for name, file in files.items()],
        "languages": {code: [_divergence(file["languages"].get(code)) for file in files.values()] for code in codes},
    }


def _divergence(row: dict[str, Any] | None) -> float | None:
    return ((row or {}).get("mean_divergence") or {}).get("value")


def _object(path: Path) -> dict[str, Any]:
    """A JSON object of the release; an empty one where there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
