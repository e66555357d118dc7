"""What is drawn by lot among the pages that are kept: who goes beyond the cap of a language, who is held out.

The lot is a keyed hash of the id, so it falls the same whatever the order of the pages.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.books.chance import key
from openbook.corpus.compiled import kernel
from openbook.corpus.ledger import Ledger
from openbook.corpus.settings import HeldOutSettings

CAP_RULE = "cap:bytes"


def mark_cap(ledger: Ledger, most_bytes: int | None) -> None:
    """Reject what goes beyond the cap of a language; documents stay in order of the hash of their ids."""
    if most_bytes is None:
        return
    for rows in _by_language(ledger):
        rows = _drawn(ledger, rows, "cap")
        beyond = np.cumsum(ledger.bytes[rows]) > most_bytes
        beyond[:1] = False
        ledger.rule[rows[beyond]] = ledger.index(CAP_RULE)


def mark_held_out(ledger: Ledger, settings: HeldOutSettings) -> None:
    """Choose each language's held-out documents in order of the hash of their ids."""
    for rows in _by_language(ledger):
        rows = _drawn(ledger, rows, "held-out")
        sizes = ledger.bytes[rows]
        least = min(settings.at_least, rows.size // 10)
        wanted = max(int(settings.share * rows.size), least, 1) if rows.size > 1 and settings.share else 0
        taken = rows[_fitting(sizes, wanted, min(settings.most_bytes, int(sizes.sum()) // 10))]
        if wanted and not taken.size:
            taken = rows[np.lexsort([*ledger.id_words(rows)[::-1], sizes])[:1]]
        ledger.held_out[taken] = True


def _by_language(ledger: Ledger) -> list[NDArray[np.int64]]:
    """The kept rows of each language that has any."""
    kept = ledger.kept
    kept = kept[np.argsort(ledger.language[kept], kind="stable")]
    return np.split(kept, np.flatnonzero(np.diff(ledger.language[kept])) + 1) if kept.size else []


@kernel
def _fitting(sizes: Any, wanted: Any, bound: Any) -> Any:
    """Places of the first `wanted` that fit into `bound` bytes together; one that does not fit is passed over."""
    taken = np.empty(min(wanted, sizes.size), np.int64)
    count, held = 0, 0
    for at in range(sizes.size):
        if count == wanted:
            break
        if held + sizes[at] <= bound:
            taken[count] = at
            held += sizes[at]
            count += 1
    return taken[:count]


def _drawn(ledger: Ledger, rows: NDArray[np.int64], purpose: str) -> NDArray[np.int64]:
    """The rows in the order of a keyed hash of their ids: those are SHA-256, so a number of each is random already."""
    words = ledger.id_words(rows)
    keyed = np.uint64(key(0, f"corpus {purpose}") & 0xFFFFFFFFFFFFFFFF)
    return rows[np.lexsort([*words[::-1], _mixed(words[0], keyed)])]


@kernel
def _mixed(words: Any, keyed: Any) -> Any:
    out = np.empty(words.size, np.uint64)
    for at in range(words.size):
        h = words[at] ^ keyed
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        out[at] = h ^ (h >> np.uint64(33))
    return out
