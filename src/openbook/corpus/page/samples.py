"""Which texts the page shows: of each language and rule the first in order of ids, which are hashes: as good as drawn.

Texts of pages that their makers reserved, that were left out by name, or that are sealed for auditors are not among
them: the page is published.
"""

import html
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

KEPT_RULE = ""
LONGEST = 1600
"""Characters of a text that are held, or shown."""
BUDGET = 1_400_000
"""Bytes that all samples together take on the page, about."""
_AROUND = 550
"""Bytes of a sample that are not its text."""
_SHORTEST = 160
_HELD_BACK = ("optout", "rights")
SEALED = "sealed"
NEAR = "duplicates:near"


@dataclass
class Sample:
    rule: str
    """Empty for a document that was kept."""
    group: str
    """The language that it is shown under: that of its file."""
    language: str
    id: str
    url: str
    title: str
    text: str | None
    """None where it is held back."""
    sealed: bool = False
    """Whether only auditors may read it: of such a one nothing is held but its id."""
    measure: float | None = None
    detail: str | None = None
    duplicate_of: str | None = None
    similarity: float | None = None
    original: str = ""
    """Text of the document that it duplicates."""
    original_url: str = ""


class Samples:
    """At most `most` of each language and rule."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.found: dict[tuple[str, str], list[Sample]] = {}
        self.wanted: dict[str, list[Sample]] = {}

    def dropped(self, group: str, table: pa.Table) -> None:
        self._take(group, table.column("rejected_by").to_pylist(), table)

    def kept(self, group: str, table: pa.Table) -> None:
        self._take(group, [KEPT_RULE] * table.num_rows, table)
        if not self.wanted:
            return
        ids = table.column("id").to_pylist()
        rights = table.column("rights").to_pylist()
        for at in [row for row, id in enumerate(ids) if id in self.wanted and rights[row] != SEALED]:
            text, url = table.column("text")[at].as_py(), table.column("url")[at].as_py()
            for sample in self.wanted[ids[at]]:
                sample.original, sample.original_url = _cut(text, LONGEST), _cut(url, 300)

    def _take(self, group: str, rules: list[str], table: pa.Table) -> None:
        rows: list[int] = []
        room: dict[str, int] = {}
        for at, rule in enumerate(rules):
            left = room.setdefault(rule, self.most - len(self.found.setdefault((rule, group), [])))
            if left > 0:
                room[rule] = left - 1
                rows.append(at)
        names = [
            name for name in table.column_names if name not in ("scores", "pii", "quality", "reservations", "hints")
        ]
        for row in table.select(names).take(pa.array(rows, pa.int64())).to_pylist():
            self.found[row.get("rejected_by") or KEPT_RULE, group].append(_sample(row, group))

    def want_originals(self) -> None:
        """Of the near duplicates: filled in as `kept` comes by them."""
        for (rule, _), samples in self.found.items():
            for sample in samples:
                if rule == NEAR and sample.duplicate_of:
                    self.wanted.setdefault(sample.duplicate_of, []).append(sample)

    def chosen(self) -> list[Sample]:
        """Cut so that all of them fit the page, however many languages and rules there are."""
        groups = sorted(self.found.items())
        total = sum(len(samples) for _, samples in groups)
        each = self.most
        while each > 1 and total * (_AROUND + 2 * _SHORTEST) > BUDGET:
            each -= 1
            total = sum(min(each, len(samples)) for _, samples in groups)
        room = max(BUDGET // max(total, 1) - _AROUND, _SHORTEST)
        chosen = [sample for _, samples in groups for sample in samples[:each]]
        for sample in chosen:
            half = room // 2 if sample.original else room
            sample.text = None if sample.text is None else fit(sample.text, half)
            sample.original = fit(sample.original, half)
        return chosen


def _sample(row: dict[str, Any], group: str) -> Sample:
    rule = row.get("rejected_by") or KEPT_RULE
    if row.get("rights") == SEALED:
        return Sample(rule, group, row["language"], row["id"], url="", title="", text=None, sealed=True)
    stage = rule.split(":")[0]
    shown = stage not in _HELD_BACK
    return Sample(
        rule=rule,
        group=group,
        language=row["language"],
        id=row["id"],
        url=_cut(row["url"] or "", 300) if stage != "optout" else "",  # who asked to go is not pointed at
        title=_cut((row["title"] or "") if shown else "", 160),
        text=_cut(row["text"] or "", LONGEST) if shown else None,
        measure=row.get("measure"),
        detail=_cut(row.get("detail") or "", 200) or None,
        duplicate_of=row.get("duplicate_of"),
        similarity=row.get("similarity"),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " […]"


def fit(text: str, room: int) -> str:
    """The beginning of a text that takes at most about `room` bytes, escaped for HTML."""
    size = len(html.escape(text).encode())
    while size > room and text:
        text = text.removesuffix(" […]")
        text = text[: min(len(text) * room // size, len(text) - 1)] + " […]"
        size = len(html.escape(text).encode())
        if len(text) <= 5:
            break
    return text
