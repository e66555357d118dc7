"""Another model's vocabulary, extended: old ids keep their meaning, every reader gives the same ids, new entries are
made of the base's pieces."""

import json
from pathlib import Path

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFace

from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus, Tokenizer, TokenizerSettings, TokenizeSettings, run, tokenize
from openbook.tokenizer.encoder import load
from openbook.tokenizer.extend import digest
from openbook.tokenizer.extension import Extension
from openbook.tokenizer.measure import unreachable

from .shelf import paragraphs, sentences, small_corpus

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
LLAMA3 += r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ENTRIES = 300


def english_base(folder: Path, kind: str) -> Path:
    """A tokenizer of English alone, in the manner of SmolLM2 (special tokens first, GPT-2's splitting) or of Llama 3
    (special tokens beside the vocabulary, whole words first)."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "SmolLM2")
    first = (
        pre_tokenizers.Digits(individual_digits=True)
        if kind == "SmolLM2"
        else pre_tokenizers.Split(Regex(LLAMA3), "isolated")
    )
    tokenizer = HuggingFace(models.BPE(ignore_merges=kind != "SmolLM2"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>"] if kind == "SmolLM2" else []
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(paragraphs("en"), trainer)
    names = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "tokenizer_class": "GPT2Tokenizer"}
    if kind != "SmolLM2":
        tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
        names = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"} | names))
    return folder


def extended(base: Path, work: Path, context: Context, entries: int = ENTRIES) -> Tokenizer:
    wanted = TokenizerSettings.model_validate({"extend": {"base": digest(base), "entries": entries}})
    run(wanted, small_corpus(work / "corpus", ["en", "mt", "el"]), sentences(), work / "made", context, base)
    return Tokenizer.open(work / "made")


@pytest.fixture(scope="module", params=["SmolLM2", "Llama 3"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, context: Context
) -> tuple[Path, Tokenizer]:
    folder = tmp_path_factory.mktemp("extend")
    base = english_base(folder / "base", request.param)
    return base, extended(base, folder, context)


def parts_of(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    """Ids with every new entry replaced by its pieces."""
    extension = Extension.of(tokenizer.folder)
    assert extension is not None
    table = dict(enumerate(extension.pieces, extension.first))
    return [piece for one in ids for piece in table.get(one, (one,))]


def texts() -> list[str]:
    return [*paragraphs("mt")[:40], *paragraphs("el")[:40], *paragraphs("fi")[:20], *paragraphs("en")[:20]]


def test_old_entries_keep_their_ids_and_new_ones_come_behind_all(pair: tuple[Path, Tokenizer]) -> None:
    base, tokenizer = pair
    before = HuggingFace.from_file(str(base / "tokenizer.json"))
    after = HuggingFace.from_file(str(tokenizer.folder / "tokenizer.json"))
    old = before.get_vocab()
    assert {name: after.token_to_id(name) for name in old} == old
    assert after.get_vocab_size() == before.get_vocab_size() + ENTRIES == tokenizer.vocabulary_size
    new = {number for name, number in after.get_vocab().items() if name not in old}
    assert new == set(range(len(old), len(old) + ENTRIES))


def test_a_text_is_made_of_the_same_pieces_as_before(pair: tuple[Path, Tokenizer]) -> None:
    base, tokenizer = pair
    before = Tokenizer.open(base)
    shorter = 0
    for text in texts():
        ids, old = tokenizer.encode(text), before.encode(text)
        assert parts_of(tokenizer, ids) == old
        shorter += len(old) - len(ids)
        if max(ids, default=0) < before.vocabulary_size:
            assert ids == old
    assert shorter > 1000


@given(text=st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_made_of_the_same_pieces_as_before(pair: tuple[Path, Tokenizer], text: str) -> None:
    base, tokenizer = pair
    assert (
        parts_of(tokenizer, tokenizer.encode(text))
        == load(base / "tokenizer.json", "reference").encode([text])[0].tolist()
    )


def test_the_pieces_of_an_entry_are_those_that_the_base_gives_for_it(pair: tuple[Path, Tokenizer]) -> None:
    base, tokenizer = pair
    before = HuggingFace.from_file(str(base / "tokenizer.json"))
    extension = Extension.of(tokenizer.folder)
    assert extension is not None and len(extension.pieces) == ENTRIES
    whole = 0
    for number, pieces in enumerate(extension.pieces, extension.first):
        raw = tokenizer.token_bytes(number)
        assert b"".join(tokenizer.token_bytes(piece) for piece in pieces) == raw
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            continue
        whole += 1
        assert tuple(before.encode(text, add_special_tokens=False).ids) == pieces
    assert whole > ENTRIES * 0.6


def test_no_new_entry_is_out_of_reach(pair: tuple[Path, Tokenizer]) -> None:
    _, tokenizer = pair
    extension = Extension.of(tokenizer.folder)
    assert extension is not None
    assert unreachable(tokenizer.names[extension.first :], tokenizer.merges, tokenizer.specials) == []


def test_transformers_and_tokenizers_read_the_same_ids(pair: tuple[Path, Tokenizer]) -> None:
    _, tokenizer = pair
    reference = HuggingFace.from_file(str(tokenizer.folder / "tokenizer.json"))
    theirs = transformers.AutoTokenizer.from_pretrained(tokenizer.folder)
    for text in texts():
        ours = tokenizer.encode(text)
        assert reference.encode(text, add_special_tokens=False).ids == ours
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours
        assert theirs.decode(ours) == text == tokenizer.decode(ours)
    assert theirs.bos_token_id == tokenizer.bos


def test_the_report_holds_the_prices_before_and_after(pair: tuple[Path, Tokenizer]) -> None:
    _, tokenizer = pair
    report = json.loads((tokenizer.folder / "report.json").read_text())

    def price(prices: dict[str, list[dict[str, object]]], language: str) -> float:
        return next(float(str(one["bytes_per_token"])) for one in prices["prices"] if one["language"] == language)

    assert price(report, "mt") > 1.1 * price(report["base"], "mt")
    assert price(report, "en") >= price(report["base"], "en")


def test_the_same_bytes_with_one_worker_and_with_two(tmp_path: Path, context: Context) -> None:
    base = english_base(tmp_path / "base", "SmolLM2")
    one = extended(base, tmp_path / "one", context, 50)
    two = extended(base, tmp_path / "two", Context(local(2), quiet(), tmp_path), 50)
    for name in ("tokenizer.json", "extension.json", "report.json", "report.html"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()


def test_a_tokenizer_taken_over_is_the_same_and_marks_documents_as_its_own_model_did(
    tmp_path: Path, context: Context
) -> None:
    base = english_base(tmp_path / "base", "Llama 3")
    corpus = small_corpus(tmp_path / "corpus", ["en", "mt"])
    wanted = TokenizerSettings.model_validate({"from": digest(base)})
    run(wanted, corpus, sentences(), tmp_path / "made", context, base)
    assert (tmp_path / "made" / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    made = Tokenizer.open(tmp_path / "made")
    tokenize(TokenizeSettings(), corpus, made, tmp_path / "tokens", context)
    tokens = TokenizedCorpus.open(tmp_path / "tokens")
    reference = HuggingFace.from_file(str(base / "tokenizer.json"))
    begin, end = (reference.token_to_id(name) for name in ("<|begin_of_text|>", "<|end_of_text|>"))
    stream = np.asarray(tokens.tokens("mt"))
    rows = {row["id"]: row["text"] for row in corpus.documents("mt", split="train", columns=["id", "text"])}
    for name, start, stop in tokens.documents("mt"):
        assert stream[start:stop].tolist() == [
            begin,
            *reference.encode(rows[name], add_special_tokens=False).ids,
            end,
        ]


def test_sentencepiece_is_taken_over_but_not_extended(tmp_path: Path, context: Context) -> None:
    tokenizer = HuggingFace(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    marks = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=marks, show_progress=False)
    tokenizer.train_from_iterator(paragraphs("en"), trainer)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = content["added_tokens"][:3]
    base = tmp_path / "base"
    base.mkdir()
    (base / "tokenizer.json").write_text(json.dumps(content))
    (base / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    corpus = small_corpus(tmp_path / "own", ["en", "mt"])
    with pytest.raises(OpenbookError, match="is not a byte-level BPE tokenizer, and only those can be extended"):
        extended(base, tmp_path, context)
    wanted = TokenizerSettings.model_validate({"from": digest(base)})
    run(wanted, corpus, sentences(), tmp_path / "made", context, base)
    made = Tokenizer.open(tmp_path / "made")
    assert (made.bos, made.end) == (1, 2)
    text = "Malta għandha tliet gżejjer."
    assert made.decode(made.encode(text)).strip() == text


def test_another_tokenizer_than_the_settings_name_is_refused(tmp_path: Path, context: Context) -> None:
    base = english_base(tmp_path / "base", "SmolLM2")
    wanted = TokenizerSettings.model_validate({"from": digest(base)})
    (base / "tokenizer_config.json").write_text("{}")
    with pytest.raises(OpenbookError, match="is not the tokenizer sha256:"):
        run(wanted, small_corpus(tmp_path / "c", ["mt"]), sentences(), tmp_path / "made", context, base)
    with pytest.raises(OpenbookError, match=r"has no tokenizer\.json"):
        digest(tmp_path)
