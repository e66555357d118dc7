"""Most memory that a worker takes, and the seconds that it takes, on hostile pages and on real ones.

    python benchmarks/corpus/memory.py [crawl.warc.gz ...] [--case NAME ...] [--json]

Each case is a small crawl that one fresh worker annotates in batches, as it does in a run: four pages of its kind among
ordinary ones. Exits 1 when a worker took more than 600 MB (VmHWM, as the kernel counts it)."""

import argparse
import gzip
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MOST = 600.0
"""MB (millions of bytes) that a worker may take."""
MIB = 1 << 20
SENTENCE = "The boats that come back in the morning bring more fish than the harbour can sell in one day. "
COPIES = 4
NOISE = random.Random(0).randbytes(15 * MIB)


def words(count: int) -> str:
    """Text without repetition, as far as that goes."""
    return " ".join(f"word{number * 7919 % 999_983:x} {SENTENCE.split()[number % 18]}" for number in range(count // 2))


def page(body: str) -> bytes:
    return f"<!doctype html><html lang=en><head><title>Case</title></head><body>{body}</body></html>".encode()


def bomb(coding: str) -> tuple[bytes, str]:
    data = bytes(512 * MIB)
    return (gzip.compress(data) if coding == "gzip" else zlib.compress(data)), coding


CASES: dict[str, Callable[[], tuple[bytes, str]]] = {
    "16 MB of <div>": lambda: (page("<div>" * (16 * MIB // 5 - 100)), ""),
    "16 MB of <div>x": lambda: (page("<div>x" * (16 * MIB // 6 - 100)), ""),
    "16 MB of <p>x": lambda: (page("<p>x" * (16 * MIB // 4 - 100)), ""),
    "16 MB of one text": lambda: (page("<p>" + SENTENCE * (15 * MIB // len(SENTENCE))), ""),
    "16 MB of different words": lambda: (page("<p>" + words(1_700_000)[: 15 * MIB]), ""),
    "4 million characters": lambda: (page("<p>" + words(460_000)[:3_990_000]), ""),
    "4 million Greek letters": lambda: (page("<p>" + "καλημέρα κόσμε " * 266_000), ""),
    "4 million rare characters": lambda: (page("<p>" + "\U00010348\U0001f600 " * 1_300_000), ""),
    "1 million attributes": lambda: (page("<p " + " ".join(f"a{n}=1" for n in range(1_000_000)) + ">text"), ""),
    "1 million entities": lambda: (page("<p>" + "&amp;&copy;" * 1_000_000), ""),
    "one line of 4 MB": lambda: (page("<pre>" + "a" * (4 * MIB - 1000)), ""),
    "100,000 links": lambda: (page("".join(f'<a href="/{n}">link {n}</a> ' for n in range(100_000))), ""),
    "table of 1,000 x 1,000": lambda: (page("<table>" + ("<tr>" + "<td>7</td>" * 1000 + "</tr>") * 1000), ""),
    "100,000 deep": lambda: (page("<ul><li>" * 100_000 + SENTENCE), ""),
    "1 million lines": lambda: (page("<pre>" + "\n".join(f"{n} x" for n in range(1_000_000))), ""),
    "500,000 addresses": lambda: (page("<p>" + " ".join(f"a{n}@x{n % 97}.eu" for n in range(250_000))), ""),
    "16 MB of < and quotes": lambda: (page("<\"'" * (16 * MIB // 3 - 100)), ""),
    "16 MB of JSON-LD": lambda: (
        page('<script type="application/ld+json">' + "[" * (8 * MIB) + "]" * (7 * MIB) + "</script><p>x"),
        "",
    ),
    "random bytes as UTF-16": lambda: (b"\xff\xfe<\0p\0>\0" + NOISE, ""),
    "random bytes": lambda: (b"<html><p>" + NOISE, ""),
    "gzip bomb": lambda: bomb("gzip"),
    "deflate bomb": lambda: bomb("deflate"),
    "records of 200 MB": lambda: (page("x" * (200 * MIB)), ""),
    "records of 15 MB": lambda: (page("<!--" + "x" * (15 * MIB) + "-->" + SENTENCE), ""),
    "ready text of 15 MB": lambda: (words(1_700_000)[: 15 * MIB].encode(), "text"),
    "ready text of 4 MB": lambda: (words(450_000)[:3_990_000].encode(), "text"),
}


def lines_of_60_mb(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(COPIES):
            file.write(b'{"text": "' + words(7_000_000)[: 60 * MIB].encode() + b'"}\n')


def one_row_group(path: Path) -> None:
    """Data pages of 5 MB, as a writer makes them of rows of 5 kB."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [f"{number} {SENTENCE * 2}{words(800)}" for number in range(1000)] * 120
    pq.write_table(pa.table({"text": texts}), path, row_group_size=len(texts), use_dictionary=False)


READY: dict[str, tuple[str, Callable[[Path], None]]] = {
    "lines of 60 MB": ("case.jsonl", lines_of_60_mb),
    "one row group of 600 MB": ("case.parquet", one_row_group),
}
"""Ready text: name of the file, and what writes it."""


def records(body: bytes, coding: str) -> Iterator[bytes]:
    kind = "text/plain" if coding == "text" else "text/html"
    extra = f"Content-Encoding: {coding}\r\n" if coding not in ("", "text") else ""
    for number in range(COPIES):
        yield record(f"https://case.example/{number}", body, kind, extra)
        for other in range(20):
            text = f"<h1>Page {other}</h1><p>{SENTENCE * (5 + other)}</p>"
            yield record(f"https://case.example/{number}/{other}", page(text), "text/html", "")


def record(url: str, body: bytes, kind: str, extra: str) -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\n{extra}\r\n".encode()
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:x:{url}>\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http) + len(body)}\r\n\r\n"
    return head.encode() + http + body + b"\r\n\r\n"


def write_case(name: str, folder: Path) -> Path:
    if name in READY:
        path = folder / READY[name][0]
        READY[name][1](path)
        return path
    path = folder / "case.warc.gz"
    with path.open("wb") as file:
        for one in records(*CASES[name]()):
            file.write(gzip.compress(one, 1))
    return path


def measure(path: Path, folder: Path) -> dict[str, Any]:
    """In a process of its own: annotate the file, span after span, as a worker does."""
    from openbook.corpus import AnnotateSettings
    from openbook.corpus.parts import Task, annotate_span
    from openbook.corpus.sources import SourceFile, span_starts

    kind: Any = path.suffix[1:] if path.suffix in (".jsonl", ".parquet") else "warc"
    mapping = {} if kind == "warc" else {"text": "text"}
    file = SourceFile(f"case/{path.name}", "case", kind, "0" * 64, path.stat().st_size, mapping=mapping)
    starts, settings = span_starts(file, path), AnnotateSettings()
    cache = Path(tempfile.gettempdir()) / "openbook-benchmark"
    parts: list[str] = []
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
        parts += annotate_span(Task(file, path, folder, settings, settings, cache, number, start, stop)).parts
    status, spent = Path("/proc/self/status").read_text(), time.process_time()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {"peak_mb": peak * 1024 / 1e6, "cpu_s": spent, "rules": became(folder, parts)}


def became(folder: Path, parts: list[str]) -> dict[str, int]:
    """Rule -> pages, of the case's own pages."""
    import pyarrow.parquet as pq

    rules: dict[str, int] = {}
    for part in parts:
        table = pq.read_table(folder / part, columns=["url", "rejected_by"])
        for url, rule in zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True):
            if url.count("/") == 3 or "case.example" not in url:
                rules[rule or "annotated"] = rules.get(rule or "annotated", 0) + 1
    return rules


def in_worker(path: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), "--measure", folder, str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return {"peak_mb": float("nan"), "cpu_s": 0.0, "rules": {f"died ({result.returncode})": 1}}
    return dict(json.loads(result.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawls", type=Path, nargs="*")
    parser.add_argument("--case", action="append", choices=[*CASES, *READY])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(options.crawls[0], options.measure)))
        return
    rows: list[dict[str, Any]] = []
    if not options.json:
        print(f"{'case':28} {'MB':>6} {'CPU s':>7}  what became of them")
    for name in [*(options.case or [*CASES, *READY]), *map(str, options.crawls)]:
        with tempfile.TemporaryDirectory() as folder:
            path = write_case(name, Path(folder)) if name in (*CASES, *READY) else Path(name)
            rows.append({"case": name if name in (*CASES, *READY) else path.name, **in_worker(path)})
        if not options.json:
            row = rows[-1]
            told = ", ".join(f"{rule} {count:,}" for rule, count in sorted(row["rules"].items()))
            print(f"{row['case']:28} {row['peak_mb']:6.0f} {row['cpu_s']:7.2f}  {told}", flush=True)
    if options.json:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "rows": rows}))
    sys.exit(any(not row["peak_mb"] <= MOST for row in rows))


if __name__ == "__main__":
    main()
