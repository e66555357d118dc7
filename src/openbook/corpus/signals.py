"""How often each signal about rights was found or could not be read, and what the recipe did: rights.json."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.robots import PolicyFile, Site
from openbook.corpus.snapshots import Snapshots

FILE = "rights.json"


def counts(
    verdicts: Sequence[Path], policies: Mapping[str, Sequence[PolicyFile]], handed_in: Snapshots | None = None
) -> bytes:
    """JSON: `reservations` and `unreadable`, signal -> pages; `unreadable_by_source`, signal -> source -> answer of the
    recipe -> pages; `rights`, answer -> pages; `policy_files`, path -> files; `unreadable_sites`, kind of file ->
    sites; `cut_policy_files`, path -> sites of which only the beginning was read; `snapshots`, files and `damaged`,
    file -> places that cannot be read. A policy file is no page."""
    pages: dict[str, Counter[str]] = {"reservations": Counter(), "unreadable": Counter(), "rights": Counter()}
    by_source: dict[str, dict[str, Counter[str]]] = {}
    for path in verdicts:
        table = pq.read_table(path, columns=[*pages, "source", "rejected_by"])
        table = table.filter(pc.fill_null(pc.not_equal(table.column("rejected_by"), POLICY_FILE), True))
        for row in table.column("reservations").to_pylist():
            pages["reservations"].update(row or ())
        rights = table.column("rights").to_pylist()
        for row, source, answer in zip(
            table.column("unreadable").to_pylist(), table.column("source").to_pylist(), rights, strict=True
        ):
            for kind in row or ():
                pages["unreadable"][kind] += 1
                by_source.setdefault(kind, {}).setdefault(source, Counter())[answer] += 1
        pages["rights"].update(rights)
    known = [Site(texts, host) for host, texts in policies.items()]
    counted = {
        **pages,
        "unreadable_by_source": by_source,
        "policy_files": Counter(path for texts in policies.values() for path, _ in texts),
        "unreadable_sites": Counter(kind for site in known for kind in set(site.unreadable)),
        "cut_policy_files": Counter(path for site in known for path in set(site.cut)),
        "snapshots": {"files": handed_in.files, "damaged": handed_in.damaged} if handed_in else {},
    }
    return orjson.dumps(counted, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
