"""What a model repeats of its training text, beside what transformers' own greedy decoding gives back."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "train"))
from tiny_tokens import BOS, context, tokenizer, write_tokens

from openbook.evaluate import EvaluateSettings, Trained
from openbook.evaluate.memorized import continued, memorization
from openbook.evaluate.memorized_passages import choose
from openbook.evaluate.memorized_settings import MemorizationSettings
from openbook.evaluate.page import page
from openbook.model import ModelSettings, final_checkpoint
from openbook.train import CanarySettings, TrainSettings, run

ASKED = MemorizationSettings(passages=3, prefixes=(4, 8, 500), continuation=6, alternatives=31)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """Two languages that each repeat one phrase, and canaries; the held-out text is other noise."""
    folder = tmp_path_factory.mktemp("memorized")
    tokens = write_tokens(folder / "tokens", {"en": 3000, "fr": 2000})
    write_tokens(folder / "tokens" / "held-out", {"en": 800, "fr": 600}, seed=9)
    settings = TrainSettings(
        steps=60, batch_rows=8, sequence=32, epochs=50, compile=False, dtype="float32", seed=3,
        canaries=CanarySettings(length=6, repeats=(1, 30)),
    )  # fmt: skip
    model = ModelSettings(dim=32, layers=2, heads=2, kv_heads=1, feed_forward=48, context=64)
    run(model, settings, tokenizer(folder / "t"), tokens, folder / "model", context(folder))
    return folder / "model", Trained(settings, tokens)


@pytest.fixture(scope="module")
def found(trained: tuple[Path, Trained]) -> dict:  # type: ignore[type-arg]
    folder, source = trained
    settings = EvaluateSettings(memorization=ASKED, resamples=100)
    return memorization(settings, final_checkpoint(folder), source, context(folder))


def test_a_run_is_what_greedy_decoding_by_transformers_gives_back(trained: tuple[Path, Trained]) -> None:
    from transformers import LlamaForCausalLM

    folder, source = trained
    checkpoint = final_checkpoint(folder)
    rows = [source.tokens.tokens("en")[at : at + 14].astype(np.int64) for at in range(0, 1400, 20)]
    ours = continued(checkpoint.load(), rows, 6)
    theirs = LlamaForCausalLM.from_pretrained(checkpoint.folder, dtype=torch.float32)
    ids = torch.from_numpy(np.stack(rows))
    given = ids[:, :8]
    for _ in range(6):
        with torch.no_grad():
            given = torch.cat((given, theirs(given).logits[:, -1:].argmax(-1)), 1)
    same = (given[:, 8:] == ids[:, 8:]).long().cumprod(1).sum(1)
    assert [length for length, _ in ours] == same.tolist()
    assert len(set(same.tolist())) > 1
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(
            theirs(ids[:, :-1]).logits[:, -6:].transpose(1, 2), ids[:, -6:], reduction="none"
        )
    assert [nats for _, nats in ours] == pytest.approx(losses.sum(1).tolist(), rel=1e-4)


def test_what_was_read_is_repeated_and_what_was_held_out_is_not(found: dict) -> None:  # type: ignore[type-arg]
    own, other = found["summary"]["trained"]["8"], found["summary"]["held_out"]["8"]
    assert own["n"] == other["n"] == 6
    assert own["nats"] < other["nats"] and own["run"] > other["run"]
    assert own["low"] <= own["share"] <= own["high"]
    assert set(found["languages"]) == {"en", "fr"}
    assert set(found["languages"]["en"]["trained"]) == {"4", "8"}  # 500 do not fit into the context


def test_a_canary_trained_on_often_is_more_exposed(found: dict) -> None:  # type: ignore[type-arg]
    rows = found["canaries"]["repeats"]
    assert found["canaries"]["most"] == 5.0
    assert rows["30"]["n"] == rows["1"]["n"] == 2
    assert rows["30"]["exposure"] > rows["1"]["exposure"] and rows["30"]["exposure"] > 2


def test_the_figures_are_the_same_again_and_stand_in_the_page(
    found: dict,  # type: ignore[type-arg]
    trained: tuple[Path, Trained],
) -> None:
    folder, source = trained
    settings = EvaluateSettings(memorization=ASKED, resamples=100)
    assert memorization(settings, final_checkpoint(folder), source, context(folder)) == found
    nothing = {"mean": None}
    bits = {"languages": {}, "method": "", "interval": "", "summary": dict.fromkeys(
        ("bits_per_byte", "share_of_baseline"), nothing)}  # fmt: skip
    shown = page("m", bits, {"languages": {}, "reference": None, "summary": nothing, "caveat": ""}, found).html()
    assert "Memorization" in shown and "Exposure" in shown and "Goldfish loss: off" in shown


def test_no_passage_goes_across_two_documents() -> None:
    rows = [np.array([1, 2, 3, BOS, *range(10, 30), BOS, 4, 5])] * 3
    pieces = choose(rows, BOS, ASKED, 1, "test")
    assert len(pieces) == 3
    assert all(BOS not in piece and piece.min() >= 10 and len(piece) >= 14 for piece in pieces)
