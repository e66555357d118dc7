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
    def corpus_root(self) -> str | None:
        root = _object(self.folder / "manifest.json").get("corpus_root")
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
            "papers": [{"language": language, "name": name, "title": t} for (language, name), t in self.papers.items()],
        }

    @cached_property
    def papers(self) -> dict[tuple[str, str], str]:
        """(language, name) of each document -> its title."""
        found = {}
        for path in sorted((self.folder / "documents").glob("*/*.html")):
            title = _TITLE.search(path.read_text(encoding="utf-8", errors="replace")[:8192])
            found[path.parent.name, path.stem] = unescape(title[1]).strip() if title else path.stem
        return found

    def paper(self, language: str, name: str) -> bytes | None:
        """A document as it stands in the release; None for what is none of its documents."""
        if (language, name) not in self.papers:
            return None
        path = (self.folder / "documents" / language / f"{name}.html").resolve()
        return path.read_bytes() if path.is_relative_to(self.folder.resolve()) and path.is_file() else None


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
