"""Which facts stand in which document, in which order: layouts/*.toml as the one tree that all forms are made of."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from openbook.release.fact import Fact, Table
from openbook.release.facts import Facts

DOCUMENTS = {
    "summary": ("summary", ""), "form-office": ("form", "o"), "form-authority": ("form", "n"),
    "form-downstream": ("form", "d"), "model-card": ("model-card", ""), "data-card": ("data-card", ""),
    "osaid": ("osaid", ""), "mof": ("mof", ""),
}  # fmt: skip
"""Document -> its layout, and the reader whose items it shows ("" for all)."""
MODIFICATION = "modification"
"""The one document of a tuned model."""


@dataclass(frozen=True)
class Item:
    label: str
    key: str
    readers: str


@dataclass(frozen=True)
class Section:
    number: str
    title: str
    fields: tuple[tuple[Item, Fact], ...]
    tables: tuple[tuple[str, Table], ...]


@cache
def _layout(name: str) -> list[dict[str, object]]:
    path = files("openbook.release.documents").joinpath(f"layouts/{name}.toml")
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["section"])


def item(text: str) -> Item:
    """`label = key @readers`, label and readers optional."""
    rest, _, readers = text.partition("@")
    label, equals, key = (part.strip() for part in rest.partition("="))
    return Item(label, key if equals else label, readers.strip() or "ond")


def sections(document: str, facts: Facts) -> Iterator[Section]:
    """The tree of a document. A table without rows is left out."""
    layout, reader = DOCUMENTS.get(document, (document, ""))
    for one in _layout(layout):
        fields = [item(text) for text in one.get("fields", [])]  # type: ignore[attr-defined]
        tables = [item(text) for text in one.get("tables", [])]  # type: ignore[attr-defined]
        yield Section(
            str(one["number"]),
            str(one["title"]),
            tuple((each, facts.facts[each.key]) for each in fields if not reader or reader in each.readers),
            tuple(
                (each.key, facts.tables[each.key])
                for each in tables
                if (not reader or reader in each.readers) and facts.tables[each.key].rows
            ),
        )


@cache
def summary_sections() -> dict[str, str]:
    """Fact or table of the public summary -> number of its section in the template."""
    found: dict[str, str] = {}
    for one in _layout("summary"):
        for kind in ("fields", "tables"):
            for text in one.get(kind, []):  # type: ignore[attr-defined]
                found.setdefault(item(text).key, str(one["number"]))
    return found


def missing(facts: Facts) -> list[str]:
    """Keys of facts that a document shows and no record holds, sorted."""
    found = set()
    for document in DOCUMENTS:
        for section in sections(document, facts):
            found |= {each.key for each, fact in section.fields if not fact.recorded}
    return sorted(found)
