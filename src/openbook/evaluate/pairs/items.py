"""A minimal pair and the files it stands in: ours (JSON lines, with provenance) and MultiBLiMP's (tab-separated)."""

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from openbook.books.store import write_bytes
from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Pair:
    language: str
    phenomenon: str
    """`SV-#`: number of subject and verb. `NP-G`: gender within a noun phrase. The part after the dash: # number,
    P person, G gender, C case, D definiteness. See `generate` for the others."""
    good: str
    bad: str
    source: str
    """Treebank file and sentence id, or the data set."""
    changed: str = ""
    """What was done: `word 4: jest -> sont`."""
    license: str | None = None
    """SPDX identifier of the treebank's license."""


def write_pairs(pairs: Iterable[Pair], path: Path) -> None:
    """One JSON object a line, in the order given."""
    lines = (json.dumps(asdict(pair), ensure_ascii=False, sort_keys=True) for pair in pairs)
    write_bytes(path, "".join(line + "\n" for line in lines).encode())


def read_pairs(path: Path) -> list[Pair]:
    """Raises OpenbookError naming file and line for a row that is no pair."""
    pairs = []
    for number, line in enumerate(_lines(path), 1):
        try:
            pairs.append(Pair(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise OpenbookError(f"{path}, line {number}: not a minimal pair ({error}).") from None
    return pairs


def read_multiblimp(path: Path, language: str) -> list[Pair]:
    """MultiBLiMP 1.0 (Jumelet et al. 2025): a TSV with the columns sen, wrong_sen and phenomenon.

    Raises OpenbookError when columns are missing or a row is short.
    """
    reader = csv.DictReader(_lines(path), delimiter="\t")
    missing = {"sen", "wrong_sen"} - set(reader.fieldnames or ())
    if missing:
        raise OpenbookError(f"{path} is not a file of MultiBLiMP: it has no column {sorted(missing)[0]}.")
    pairs = []
    for number, row in enumerate(reader, 2):
        if not row["sen"] or not row["wrong_sen"]:
            raise OpenbookError(f"{path}, row {number}: a sentence is missing.")
        pairs.append(Pair(language, row.get("phenomenon") or "all", row["sen"], row["wrong_sen"], "MultiBLiMP"))
    return pairs


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OpenbookError(f"{path} cannot be read: {error}.") from None
