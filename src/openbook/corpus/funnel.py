"""How many pages of each language and source came how far: read, extracted, identified, through each rule, kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import orjson

from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.ledger import Ledger
from openbook.languages import LANGUAGES

STAGES = (
    "read",
    "optout",
    "blocklist",
    "extract",
    "identify",
    "language",
    "gopher",
    "repetition",
    "fineweb",
    "c4",
    "quality",
    "decontaminate",
    "rights",
    "duplicates",
    "cap",
)
"""The first half of a rule's name, in the order in which pages pass."""


POLICIES = "policy file"
"""Among the records that are no pages: it speaks of pages."""


def stage_of(rule: str) -> str:
    """The stage of a rule that is written stage:rule."""
    return rule.split(":")[0]


def place_of(rule: str) -> tuple[int, str]:
    """Sorts rules, or stages, in the order in which pages pass; a stage that is not in the list goes last."""
    stage = stage_of(rule)
    return STAGES.index(stage) if stage in STAGES else len(STAGES), stage


@dataclass(frozen=True)
class Line:
    language: str
    source: str
    read: int
    rejected: Mapping[str, int]
    """Rule -> pages."""
    kept: int
    bytes: int
    held_out: int

    def left_after(self, stage: str) -> int:
        """Pages that came through this stage and all before it."""
        passed = place_of(stage)
        return self.read - sum(count for rule, count in self.rejected.items() if place_of(rule) <= passed)

    def rejected_at(self, stage: str) -> int:
        return sum(count for rule, count in self.rejected.items() if stage_of(rule) == stage)


@dataclass(frozen=True)
class Funnel:
    lines: tuple[Line, ...]
    """Sorted by language and source."""
    not_pages: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Source -> kind -> records of a crawl that hold no page, a robots.txt and its like (POLICIES) among them. With
    `read` they make up all records."""

    @classmethod
    def of(cls, book: Ledger, not_pages: Mapping[str, Mapping[str, int]] | None = None) -> Self:
        lines = []
        others = {name: dict(kinds) for name, kinds in (not_pages or {}).items()}
        keys = np.stack([book.language, book.source], axis=1)
        pairs, group = np.unique(keys, axis=0, return_inverse=True) if len(keys) else (keys, np.empty(0, np.int64))
        group = group.reshape(-1)
        for number, (language, source) in enumerate(pairs):
            rows = np.flatnonzero(group == number)
            rules, counts = np.unique(book.rule[rows], return_counts=True)
            kept = rows[book.rule[rows] == -1]
            rejected = {book.names[rule]: int(count) for rule, count in zip(rules, counts, strict=True) if rule != -1}
            policies = rejected.pop(POLICY_FILE, 0)
            if policies:
                kinds = others.setdefault(book.names[source], {})
                kinds[POLICIES] = kinds.get(POLICIES, 0) + policies
            if rows.size == policies:
                continue
            lines.append(
                Line(
                    book.names[language],
                    book.names[source],
                    int(rows.size) - policies,
                    dict(sorted(rejected.items())),
                    int(kept.size),
                    int(book.bytes[kept].sum()),
                    int(book.held_out[kept].sum()),
                )
            )
        sorted_ = {name: dict(sorted(kinds.items())) for name, kinds in sorted(others.items())}
        return cls(tuple(sorted(lines, key=lambda line: (line.language, line.source))), sorted_)

    def json(self) -> bytes:
        rows = [
            {
                "language": line.language,
                "source": line.source,
                "read": line.read,
                "rejected": dict(line.rejected),
                "kept": line.kept,
                "bytes": line.bytes,
                "held_out": line.held_out,
            }
            for line in self.lines
        ]
        table = {"stages": STAGES, "lines": rows, "not_pages": self.not_pages}
        return orjson.dumps(table, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Fields that this version does not know are left out."""
        table: dict[str, Any] = orjson.loads(data)
        names = [one.name for one in fields(Line)]
        lines = tuple(Line(**{name: row[name] for name in names}) for row in table["lines"])
        return cls(lines, table.get("not_pages", {}))

    def by_language(self) -> list[Line]:
        """One line a language, sources added up; the table's order first, others behind."""
        merged: dict[str, Line] = {}
        for line in self.lines:
            merged[line.language] = _add(merged.get(line.language), line, source="")
        order = {code: at for at, code in enumerate(LANGUAGES)}
        return sorted(merged.values(), key=lambda line: (order.get(line.language, 999), line.language))

    def by_source(self) -> list[Line]:
        merged: dict[str, Line] = {}
        for line in self.lines:
            merged[line.source] = _add(merged.get(line.source), line, language="")
        return [merged[source] for source in sorted(merged)]

    def total(self) -> Line:
        whole: Line | None = None
        for line in self.lines:
            whole = _add(whole, line, language="", source="")
        return whole or Line("", "", 0, {}, 0, 0, 0)


def stages_used(lines: Iterable[Line]) -> list[str]:
    """Stages that reject something, in the order in which pages pass."""
    return sorted({stage_of(rule) for line in lines for rule in line.rejected}, key=place_of)


def _add(first: Line | None, second: Line, language: str | None = None, source: str | None = None) -> Line:
    language = second.language if language is None else language
    source = second.source if source is None else source
    if first is None:
        return Line(language, source, second.read, second.rejected, second.kept, second.bytes, second.held_out)
    rules = sorted({*first.rejected, *second.rejected})
    return Line(
        language,
        source,
        first.read + second.read,
        {rule: first.rejected.get(rule, 0) + second.rejected.get(rule, 0) for rule in rules},
        first.kept + second.kept,
        first.bytes + second.bytes,
        first.held_out + second.held_out,
    )
