"""How often each signal about rights was found, and how often one could not be read: rights.json of the corpus."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.robots import PolicyFile, Site


def counts(verdicts: Sequence[Path], policies: Mapping[str, Sequence[PolicyFile]]) -> bytes:
    """JSON: `reservations` and `unreadable`, signal -> pages; `rights`, answer -> pages; `policy_files`, path -> files;
    `unreadable_sites`, kind of file -> sites."""
    pages: dict[str, Counter[str]] = {"reservations": Counter(), "unreadable": Counter(), "rights": Counter()}
    for path in verdicts:
        table = pq.read_table(path, columns=[*pages, "rejected_by"])
        table = table.filter(pc.fill_null(pc.not_equal(table.column("rejected_by"), POLICY_FILE), True))
        for name in ("reservations", "unreadable"):
            for row in table.column(name).to_pylist():
                pages[name].update(row or ())
        pages["rights"].update(table.column("rights").to_pylist())
    files = Counter(path for texts in policies.values() for path, _ in texts)
    sites = Counter(kind for texts in policies.values() for kind in set(Site(texts).unreadable))
    counted = {**pages, "policy_files": files, "unreadable_sites": sites}
    sorted_ = {name: dict(sorted(counter.items())) for name, counter in counted.items()}
    return orjson.dumps(sorted_, option=orjson.OPT_INDENT_2) + b"\n"
