"""Ready text: columns as the recipe names them, broken rows counted, any row found again."""

import gzip
import hashlib
import json
import subprocess
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from openbook.compute import local
from openbook.context import Context
from openbook.corpus.sources import RawPage, Sources, read, run
from openbook.corpus.sources.settings import Columns, JsonlSource, ParquetSource
from openbook.errors import OpenbookError
from openbook.progress import quiet

COLUMNS = Columns(text="content", id="key", url="meta.url", date="date", language="lang", license="meta.license")
ROWS = [
    {
        "key": f"doc-{number}",
        "content": f"Dokument {number}:\nčetrnaest riječi.",
        "lang": "hr",
        "date": "2024-05-01",
        "meta": {"url": f"https://example.hr/{number}", "license": "CC0-1.0"},
    }
    for number in range(40)
]
PACKERS = {".jsonl": bytes, ".jsonl.gz": partial(gzip.compress, mtime=0), ".jsonl.zst": zstandard.compress}


def build(source: JsonlSource | ParquetSource, folder: Path) -> tuple[Sources, list[RawPage]]:
    work = folder / "work"
    work.mkdir()
    run([source], work, Context(local(1), quiet(), folder / "cache"), folder)
    sources = Sources.open(work)
    return sources, [page for file in sources.files for page in read(file, sources.locate(file.name))]


def jsonl(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def check(sources: Sources, pages: list[RawPage]) -> None:
    assert [page.text for page in pages] == [row["content"] for row in ROWS]
    third = pages[3]
    assert third.url == "https://example.hr/3" and third.license == "CC0-1.0" and third.language == "hr"
    assert third.date.startswith("2024-05-01") and third.record_id == "own:doc-3"
    for page in pages:
        body = sources.open_record(page.file, page.offset)
        assert body.decode() == page.text and page.payload_digest == "sha256:" + hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("suffix", PACKERS)
def test_jsonl_rows_become_pages_and_are_found_again(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(PACKERS[suffix](jsonl(ROWS)))
    sources, pages = build(JsonlSource(kind="jsonl", name="own", paths=[f"*{suffix}"], columns=COLUMNS), tmp_path)
    check(sources, pages)
    assert pages[1].offset == len(jsonl(ROWS[:1])) == pages[0].length


def test_parquet_rows_become_pages_and_are_found_again(tmp_path: Path) -> None:
    rows = [{**row, "date": datetime(2024, 5, 1)} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=7)
    source = ParquetSource(kind="parquet", name="own", paths=["a.parquet"], columns=COLUMNS)
    sources, pages = build(source, tmp_path)
    check(sources, pages)
    assert [page.offset for page in pages] == list(range(40))


def test_broken_lines_are_errors_in_their_place(tmp_path: Path) -> None:
    good = b'{"text": "fine"}\n'
    bad = [b"{broken\n", b'"a string"\n', b'{"text": 5}\n', b'{"text": "\xff\xfe"}\n', b'{"other": "x"}\n']
    (tmp_path / "a.jsonl").write_bytes(good + b"".join(line + good for line in bad) + b"\n \n")
    _, pages = build(JsonlSource(kind="jsonl", name="own", paths=["a.jsonl"]), tmp_path)
    assert [page.error is None for page in pages] == [True, *[False, True] * len(bad)]
    assert pages[1].offset == len(good) and pages[1].length == len(bad[0])
    assert str(pages[5].error).startswith("no text in column 'text'")


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_truncated_jsonl_yields_what_stands_before_the_break(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": hashlib.sha256(str(number).encode()).hexdigest() * 40} for number in range(3000)]
    whole = PACKERS[suffix](jsonl(rows))  # type: ignore[arg-type]
    (tmp_path / f"a{suffix}").write_bytes(whole[: len(whole) // 2])
    _, pages = build(JsonlSource(kind="jsonl", name="own", paths=[f"a{suffix}"]), tmp_path)
    assert pages[-1].error and len(pages) > 500
    assert [page.text for page in pages[:-1]] == [row["text"] for row in rows[: len(pages) - 1]]


def test_line_of_200_megabytes_is_a_counted_rejection(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "before"}\n{"text": "')
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"text": "after"}\n')
    _, pages = build(JsonlSource(kind="jsonl", name="own", paths=["a.jsonl"]), tmp_path)
    assert [page.text for page in pages] == ["before", None, "after"]
    assert pages[1].error and "longer than" in pages[1].error and pages[1].length == (200 << 20) + 13


def test_file_that_is_no_parquet_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but no more")
    _, pages = build(ParquetSource(kind="parquet", name="own", paths=["a.parquet"]), tmp_path)
    assert len(pages) == 1 and pages[0].error and "not readable as Parquet" in pages[0].error


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_column_that_is_not_there_is_a_sentence_that_names_those_that_are(tmp_path: Path, kind: str) -> None:
    columns = Columns(text="body")
    (tmp_path / "a.jsonl").write_bytes(jsonl(ROWS))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    source: JsonlSource | ParquetSource = JsonlSource(kind="jsonl", name="own", paths=["a.jsonl"], columns=columns)
    if kind == "parquet":
        source = ParquetSource(kind="parquet", name="own", paths=["a.parquet"], columns=columns)
    with pytest.raises(OpenbookError, match=r"no column 'body'; it has content, .*meta\.url"):
        build(source, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_parquet_of_one_large_row_group_is_streamed(tmp_path: Path) -> None:
    """120 MB of text that does not compress in one row group, read with little more than a page in memory."""
    chance = np.random.Generator(np.random.Philox(1))
    letters = (chance.integers(0, 64, 120 << 20, dtype=np.uint8) + 40).tobytes().decode()
    text = pa.array([letters[at : at + (32 << 10)] for at in range(0, len(letters), 32 << 10)])
    with pq.ParquetWriter(
        tmp_path / "a.parquet", pa.schema([("text", pa.string())]), use_dictionary=False, write_batch_size=16
    ) as writer:
        writer.write_table(pa.table({"text": text}), row_group_size=len(text))
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == 1
    assert (tmp_path / "a.parquet").stat().st_size > 110_000_000
    script = (
        "import sys; from pathlib import Path\n"
        "from openbook.corpus.sources import SourceFile, read\n"
        "import pyarrow.parquet\n"
        "peak = lambda: int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "file = SourceFile('a.parquet', 'own', 'parquet', '', 0, mapping={'text': 'text'})\n"
        "count = sum(1 for page in read(file, Path(sys.argv[1])) if page.text)\n"
        "print(count, (peak() - before) // 1024)\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "a.parquet"]
    done = subprocess.run(command, capture_output=True, text=True)
    count, megabytes = map(int, done.stdout.split())
    assert count == len(text) and megabytes < 110, f"{megabytes} MB {done.stderr}"
