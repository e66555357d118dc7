"""The annotated/ artifact: a row for every page that was read, kept or not."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import orjson

from openbook.errors import OpenbookError

INDEX = "index.json"
NOTE = b"openbook"
"""Key of a part's metadata: what it was made from, where its span was entered and where the next page or record begins,
whether it is its span's last; bytes of text, errors, policy files."""
POLICY_FILE = "rights:policy-file"
"""What a robots.txt is rejected by: it is kept for what it says of other pages."""


@dataclass(frozen=True)
class Annotated:
    """The annotated/ artifact: a row for every page that was read."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no such artifact."""
        if not (folder / INDEX).is_file():
            raise OpenbookError(f"{folder} holds no annotated pages: it has no {INDEX}.")
        return cls(folder)

    @cached_property
    def parts(self) -> list[Path]:
        """In the order of the names of the source files."""
        rows = orjson.loads((self.folder / INDEX).read_bytes())
        return [self.folder / part for row in rows for part in row["parts"]]

    def policy_files(self) -> dict[str, list[tuple[str, str]]]:
        """Host -> (path, text) of every robots.txt and its like among the pages."""
        import pyarrow.parquet as pq

        from openbook.corpus.robots import host_of

        found: dict[str, list[tuple[str, str]]] = {}
        for part in self.parts:
            file = pq.ParquetFile(part)
            if not orjson.loads(file.metadata.metadata[NOTE])["policies"]:
                continue
            for batch in file.iter_batches(512, columns=["url", "text", "rejected_by"]):
                for row in batch.to_pylist():
                    if row["rejected_by"] == POLICY_FILE:
                        found.setdefault(host_of(row["url"]), []).append((urlsplit(row["url"]).path, row["text"]))
        return dict(sorted(found.items()))
