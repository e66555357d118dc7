"""Small corpora and parallel texts on disk, of the pages and sentences that the tests carry for every language."""

import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from resiliparse.extract.html2text import extract_plain_text

from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus, parallel
from openbook.corpus.parallel import ParallelText
from openbook.progress import quiet

PAGES = Path(__file__).parents[1] / "pages"


@cache
def page_texts(language: str) -> tuple[str, ...]:
    pages = sorted((PAGES / language).glob("*.html"))
    return tuple(extract_plain_text(page.read_text(encoding="utf-8")) for page in pages)


def languages() -> list[str]:
    return sorted(folder.name for folder in PAGES.iterdir() if page_texts(folder.name))


def fill(folder: Path, texts: dict[str, list[tuple[str, str]]]) -> Corpus:
    """A corpus of `texts`: language -> (text, split)."""
    (folder / "documents").mkdir(parents=True)
    index = {}
    for language, given in texts.items():
        documents = dict(given).items()
        rows = sorted(
            (hashlib.sha256(f"{language}\0{text}".encode()).hexdigest(), text, split) for text, split in documents
        )
        table = {name: [row[place] for row in rows] for place, name in enumerate(("id", "text", "split"))}
        scored = pa.array([[("good", len(row[1]) % 10 / 10)] for row in rows], pa.map_(pa.string(), pa.float64()))
        table |= {"source": ["shelf"] * len(rows), "quality": scored}
        pq.write_table(pa.table(table), folder / "documents" / f"{language}.parquet")
        counts = {}
        for before in ("", "held_out_"):
            sizes = [len(text.encode()) for text, kind in documents if not before or kind == "held-out"]
            counts |= {f"{before}documents": len(sizes), f"{before}bytes": sum(sizes)}
        index[language] = counts
    (folder / "index.json").write_text(json.dumps({"languages": index, "root": "00" * 32}))
    return Corpus.open(folder)


@cache
def sentences() -> ParallelText:
    folder = Path(tempfile.mkdtemp())
    parallel.run(parallel.ParallelSettings(kind="own"), folder, Context(local(1), quiet(), folder))
    return ParallelText.open(folder)


def paragraphs(language: str) -> list[str]:
    return [part for text in page_texts(language) for part in text.split("\n") if len(part) > 60]


def small_corpus(folder: Path, chosen: list[str] | None = None) -> Corpus:
    """Each paragraph of the pages is a document; every fifth is held out."""
    texts = {}
    for language in chosen or languages():
        parts = paragraphs(language)
        texts[language] = [(part, "held-out" if place % 5 == 0 else "train") for place, part in enumerate(parts)]
    return fill(folder, texts)
