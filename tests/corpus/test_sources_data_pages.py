"""A Parquet file whose data pages are larger than a worker may hold is left out with the reason; others are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openbook.corpus.sources import SourceFile, data_pages
from openbook.corpus.sources.ready import read_parquet

TEXTS = [f"{number} " + "The boats come back in the morning. " * (number % 40) for number in range(400)]
SIZE = sum(4 + len(text) for text in TEXTS)
"""Of all of them in the plain encoding: four bytes of length before each value."""


def write(path: Path, page: int, **options: object) -> None:
    table = pa.table({"id": range(len(TEXTS)), "body": TEXTS, "tags": [["a", "b"]] * len(TEXTS)})
    pq.write_table(table, path, data_page_size=page, use_dictionary=False, row_group_size=1000, **options)


def largest(path: Path) -> int:
    column = pq.read_metadata(path).row_group(0).column(1)
    with path.open("rb") as file:
        return data_pages.largest(file, column.data_page_offset, column.data_page_offset + column.total_compressed_size)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "zstd", "snappy"])
def test_the_largest_page_is_as_large_as_its_values(tmp_path: Path, compression: str, version: str) -> None:
    write(tmp_path / "one", 1 << 30, compression=compression, data_page_version=version)
    assert SIZE <= largest(tmp_path / "one") <= SIZE + 100
    write(tmp_path / "many", 10_000, compression=compression, data_page_version=version, write_batch_size=10)
    assert 10_000 <= largest(tmp_path / "many") <= 10_000 + 10 * max(map(len, TEXTS)) + 200


def test_a_row_group_with_a_page_that_is_too_large_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_pages, "MOST", 100_000)
    file = SourceFile("own/a.parquet", "own", "parquet", "0" * 64, 0, mapping={"text": "body"})
    write(tmp_path / "a.parquet", 1 << 30)
    (left_out,) = read_parquet(file, tmp_path / "a.parquet")
    assert "column body has a data page of" in (left_out.error or "") and left_out.length == len(TEXTS)
    write(tmp_path / "a.parquet", 10_000, write_batch_size=10)
    assert [page.text for page in read_parquet(file, tmp_path / "a.parquet")] == TEXTS


def test_a_broken_header_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(b"\xff" * 100)
    with path.open("rb") as file, pytest.raises(ValueError, match="header"):
        data_pages.largest(file, 0, 100)
