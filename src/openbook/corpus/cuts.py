"""What is cut from the texts of kept pages: lines that their site repeats, and what evaluation sets hold.

A text loses one or the other (see `duplicate_marks`). Where placeholders for personal data stand is told anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from openbook.corpus import decontaminate, line_keys

Span = tuple[int, int]


def without(table: pa.Table, verdicts: pa.Table, lines: Mapping[int, NDArray[np.int32]], start: int) -> pa.Table:
    """The table with the texts of kept pages cut; others stay whole, so that one sees why they were dropped.

    verdicts: of the same rows. lines: row in the part -> numbers of the lines to be cut; `start`: the first row's.
    """
    kept = pc.is_null(verdicts.column("rejected_by")).to_pylist()
    pieces = verdicts.column("pieces")
    quoting = pc.is_valid(pieces).to_pylist()
    mine = [at for at, stays in enumerate(kept) if stays and (quoting[at] or start + at in lines)]
    if not mine:
        return table
    texts, spans = table.column("text").to_pylist(), table.column("pii_spans").to_pylist()
    for at in mine:
        if quoting[at]:
            left, between = decontaminate.left(texts[at], pieces[at].as_py()), decontaminate.BETWEEN
        else:
            left, between = line_keys.left(texts[at], lines[start + at]), "\n"
        texts[at] = between.join(texts[at][first:last] for first, last in left)
        spans[at] = moved(spans[at] or [], left, len(between))
    for name, values in (("text", texts), ("pii_spans", spans)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table


def moved(spans: Sequence[Mapping[str, Any]], left: Sequence[Span], gap: int) -> list[Mapping[str, Any]]:
    """Where the spans of a text stand in what is left of it; one that is no longer there whole is left out.

    left: the places that stay, ascending; gap: characters between two of them afterwards.
    """
    found: list[Mapping[str, Any]] = [one for one in spans if one["part"] != "text"]
    within = [one for one in spans if one["part"] == "text"]
    begin = 0
    for first, last in left:
        shift = begin - first
        found += [
            {**one, "start": one["start"] + shift, "end": one["end"] + shift}
            for one in within
            if first <= one["start"] and one["end"] <= last
        ]
        begin += last - first + gap
    return sorted(found, key=lambda one: (one["part"], one["start"]))
