"""What lineage says of a place is what the training loop saw there, and leads to the bytes of the page."""

import gzip
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.end_to_end.crawl import write_crawl

from openbook import pipeline
from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.progress import quiet
from openbook.recipe import load
from openbook.tokenizer import Tokenizer
from openbook.trace import describe, page_text, place, seen
from openbook.trace.standing import IDS, listed, standing

STEPS, ROWS = 6, 8


@dataclass(frozen=True)
class Seen:
    run: Path
    sources: Path
    rows: dict[tuple[int, int], list[int]]
    """What the loop fed the model: (step, row) -> its tokens, the predicted last one included."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    from openbook.train.step import Stepper

    folder = tmp_path_factory.mktemp("lineage")
    recipe = write_crawl(folder / "sources")
    train = f"steps = {STEPS}\nsource_weights = {{ crawl = 2.0 }}"  # sources apart: places in the harder of two layouts
    recipe.write_text(recipe.read_text().replace("steps = 30", train))
    rows: dict[tuple[int, int], list[int]] = {}
    original = Stepper.gradients

    def watched(stepper: Stepper, batch):  # type: ignore[no-untyped-def]
        for at, (ids, targets) in enumerate(zip(batch.ids, batch.targets, strict=True)):
            count = int((targets >= 0).sum())
            rows[batch.step, at] = [*ids[:count].tolist(), int(targets[count - 1])]
        return original(stepper, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "gradients", watched)
        context = Context(local(1), quiet(), folder / "cache")
        pipeline.run(load(recipe), recipe.parent, folder / "run", context, until="model")
    return Seen(folder / "run", recipe.parent, rows)


def test_the_documents_of_every_row_are_the_tokens_that_the_loop_was_fed(trained: Seen) -> None:
    corpus, tokenizer = Corpus.open(trained.run / "corpus"), Tokenizer.open(trained.run / "tokenizer")
    assert len(trained.rows) == STEPS * ROWS
    for (step, row), tokens in trained.rows.items():
        places = place(trained.run, step, row)
        assert [one.start for one in places] == [0, *(one.end for one in places[:-1])]
        assert places[-1].end == len(tokens)
        for one in places:
            document = corpus.document(one.document)
            assert (one.language, one.url) == (document["language"], document["url"])
            whole = np.array([0, *tokenizer.encode(document["text"])])
            part = np.array(tokens[one.start : one.end])
            windows = np.lib.stride_tricks.sliding_window_view(whole, len(part))
            assert (windows == part).all(axis=1).any()
            if one.start:
                assert tokens[one.start] == 0


def test_one_token_is_answered_with_the_document_that_holds_it(trained: Seen) -> None:
    for (step, row), tokens in list(trained.rows.items())[::7]:
        for one in place(trained.run, step, row):
            for token in (one.start, one.end - 1):
                assert place(trained.run, step, row, token) == [one]
        with pytest.raises(OpenbookError, match=f"has the tokens 0 to {len(tokens) - 1}, not {len(tokens)}"):
            place(trained.run, step, row, len(tokens))


def test_a_document_is_found_in_exactly_the_rows_that_held_it(trained: Seen) -> None:
    expected: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for step, row in sorted(trained.rows):
        for one in place(trained.run, step, row):
            expected[one.document].append((step, row, one.start, one.end))
    corpus = Corpus.open(trained.run / "corpus")
    found = 0
    for language in corpus.languages:
        for document in corpus.documents(language, split=None, columns=["id", "split"]):
            rows = seen(trained.run, document["id"])
            assert rows == expected.get(document["id"], [])
            assert document["split"] == "train" or not rows
            found += bool(rows)
    assert found == len(expected) > 20


def test_the_page_is_shown_as_it_stands_in_the_warc_record(trained: Seen) -> None:
    crawled = [one for key in trained.rows for one in place(trained.run, *key) if one.source == "crawl"]
    for one in crawled[:5]:
        packed = (trained.sources / "crawl" / Path(one.file).name).read_bytes()
        record = gzip.decompress(packed[one.offset : one.offset + one.length])
        payload = record.split(b"\r\n\r\n", 2)[2].removesuffix(b"\r\n\r\n")
        assert one.payload_digest == f"sha256:{hashlib.sha256(payload).hexdigest()}"
        shown = page_text(trained.run, one.document)
        assert payload.decode().strip() in shown
        assert Corpus.open(trained.run / "corpus").document(one.document)["text"].strip() in shown


def test_a_place_is_described_with_url_license_and_record(trained: Seen) -> None:
    one = place(trained.run, 2, 3)[0]
    text = describe(one)
    for part in (one.document, one.url, "CC0-1.0", one.file, f"offset {one.offset:,}", "step 2, row 3"):
        assert part in text


def test_places_that_the_run_lacks_are_refused_in_a_sentence(trained: Seen) -> None:
    with pytest.raises(OpenbookError, match=f"no row {ROWS} in step 0"):
        place(trained.run, 0, ROWS)
    with pytest.raises(OpenbookError, match=f"no row 0 in step {STEPS}: the run has {STEPS} steps"):
        place(trained.run, STEPS, 0)
    with pytest.raises(OpenbookError, match="no document"):
        seen(trained.run, "ff" * 32)


def test_a_page_that_was_replaced_since_is_refused(trained: Seen) -> None:
    one = next(one for key in trained.rows for one in place(trained.run, *key) if one.source == "crawl")
    path = trained.sources / "crawl" / Path(one.file).name
    before = path.read_bytes()
    record = gzip.decompress(before[one.offset : one.offset + one.length])
    changed = gzip.compress(record.replace(b"</p>", b"</q>", 1), mtime=0)
    try:
        path.write_bytes((before[: one.offset] + changed + before[one.offset + one.length :])[: len(before)])
        with pytest.raises(OpenbookError):
            page_text(trained.run, one.document)
    finally:
        path.write_bytes(before)


def test_a_document_s_standing_is_its_steps_and_whether_the_release_lists_it(trained: Seen, tmp_path: Path) -> None:
    corpus = Corpus.open(trained.run / "corpus")
    rows = [row for code in corpus.languages[:3] for row in corpus.documents(code, None, ["id", "split"])]
    places = standing(trained.run, [(row["id"], row["split"]) for row in rows])
    for row, one in zip(rows, places, strict=True):
        sightings = seen(trained.run, row["id"])
        assert one.trained and one.released is None
        assert one.steps == tuple(sorted({step for step, *_ in sightings}))
        assert one.places == len({found[:2] for found in sightings})
        assert row["split"] == "train" or not one.steps
    assert any(one.steps for one in places)
    ids = sorted(row["id"] for row in rows)
    path = tmp_path / IDS
    path.parent.mkdir()
    path.write_text("".join(f"{id}\n" for id in ids[1::2]))
    assert [listed(path, id) for id in ids] == [at % 2 == 1 for at in range(len(ids))]
