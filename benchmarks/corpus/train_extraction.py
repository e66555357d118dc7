"""Trains the forests of openbook.corpus.extract from pages annotated with snippets, and cross-validates them.

    python benchmarks/corpus/train_extraction.py annotated.jsonl.zst [--pages pages.warc.gz] [--out forest.json]

Labels: a block that holds a wanted snippet is main text, one that holds an unwanted snippet is not. Other blocks
count little: for them trafilatura's output stands in, and on sites with several pages, whether a text recurs on the
site. Needs lightgbm, scikit-learn and trafilatura; takes some minutes on one core."""

import argparse
import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lightgbm
import numpy as np
import orjson
import trafilatura
from annotated import fold, read_annotated, score
from fastwarc.warc import ArchiveIterator, WarcRecordType
from numpy.typing import NDArray

from openbook.corpus.extract.choose import choose
from openbook.corpus.extract.context import SECOND_NAMES, second_rows
from openbook.corpus.extract.decode import to_utf8
from openbook.corpus.extract.features import features
from openbook.corpus.extract.forest import Forest, Judge
from openbook.corpus.extract.main_text import title_of
from openbook.corpus.extract.reader import Blocks, Nodes, read
from openbook.corpus.extract.render import render

SHORTEST_SNIPPET = 10
PAGES_A_SITE = 8
PAGES_OF_A_SITE = 5  # from here on a site's recurring texts are known
RECURS = 3
BLOCKS_A_PAGE = 40  # at most so many blocks without annotation are drawn from a page
UNANNOTATED = 0.05  # their weight
FOLDS, INNER_FOLDS = 5, 4
TREES, SECOND_TREES = 80, 50
GROWTH = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.09, "min_data_in_leaf": 30, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "deterministic": True,
    "seed": 0,
}  # fmt: skip


@dataclass
class Page:
    url: str
    blocks: Blocks
    nodes: Nodes
    rows: NDArray[np.float32]
    texts: list[str]
    labels: NDArray[np.int8]  # 1 and 0 as annotated, -1 unknown
    guesses: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))

    @property
    def site(self) -> str:
        return urlsplit(self.url).netloc


def prepare(url: str, body: bytes, wanted: Sequence[str] = (), unwanted: Sequence[str] = ()) -> Page | None:
    raw = to_utf8(body)
    blocks, nodes, spans = read(raw)
    if not len(blocks.start):
        return None
    source = blocks.text.tobytes()
    texts = [
        fold(html.unescape(source[start:end].decode("utf-8", "replace")))
        for start, end in zip(blocks.start, blocks.end, strict=True)
    ]
    labels = np.full(len(texts), -1, np.int8)
    for label, snippets in ((0, unwanted), (1, wanted)):
        for snippet in snippets:
            for k, text in enumerate(texts):
                if snippet == text or len(snippet) >= SHORTEST_SNIPPET and snippet in text:
                    labels[k] = label
    title = title_of(np.frombuffer(raw, np.uint8), spans)
    page = Page(url, blocks, nodes, features(blocks, nodes, title), texts, labels)
    page.guesses = second_opinion(page, raw.decode("utf-8", "replace"))
    return page


def second_opinion(page: Page, source: str) -> NDArray[np.int8]:
    lines = [
        fold(line.lstrip("- ").replace("|", " "))
        for line in (trafilatura.extract(source, include_comments=False) or "").split("\n")
    ]
    known, whole = set(lines), fold(" ".join(lines))
    texts = [fold(text.replace("|", " ")) for text in page.texts]
    return np.array([text in known or len(text) >= 25 and text in whole for text in texts], np.int8)


def warc_pages(path: Path, annotated: Sequence[Page]) -> list[Page]:
    """HTML pages of a WARC, at most PAGES_A_SITE a site, none that is among the annotated ones."""
    urls = {page.url for page in annotated}
    long_texts = {text for page in annotated for text in page.texts if len(text) > 200}
    count: dict[str, int] = defaultdict(int)
    pages: list[Page] = []
    for record in ArchiveIterator(path.open("rb"), record_types=WarcRecordType.response, parse_http=True):
        url = record.headers.get("WARC-Target-URI") or ""
        site = urlsplit(url).netloc
        if url in urls or count[site] >= PAGES_A_SITE or "html" not in (record.http_content_type or "html"):
            continue
        page = prepare(url, record.reader.read())
        if page is None or any(text in long_texts for text in page.texts):
            continue
        count[site] += 1
        pages.append(page)
    use_recurrence(pages)
    return pages


def use_recurrence(pages: Sequence[Page]) -> None:
    """Where a site has enough pages: what recurs on it is not main text, running text that does not is."""
    sites: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        sites[page.site].append(page)
    for members in sites.values():
        if len(members) < PAGES_OF_A_SITE:
            continue
        count: dict[str, int] = defaultdict(int)
        for page in members:
            for text in set(page.texts):
                count[text] += 1
        for page in members:
            for k, text in enumerate(page.texts):
                if count[text] >= RECURS:
                    page.guesses[k] = 0
                elif (
                    count[text] == 1
                    and page.blocks.width[k] >= 25
                    and 2 * page.blocks.link_width[k] < page.blocks.width[k]
                ):
                    page.guesses[k] = 1


