"""What a run says of a passage: the document, the very steps that read these words, proof, removal; and as a verb."""

import json
import shutil
from pathlib import Path

import numpy as np

from openbook.corpus import Corpus
from openbook.release import removal
from openbook.release.receipt import published_root
from openbook.release.request import Request
from openbook.release.tracing import Tracer
from openbook.tokenizer import TokenizedCorpus, Tokenizer
from openbook.trace.lineage import order_of
from tests.end_to_end.conftest import SmallRun, openbook

SIGNS = " .,;:!?()\"'«»„“”‘’–—-…·։"
"""A span begins and ends with a word."""


def passages(run: Path) -> list[tuple[str, str, str]]:
    """(language, id, a passage of twelve words) of some documents."""
    found = []
    for language in Corpus.open(run / "corpus").languages:
        for row in list(Corpus.open(run / "corpus").documents(language))[:2]:
            words = row["text"].split()
            found.append((language, row["id"], " ".join(words[-16:-4]).strip(SIGNS)))
    return found


def readers(run: Path, language: str, document: str, passage: str) -> list[int]:
    """Every step one of whose rows holds a token of the passage: by looking at all rows of the run."""
    corpus, tokenizer, order = TokenizedCorpus.open(run / "tokens"), Tokenizer.open(run / "tokenizer"), order_of(run)
    span = corpus.span(language, document)
    assert span is not None
    ids = np.asarray(corpus.tokens(language)[span[0] : span[1]]).tolist()
    sizes = [0 if token in tokenizer.specials.values() else len(tokenizer.token_bytes(token)) for token in ids]
    text = tokenizer.decode(ids)
    flat, places = "", []  # the text with single spaces, and where each of its characters stands in the text
    for at, one in enumerate(text):
        if not one.isspace() or not flat.endswith(" "):
            flat += " " if one.isspace() else one
            places.append(at)
    start = flat.index(passage)
    first = len(text[: places[start]].encode())
    last = len(text[: places[start + len(passage) - 1] + 1].encode())
    ends = np.cumsum(sizes)
    wanted = {span[0] + k for k, end in enumerate(ends) if end > first and end - sizes[k] < last}
    steps = set()
    for step in range(order.settings.total_steps):
        for row in range(order.batch_rows):
            draw = order.draw(step, row)
            if draw.language == language and wanted & set(range(*order.span(language, draw.sequence))):
                steps.add(step)
    return sorted(steps)


def test_a_passage_leads_to_its_document_and_the_steps_that_read_it(small_run: SmallRun) -> None:
    tracer = Tracer.open(small_run.run)
    read = 0
    for language, id, passage in passages(small_run.run):
        told = tracer.trace(f"x {passage} y")
        found = [one for span in told["spans"] for one in span["documents"] if one["id"] == id]
        assert found, passage
        assert any(span["text"] == passage for span in told["spans"])
        assert found[0]["language"] == language
        assert found[0]["steps"] == readers(small_run.run, language, id, passage)
        assert (found[0]["released"], found[0]["removal"]) == (True, "none")
        read += bool(found[0]["steps"])
    assert read > 10


def test_the_verb_prints_documents_and_receipts_that_hold(small_run: SmallRun, tmp_path: Path) -> None:
    _, id, passage = passages(small_run.run)[0]
    said = openbook("trace", f"So: {passage}.", folder=small_run.folder)  # the only run of runs/
    assert said.returncode == 0, said.stderr
    for text in (passage, id, "CC0-1.0", "in its list of documents", "1 span found in"):
        assert text in said.stdout
    proven = openbook("trace", passage, "--run", small_run.run, "--proof", folder=small_run.folder)
    (span,) = json.loads(proven.stdout)["spans"]
    path = tmp_path / "receipt.json"
    path.write_text(span["documents"][0]["receipt"])
    manifest = small_run.run / "release" / "manifest.json"
    checked = openbook("check-receipt", path, "--root", published_root(manifest, "documents").hex(), folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    lost = openbook("trace", passage, "--run", small_run.run / "corpus", folder=small_run.folder)
    assert lost.returncode == 2 and "no index to trace in" in lost.stderr


def test_a_removal_shows_at_once(small_run: SmallRun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run.run, run)
    _, id, passage = passages(run)[0]
    tracer = Tracer.open(run)
    before = tracer.trace(passage)["spans"][0]["documents"][0]
    removal.remove(run, removal.preview(run, Request("document", id)), "the author asked", date="2026-01-31")
    after = tracer.trace(passage)["spans"][0]["documents"][0]
    assert (before["removal"], after["removal"]) == ("none", "asked by id")
