"""The annotated/ artifact: a row for every page that was read, kept or not."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.corpus.policies import Answer

INDEX = "index.json"
NOTE = b"openbook"
"""Key of a part's metadata: what it was made from, where its span was entered and where the next page or record begins,
whether it is its span's last; bytes of text, errors, policy files, records that are no pages."""
POLICY_FILE = "rights:policy-file"
"""What a robots.txt is rejected by: it is kept for what it says of other pages."""
CUT = "cut"
"""Among the hints of a page of which only the beginning was read."""


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

    def not_pages(self) -> dict[str, dict[str, int]]:
        """Source -> kind (type of record, status, media type) -> records that hold no page."""
        found: dict[str, Counter[str]] = {}
        for row in orjson.loads((self.folder / INDEX).read_bytes()):
            found.setdefault(row["source"], Counter()).update(row["not_pages"])
        return {source: dict(sorted(kinds.items())) for source, kinds in sorted(found.items())}

    def policy_files(self) -> dict[str, list[tuple[str, str | None]]]:
        """Host -> (path, text) of every robots.txt and its like among the pages; no text where it cannot be read."""
        from openbook.corpus.policies import by_site

        return by_site(self.policy_answers())

    def policy_answers(self) -> "list[Answer]":
        """What was answered when the sites were asked for them."""
        import pyarrow.parquet as pq

        from openbook.corpus.policies import Answer

        found: list[Answer] = []
        for part in self.parts:
            file = pq.ParquetFile(part)
            if not orjson.loads(file.metadata.metadata[NOTE])["policies"]:
                continue
            for batch in file.iter_batches(512, columns=["url", "text", "rejected_by", "detail"]):
                for row in batch.to_pylist():
                    if row["rejected_by"] == POLICY_FILE:
                        found.append(Answer(row["url"], row["text"], row["detail"]))
        return found