def samples(pages: Sequence[Page], rows: Sequence[NDArray[np.float32]], seed: int) -> lightgbm.Dataset:
    inputs, labels, weights = [], [], []
    for number, (page, matrix) in enumerate(zip(pages, rows, strict=True)):
        known = page.labels >= 0
        drawn = np.random.Generator(np.random.Philox([seed, number])).permutation(len(known))[:BLOCKS_A_PAGE]
        chosen = np.union1d(np.flatnonzero(known), drawn)
        size = np.sqrt(np.clip(page.blocks.width, 5, 400))
        weight = UNANNOTATED * 20 * size / size.sum() * max(1.0, len(known) / BLOCKS_A_PAGE)
        inputs.append(matrix[chosen])
        labels.append(np.where(known, page.labels, page.guesses)[chosen])
        weights.append(np.where(known, 1.0, weight)[chosen])
    return lightgbm.Dataset(np.concatenate(inputs), np.concatenate(labels), weight=np.concatenate(weights))


def grow(data: lightgbm.Dataset, trees: int) -> dict[str, Any]:
    """Boosted trees as the nested lists that openbook.corpus.extract.forest reads."""
    used: dict[int, int] = {}

    def plain(node: dict[str, Any]) -> Any:
        if "leaf_value" in node:
            return float(f"{node['leaf_value']:.4g}")
        place = used.setdefault(node["split_feature"], len(used))
        return [place, float(f"{node['threshold']:.6g}"), plain(node["left_child"]), plain(node["right_child"])]

    grown = lightgbm.train(GROWTH, data, trees).dump_model()["tree_info"]
    return {
        "trees": [plain(tree["tree_structure"]) for tree in grown],
        "features": [SECOND_NAMES[place] for place in used],
    }


def train(pages: Sequence[Page]) -> dict[str, Any]:
    """Both forests. The second learns from chances that the first gave to pages it had not seen."""
    rows = [page.rows for page in pages]
    sites = sorted({page.site for page in pages})
    turn = dict(zip(sites, np.random.Generator(np.random.Philox(7)).permutation(len(sites)) % INNER_FOLDS, strict=True))
    wider: list[NDArray[np.float32]] = list(rows)
    for fold_number in range(INNER_FOLDS):
        others = [page for page in pages if turn[page.site] != fold_number]
        first = Forest.of(grow(samples(others, [page.rows for page in others], fold_number), TREES))
        for k, page in enumerate(pages):
            if turn[page.site] == fold_number:
                wider[k] = second_rows(page.rows, first.chances(page.rows))
    return {"first": grow(samples(pages, rows, 11), TREES), "second": grow(samples(pages, wider, 12), SECOND_TREES)}


def text_by(judge: Judge, page: Page | None) -> str:
    return (
        ""
        if page is None
        else render(page.blocks, page.nodes, choose(page.blocks, page.nodes, judge.chances(page.rows)))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotated", type=Path)
    parser.add_argument("--pages", type=Path, help="a WARC of further pages, without annotation")
    parser.add_argument("--out", type=Path, help="where to write the forests trained on everything")
    parser.add_argument("--no-check", action="store_true", help="train only, no cross-validation")
    options = parser.parse_args()
    annotated = read_annotated(options.annotated)
    prepared = [
        prepare(page.url, page.html.encode("utf-8", "replace"), page.wanted, page.unwanted) for page in annotated
    ]
    known = [page for page in prepared if page is not None]
    further = warc_pages(options.pages, known) if options.pages else []
    print(f"{len(known)} annotated pages, {len(further)} further ones", flush=True)
    if not options.no_check:
        half = np.random.Generator(np.random.Philox(3)).permutation(len(prepared)) % 2
        folds = np.random.Generator(np.random.Philox(5)).permutation(len(prepared)) % FOLDS
        for name, parts in (("held-out half", half), (f"{FOLDS} folds", folds)):
            texts = [""] * len(prepared)
            for part in range(parts.max() + 1):
                seen = [page for page, its in zip(prepared, parts, strict=True) if page is not None and its != part]
                judge = Judge.of(train(seen + further))
                for k, page in enumerate(prepared):
                    if parts[k] == part:
                        texts[k] = text_by(judge, page)
                own = [k for k in range(len(prepared)) if parts[k] == part]
                print(
                    f"  {name}, part {part}: {score([annotated[k] for k in own], [texts[k] for k in own])}", flush=True
                )
            print(f"{name}: {score(annotated, texts)}", flush=True)
    if options.out:
        options.out.write_bytes(orjson.dumps(train(known + further)) + b"\n")


if __name__ == "__main__":
    main()
