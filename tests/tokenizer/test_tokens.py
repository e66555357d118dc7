"""The tokenized corpus: what stands in tokens.bin is the documents, each found by its place and its place by id."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus, Tokenizer, TokenizeSettings, tokenize

from .shelf import fill, small_corpus


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus, tokenizer: Tokenizer, context: Context) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    tokenize(TokenizeSettings(), corpus, tokenizer, folder, context)
    return folder


def test_every_document_is_end_of_text_and_its_tokens(folder: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    tokenized = TokenizedCorpus.open(folder)
    assert tokenized.languages == corpus.languages
    for language in tokenized.languages:
        for split in ("train", "held-out"):
            tokens = tokenized.tokens(language, split)
            assert tokens.dtype == np.dtype("<u2")
            position = 0
            for row in corpus.documents(language, split=split):
                start, end = tokenized.span(language, row["id"], split)
                assert start == position
                assert tokens[start] == tokenizer.bos
                assert tokenizer.decode(tokens[start + 1 : end]) == row["text"]
                position = end
            assert position == len(tokens)


def test_counts_in_the_index_are_those_of_the_files(folder: Path, corpus: Corpus) -> None:
    index = json.loads((folder / "index.json").read_text())
    assert (index["vocabulary"], index["dtype"]) == (2048, "uint16")
    for language, counts in index["languages"].items():
        rows = list(corpus.documents(language))
        assert counts["documents"] == len(rows)
        assert counts["bytes"] == sum(len(row["text"].encode()) for row in rows)
        assert counts["tokens"] == len(TokenizedCorpus.open(folder).tokens(language))
        assert counts["held_out_tokens"] == len(TokenizedCorpus.open(folder).tokens(language, "held-out"))


@settings(max_examples=100, deadline=None)
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_the_document_at_a_position_holds_it(folder: Path, fraction: float) -> None:
    tokenized = TokenizedCorpus.open(folder)
    position = int(fraction * len(tokenized.tokens("fi")))
    document, start, end = tokenized.document_at("fi", position)
    assert start <= position < end
    assert tokenized.span("fi", document) == (start, end)


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    tokenized = TokenizedCorpus.open(folder)
    assert tokenized.span("fi", "0" * 64) is None
    with pytest.raises(OpenbookError, match="has no token"):
        tokenized.document_at("fi", len(tokenized.tokens("fi")))
    with pytest.raises(OpenbookError, match="has no token"):
        tokenized.document_at("fi", -1)
    with pytest.raises(OpenbookError, match="holds no 'xx'"):
        tokenized.tokens("xx")
    with pytest.raises(OpenbookError, match=r"no index\.json"):
        TokenizedCorpus.open(tmp_path)


def test_the_same_bytes_with_two_workers_and_after_a_kill(
    tmp_path: Path, corpus: Corpus, folder: Path, tokenizer: Tokenizer
) -> None:
    done = tmp_path / "el"
    done.mkdir()
    for name in ("tokens.bin", "documents.parquet"):
        (done / name).write_bytes((folder / "el" / name).read_bytes())
    (tmp_path / "fi").mkdir()
    (tmp_path / "fi" / "tokens.bin").write_bytes(b"of a killed run")
    (tmp_path / "fi" / ".tokens.bin.77.tmp").write_bytes(b"half")
    before = (done / "tokens.bin").stat().st_mtime_ns
    tokenize(TokenizeSettings(), corpus, tokenizer, tmp_path, Context(local(2), quiet(), tmp_path))
    assert (done / "tokens.bin").stat().st_mtime_ns == before
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_a_language_without_documents_has_empty_files(tmp_path: Path, tokenizer: Tokenizer, context: Context) -> None:
    shelf = fill(tmp_path / "c", {"mt": [("Merħba", "train")]})
    tokenize(TokenizeSettings(), shelf, tokenizer, tmp_path / "t", context)
    tokenized = TokenizedCorpus.open(tmp_path / "t")
    assert len(tokenized.tokens("mt", "held-out")) == 0
    assert tokenizer.decode(tokenized.tokens("mt")) == "Merħba"


def test_a_large_vocabulary_is_stored_in_four_bytes(tmp_path: Path, context: Context, built: Path) -> None:
    definition = json.loads((built / "tokenizer.json").read_text())
    definition["added_tokens"].append({**definition["added_tokens"][0], "id": 70_000, "content": "<|far|>"})
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "tokenizer.json").write_text(json.dumps(definition))
    shelf = small_corpus(tmp_path / "c", ["fi"])
    tokenize(TokenizeSettings(), shelf, Tokenizer.open(tmp_path / "big"), tmp_path / "t", context)
    tokens = TokenizedCorpus.open(tmp_path / "t").tokens("fi")
    assert tokens.dtype == np.dtype("<u4") and tokens[0] == 0


def test_source_and_scores_stand_beside_the_tokens_for_the_mixture(folder: Path, corpus: Corpus) -> None:
    tokenized = TokenizedCorpus.open(folder)
    for language in tokenized.languages[:5]:
        rows = list(corpus.documents(language, split="train"))
        assert tokenized.sources(language) == [row["source"] for row in rows]
        assert tokenized.quality(language, "good").tolist() == [dict(row["quality"])["good"] for row in rows]
        assert np.isnan(tokenized.quality(language, "unheard of")).all()
