"""GRPO on a tiny model: it learns what is rewarded, the same way each time, and goes on where it was stopped."""

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
sys.path.append(str(Path(__file__).parents[1] / "model"))
import torch
import transformers
from pydantic import ValidationError
from tiny import write_model

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.tune import reinforce as module
from openbook.tune.reinforce import reinforce
from openbook.tune.reinforce_settings import GrpoSettings
from openbook.tune.rewards import FormatSettings, LanguageSettings

SMALL_LETTERS = FormatSettings(name="small_letters", pattern=r"[^A-ZА-ЯΑ-Ω]*")
LANGUAGE = LanguageSettings(weight=0.0)
SETTINGS = GrpoSettings(
    parts=(SMALL_LETTERS, LANGUAGE),
    steps=6,
    prompts=2,
    answers=4,
    longest_answer=2,
    learning_rate=1e-2,
    checkpoint_every=2,
)
PROMPTS = ["Where is the library?", "Fejn hi l-librerija?", "Missä kirjasto on?", "Wo ist die Bibliothek?"]
ROWS = [{"prompt": [{"role": "user", "content": one}], "place": str(at)} for at, one in enumerate(PROMPTS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny"), loud=1.0, num_hidden_layers=1)


def opened(folder: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def context(tmp_path: Path) -> Context:
    return Context(local(1), progress.quiet(), tmp_path / "cache")


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_what_is_rewarded_becomes_more_frequent_and_each_part_is_logged(folder: Path, tmp_path: Path) -> None:
    model, tokenizer = opened(folder)
    settings = SETTINGS.model_copy(update={"steps": 12, "checkpoint_every": 12, "answers": 16, "learning_rate": 0.03})
    found = reinforce(model, tokenizer, ROWS, settings, tmp_path, context(tmp_path))
    print([(r["reward"], r["grad_norm"], r["groups_without_spread"], r["answer_tokens"]) for r in found["log"]])
    rewards = [row["rewards/small_letters"] for row in found["log"]]
    assert len(rewards) == found["steps"] == 12
    assert sum(rewards[-4:]) / 4 > sum(rewards[:4]) / 4 + 0.2, rewards
    assert all(row["reward"] == pytest.approx(row["rewards/small_letters"]) for row in found["log"])
    assert all({"rewards/language", "loss", "answer_tokens"} <= row.keys() for row in found["log"])
    assert found["tokens"] > 0
    assert found["estimated_seconds"] > 0


def test_equal_seeds_give_equal_weights_and_a_stopped_tuning_goes_on_to_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = opened(folder)
    whole = reinforce(model, tokenizer, ROWS, SETTINGS, tmp_path / "whole", context(tmp_path))
    expected = weights(model)

    calls = 0
    ready = module.made_ready

    def stopping(*arguments: Any) -> Any:
        made = ready(*arguments)
        reward = made[0].reward

        def stopped(**given: Any) -> list[float]:
            nonlocal calls
            calls += 1
            if calls == 4:
                raise KeyboardInterrupt
            return reward(**given)

        stopped.__name__ = made[0].name
        return [type(made[0])(made[0].name, made[0].weight, stopped), *made[1:]]

    monkeypatch.setattr(module, "made_ready", stopping)
    model, tokenizer = opened(folder)
    with pytest.raises(KeyboardInterrupt):
        reinforce(model, tokenizer, ROWS, SETTINGS, tmp_path / "stopped", context(tmp_path))
    monkeypatch.setattr(module, "made_ready", ready)
    model, tokenizer = opened(folder)
    resumed = reinforce(model, tokenizer, ROWS, SETTINGS, tmp_path / "stopped", context(tmp_path))
    assert resumed["from_step"] == 2
    assert resumed["log"] == whole["log"]
    assert resumed["tokens"] == whole["tokens"]
    found = weights(model)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_only_the_adapter_is_trained_where_there_is_one(folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base, tokenizer = opened(folder)
    torch.manual_seed(1)
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    before = weights(model)
    settings = SETTINGS.model_copy(update={"steps": 3, "beta": 0.1})
    found = reinforce(model, tokenizer, ROWS, settings, tmp_path, context(tmp_path))
    after = weights(model)
    assert after.keys() == before.keys()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all("lora_" in name for name in changed)
    assert "kl" in found["log"][-1]


def test_what_cannot_work_is_said_before_the_first_answer(folder: Path, tmp_path: Path) -> None:
    model, tokenizer = opened(folder)
    exact = GrpoSettings.model_validate({"parts": [{"kind": "exact"}], "steps": 1})
    with pytest.raises(OpenbookError, match="needs 'answer' in every row"):
        reinforce(model, tokenizer, ROWS, exact, tmp_path, context(tmp_path))
    with pytest.raises(OpenbookError, match="no prompt"):
        reinforce(model, tokenizer, [], SETTINGS, tmp_path, context(tmp_path))
    with pytest.raises(OpenbookError, match="'tools' has a meaning of its own"):
        reinforce(model, tokenizer, [ROWS[0] | {"tools": "x"}], SETTINGS, tmp_path, context(tmp_path))
    with pytest.raises(ValidationError, match="multiple of micro_batch"):
        GrpoSettings(parts=(SMALL_LETTERS,), micro_batch=5)
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        GrpoSettings.model_validate({"parts": [{"kind": "style"}]})
