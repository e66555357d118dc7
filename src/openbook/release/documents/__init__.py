"""The documents of a release, each rendered from the one evidence record: pages for people, companions for programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openbook.books.digest import canonical_json
from openbook.books.store import write_bytes
from openbook.release.documents import companions, render
from openbook.release.documents.croissant import croissant
from openbook.release.documents.layout import DOCUMENTS, missing
from openbook.release.documents.mlbom import mlbom
from openbook.release.documents.texts import LANGUAGES
from openbook.release.facts import FILE, Facts, gather_facts

__all__ = ["DOCUMENTS", "LANGUAGES", "missing", "write"]

COMPANIONS: dict[str, Callable[[Path, Facts], dict[str, Any]]] = {
    "croissant.json": croissant,
    "documents/mlbom.cdx.json": mlbom,
}


def write(release: Path) -> Facts:
    """Derive the evidence from the files of a release folder and write it and every document into the folder."""
    facts = gather_facts(release)
    evidence = facts.as_dict() | {"missing": missing(facts)}
    write_bytes(release / FILE, canonical_json(evidence) + b"\n")
    for document in DOCUMENTS:
        for language in LANGUAGES:
            place = release / "documents" / language
            write_bytes(place / f"{document}.html", render.html(document, facts, language).encode())
            write_bytes(place / f"{document}.md", render.markdown(document, facts, language).encode())
        write_bytes(release / f"documents/{document}.json", _json(render.tree(document, facts)))
    write_bytes(release / "README.md", companions.readme(facts).encode())
    write_bytes(release / "mof.yml", companions.mof_yml(facts).encode())
    for name, make in COMPANIONS.items():
        plain, anchors = companions.split(make(release, facts))
        write_bytes(release / name, _json(plain))
        write_bytes(release / "documents" / f"{Path(name).stem}.anchors.json", _json(anchors))
    return facts


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"
