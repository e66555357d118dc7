"""The Goldfish loss leaves out what the paper's definition says, the same tokens wherever a passage stands."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run import MODEL, SETTINGS
from tiny_tokens import BOS, context, tokenizer, write_tokens

from openbook.model import FinalModel
from openbook.model.config import IGNORED
from openbook.tokenizer import TokenizedCorpus
from openbook.train import Batches, Goldfish, TrainSettings, run
from openbook.train.goldfish import dropped
from openbook.train.processes import Processes
from openbook.train.session import build

FISH = SETTINGS.model_copy(update={"goldfish": Goldfish(k=3, h=4), "dtype": "float32"})


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 6000, "fr": 3000, "mt": 200, "ga": 20})


def slow(stream: list[int], k: int, h: int) -> list[bool]:
    """Section 3.1 of the paper, word for word: G_i = 0 where f(x_{i-h}, ..., x_{i-1}) < 1 / k; f is not determined
    where a document has fewer than h tokens before, and nothing is left out there."""

    def f(before: list[int]) -> float:
        state, mask = 0x9E3779B97F4A7C15, 2**64 - 1
        for token in before:
            state ^= (token + 0xD1B54A32D192ED03) & mask
            state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
            state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
            state ^= state >> 31
        return state / 2**64

    found = []
    for at, token in enumerate(stream):
        before = stream[max(0, at - h) : at]
        inside = len(before) == h and BOS not in before[1:] and token != BOS
        found.append(inside and f(before) < 1 / k)
    return found


@given(st.lists(st.integers(0, 6), max_size=80), st.integers(2, 5), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_the_mask_is_that_of_a_slow_reading_of_the_paper(stream: list[int], k: int, h: int) -> None:
    found = dropped(np.array(stream, np.int64), BOS, Goldfish(k=k, h=h))
    assert found.tolist() == slow(stream, k, h)


@pytest.mark.parametrize("k", [2, 3, 4, 16])
def test_one_token_in_k_is_left_out(k: int) -> None:
    stream = np.random.default_rng(1).integers(1, 50_000, 200_000)
    assert dropped(stream, BOS, Goldfish(k=k)).mean() == pytest.approx(1 / k, rel=0.03)


def test_a_passage_leaves_out_the_same_tokens_wherever_it_stands() -> None:
    draw = np.random.default_rng(2)
    passage = draw.integers(1, 300, 100)
    found = []
    for before in (7, 50):
        stream = np.concatenate((draw.integers(1, 300, before), passage))
        found.append(dropped(stream, BOS, Goldfish(k=4, h=13))[before + 13 :])
    assert np.array_equal(found[0], found[1])
    assert found[0].any()


def test_the_border_of_a_row_changes_nothing(tokens: TokenizedCorpus) -> None:
    stream = tokens.tokens("en").astype(np.int64)
    whole = dropped(stream, BOS, FISH.goldfish or Goldfish())
    batches = Batches(tokens, FISH, 320, BOS)
    seen = 0
    for step in range(10):
        batch = batches.rows(step, 0, 6)
        for draw, targets in zip(batch.draws, batch.targets, strict=True):
            if draw.language == "en":
                start, end = batches.order.span("en", draw.sequence)
                assert np.array_equal(targets == IGNORED, whole[start + 1 : end])
                seen += int(whole[start + 1 : end].sum())
    assert seen > 100


@pytest.mark.parametrize(("micro", "masked"), [(None, False), (2, False), (2, True)])
def test_the_loss_is_the_mean_over_the_kept_tokens_however_it_is_summed(
    micro: int | None, masked: bool, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    wanted = FISH.model_copy(update={"micro_rows": micro, "mask_documents": masked})
    loop = build(MODEL, wanted, tokenizer(tmp_path / "t"), tokens, tmp_path / "w", context(tmp_path), Processes())
    batch = loop.stepper.batch(3)
    model, numbers = loop.stepper.model, torch.from_numpy(np.cumsum(batch.ids == BOS, axis=1)) if masked else None
    logits = model(torch.from_numpy(batch.ids), numbers)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten())
    loss.backward()
    expected = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    model.zero_grad()
    sums, counts = loop.stepper.gradients(batch)
    assert counts.sum() == (batch.targets != IGNORED).sum() < 0.8 * batch.targets.size
    assert sums.sum() / counts.sum() == pytest.approx(loss.item(), rel=1e-5)
    for weight, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-6, rtol=1e-3)


def test_two_processes_log_the_losses_of_one_and_how_many_tokens_counted(
    tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    from openbook.train.session import run as run_processes

    wanted = FISH.model_copy(update={"steps": 3})
    logs = []
    for count in (1, 2):
        work = tmp_path / str(count)
        run_processes(MODEL, wanted, tokenizer(tmp_path / "t"), tokens, work, context(tmp_path), processes=count)
        logs.append(FinalModel.open(work).log())
    for one, two in zip(*logs, strict=True):
        assert one["kept"] == two["kept"] < one["tokens"]
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert "Goldfish loss" in (tmp_path / "1" / "report.html").read_text()


def test_without_the_option_every_token_counts(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    assert TrainSettings().goldfish is None
    plain = SETTINGS.model_copy(update={"steps": 1})
    run(MODEL, plain, tokenizer(tmp_path / "t"), tokens, tmp_path / "w", context(tmp_path))
    assert "kept" not in FinalModel.open(tmp_path / "w").log()[0]
