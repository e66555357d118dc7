"""lm-evaluation-harness prints the log-likelihoods of our exports that `openbook evaluate` computes.

Its tasks here: whole texts (what bits per byte is made from), minimal pairs without a context, answers to a context.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import lm_eval
import numpy as np
import pytest
from lm_eval.tasks import TaskManager
from tiny import Parallel, write_model

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.evaluate.pairs import Pair, score_pairs
from openbook.evaluate.scorer import Scorer, model_source, open_scorer
from openbook.evaluate.task import Scores, score_texts
from openbook.model import Checkpoint
from openbook.model.export import Export, ExportSettings
from openbook.model.export import run as export
from openbook.tokenizer import Tokenizer

sys.path.append(str(Path(__file__).parents[1] / "serve"))

from running import serving

TEXTS = [
    "Il-baħar hu kalm illum u d-dgħajjes joħorġu kmieni.",
    "Η βάρκα βγήκε νωρίς από το λιμάνι.",
    "The ferry leaves at noon; nobody knows why it is late.",
    "Bíonn an trá ciúin sa gheimhreadh.",
]
PAIRS = [
    {"good": "The boats leave the harbor.", "bad": "The boats leaves the harbor."},
    {"good": "Id-dar hija kbira.", "bad": "Id-dar huwa kbira."},
    {"good": "Το νησί είναι μικρό.", "bad": "Το νησί είναι μικρή."},
]
QUESTIONS = [
    {"context": "The boats are in the", "answers": [" harbor", " sky above", " the"], "right": 0},
    {"context": "Il-baħar hu", "answers": [" kalm", " θάλασσα"], "right": 0},
    {"context": "Πού είναι το νησί;", "answers": [" Εδώ.", " 12", " never"], "right": 2},
]
WHOLE, CHOSEN = "output_type: loglikelihood_rolling", "output_type: multiple_choice"
TASKS = {
    "small_texts": (TEXTS, f"{WHOLE}\ndoc_to_text: ''\ndoc_to_target: '{{{{text}}}}'", "bits_per_byte"),
    "small_pairs": (
        PAIRS,
        f"{CHOSEN}\ndoc_to_text: ''\ndoc_to_choice: '{{{{[good, bad]}}}}'\ndoc_to_target: 0\ntarget_delimiter: ''",
        "acc",
    ),
    "small_answers": (
        QUESTIONS,
        f"{CHOSEN}\ndoc_to_text: '{{{{context}}}}'\ndoc_to_choice: answers\ndoc_to_target: right\ntarget_delimiter: ''",
        "acc",
    ),
}
EQUAL = 1e-3
"""Of a log-likelihood in nats, between the same weights in the same engine."""
F16 = 0.03
"""Between the weights in float32 and in half precision, of texts of some 250 nats."""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def gguf(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("export")
    context = Context(local(1), progress.quiet(), work / "cache")
    settings = ExportSettings(formats=("F16",), checked_tokens=64)
    export(settings, Checkpoint.open(checkpoint), Tokenizer.open(checkpoint), Parallel(["en", "mt"]), work, context)  # type: ignore[arg-type]
    return Export.open(work).files["F16"]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> TaskManager:
    folder = tmp_path_factory.mktemp("tasks")
    for name, (rows, how, metric) in TASKS.items():
        lines = [json.dumps(row if isinstance(row, dict) else {"text": row}, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        where = {"data_files": {"test": str(folder / f"{name}.jsonl")}, "cache_dir": str(folder / "cache")}
        told = f"task: {name}\ndataset_path: json\ndataset_kwargs: {json.dumps(where)}\ntest_split: test\n{how}\n"
        (folder / f"{name}.yaml").write_text(f"{told}metric_list:\n  - metric: {metric}\n", encoding="utf-8")
    return TaskManager(include_path=str(folder), include_defaults=False)


def harness(tasks: TaskManager, names: Sequence[str], model: str, arguments: dict[str, Any]) -> dict[str, Any]:
    found = lm_eval.simple_evaluate(
        model=model,
        model_args=arguments,
        tasks=list(names),
        task_manager=tasks,
        batch_size=2,
        device="cpu",
        bootstrap_iters=0,
        log_samples=True,
    )
    assert found is not None
    return dict(found)


def asked(found: dict[str, Any], task: str) -> Iterator[tuple[str, str, float]]:
    """What the harness asked for and was told: context, continuation, log-likelihood."""
    for sample in found["samples"][task]:
        for arguments, answers in zip(sample["arguments"], sample["resps"], strict=True):
            (answer,) = answers
            yield (*arguments, answer[0]) if len(arguments) == 2 else ("", arguments[0], answer)


def ours(scorer: Scorer, context: str, continuation: str, started: bool) -> float:
    """Log-likelihood of a continuation: the tokens that the whole has more than its beginning."""
    before, whole = scorer.encode([context, context + continuation])
    (scored,) = scorer.score([np.array([*([scorer.start] if started else []), *whole])])
    return float(scored[len(before) - len(whole) :].sum())


def texts_and_pairs_agree(found: dict[str, Any], scorer: Scorer, tolerance: float) -> None:
    texts = score_texts(scorer, TEXTS, 0.25)
    told = {text: value for _, text, value in asked(found, "small_texts")}
    assert [told[text] for text in TEXTS] == pytest.approx([-row["nats"] for row in texts], abs=tolerance)
    bits = Scores.of(texts).bits_per_byte
    assert found["results"]["small_texts"]["bits_per_byte,none"] == pytest.approx(bits, abs=tolerance)

    sentences = [sentence for pair in PAIRS for sentence in (pair["good"], pair["bad"])]
    expected = dict(zip(sentences, (-row["nats"] for row in score_texts(scorer, sentences, 0.25)), strict=True))
    told = {text: value for _, text, value in asked(found, "small_pairs")}
    assert told == pytest.approx(expected, abs=tolerance)
    pairs = [Pair("mt", "X", pair["good"], pair["bad"], "small") for pair in PAIRS]
    accuracy = score_pairs(scorer, pairs)["mt"]["all"]["accuracy"]
    assert found["results"]["small_pairs"]["acc,none"] == pytest.approx(accuracy, abs=1e-4)


def answers_agree(found: dict[str, Any], scorer: Scorer, started: bool, tolerance: float) -> None:
    answers = list(asked(found, "small_answers"))
    assert len(answers) == sum(len(question["answers"]) for question in QUESTIONS)
    for context, answer, value in answers:
        assert value == pytest.approx(ours(scorer, context, answer, started), abs=tolerance), (context, answer)
    assert all(math.isfinite(value) and value < -1 for _, _, value in answers)


def test_the_harness_scores_the_hugging_face_folder_as_we_do(checkpoint: Path, tasks: TaskManager) -> None:
    source = model_source(checkpoint)
    assert source.kind == "openbook"
    told = {"pretrained": str(checkpoint), "dtype": "float32"}
    # The harness begins a text without context with the start token by itself; told to add one, it would add a second.
    found = harness(tasks, ["small_texts", "small_pairs"], "hf", told | {"add_bos_token": False})
    texts_and_pairs_agree(found, open_scorer(source), EQUAL)
    found = harness(tasks, ["small_answers"], "hf", told | {"add_bos_token": True})
    answers_agree(found, open_scorer(source), True, EQUAL)


def test_the_harness_scores_the_served_gguf_as_we_do(checkpoint: Path, gguf: Path, tasks: TaskManager) -> None:
    with serving(gguf, context=128) as server:
        url = f"{server.url}/v1/completions"
        told = {"base_url": url, "model": gguf.stem, "tokenizer_backend": "remote", "max_length": 128, "max_retries": 1}
        found = harness(tasks, list(TASKS), "local-completions", told | {"num_concurrent": 1})
    source = model_source(gguf)
    assert source.kind == "gguf"
    for scored, tolerance in ((source, EQUAL), (model_source(checkpoint), F16)):
        texts_and_pairs_agree(found, open_scorer(scored), tolerance)
        # It asks for tokens without a start token.
        answers_agree(found, open_scorer(scored), False, tolerance)
