import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from test_evaluate import LANGUAGES, Corpus
from tiny import Parallel, write_model
from typer.testing import CliRunner

from openbook import progress
from openbook.cli.app import app
from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings, Evaluation, Gates, comparison, evaluate
from openbook.evaluate.compare import difference, differences
from openbook.evaluate.gates import Earlier, broken
from openbook.evaluate.pairs import Pair, read_pairs
from openbook.evaluate.step import run
from openbook.model import Checkpoint
from openbook.tokenizer import Tokenizer


def evaluated(tmp_path: Path, name: str, settings: EvaluateSettings | None = None, **model: float) -> Evaluation:
    folder = write_model(tmp_path / name, **model)
    context = Context(local(1), progress.quiet(), tmp_path / "cache")
    work = tmp_path / f"{name}-evaluation"
    evaluate(settings or EvaluateSettings(resamples=200), folder, Corpus(LANGUAGES), Parallel(LANGUAGES), work, context)
    return Evaluation.open(work)


def test_a_model_that_is_surely_worse_is_marked_in_every_language(tmp_path: Path) -> None:
    # A loud random model is far worse than one that holds all tokens equally likely.
    models = {"uniform": evaluated(tmp_path, "uniform", loud=0.0), "loud": evaluated(tmp_path, "loud", loud=12.0)}
    found = differences(models)
    assert [one.language for one in found] == LANGUAGES
    assert {one.verdict for one in found} == {"worse"}
    for one in found:
        assert one.value == pytest.approx(
            models["loud"].bits["languages"][one.language]["bits_per_byte"]
            - models["uniform"].bits["languages"][one.language]["bits_per_byte"],
            abs=2e-4,
        )
        assert one.low is not None and one.high is not None and 0 < one.low <= one.value <= one.high
    page = comparison(models).html()
    assert "Maltese" in page and page.count("▲") >= len(LANGUAGES) and "0 / 5 / 0" in page


def test_models_that_cannot_be_told_apart_and_other_texts_are_not_marked() -> None:
    rows = [{"id": str(at), "bytes": 100, "tokens": 30, "nats": 50.0 + at % 3} for at in range(30)]
    shifted = [row | {"nats": 50.0 + (at + 1) % 3} for at, row in enumerate(rows)]
    one = difference("mt", "b", {"documents": rows}, {"documents": shifted}, 1)
    assert one.verdict == "not separate" and one.value == 0
    other = difference("mt", "b", {"documents": rows}, {"documents": rows[1:]}, 1)
    assert other.verdict == "other texts" and other.value is None


def test_one_evaluation_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="at least two"):
        comparison({"only": evaluated(tmp_path, "only")})


def test_a_broken_gate_stops_the_run_and_names_the_languages(tmp_path: Path) -> None:
    gates = Gates(bits_per_byte={"mt": 0.5}, parity={"*": 100.0, "el": 0.1})
    with pytest.raises(OpenbookError, match=r"mt: bits per byte is [\d.]+, and may be 0\.5 at most; el: parity is"):
        evaluated(tmp_path, "model", EvaluateSettings(resamples=200, gates=gates))


def test_gates_hold_by_language_and_an_unmeasured_language_breaks_its_own() -> None:
    bits = {"languages": {"mt": {"share_of_baseline": 0.9}, "ga": {"share_of_baseline": 1.2}}}
    assert broken(Gates(share_of_baseline={"*": 1.0, "ga": 1.5}), bits, {"languages": {}}) == []
    assert broken(Gates(share_of_baseline={"*": 1.0}), bits, {"languages": {}}) == [
        "ga: share of the compressor's bits is 1.2, and may be 1 at most"
    ]
    assert broken(Gates(parity={"lb": 2.0}), bits, {"languages": {"mt": {"relative": None}}}) == [
        "lb: parity was not measured, and may be 2 at most"
    ]


def test_a_limit_for_every_language_breaks_where_none_was_measured() -> None:
    bits = {"languages": {"mt": {"bits_per_byte": 1.0, "share_of_baseline": None}}}
    alone = {"languages": {"en": {"relative": 1.0}}, "reference": "en"}
    gates = Gates(bits_per_byte={"*": 2.0}, share_of_baseline={"*": 1.0}, parity={"*": 2.0}, pairs={"*": 0.6})
    assert broken(gates, bits, alone) == [
        "*: share of the compressor's bits was measured in no language, and may be 1 at most",
        "*: parity was measured in no language, and may be 2 at most",
        "*: no minimal pairs were scored, and 0.6 of them must be told apart",
    ]


def test_a_figure_that_is_no_number_breaks_its_gate_and_no_limit_is_one() -> None:
    nan = float("nan")
    bits = {"languages": {"mt": {"bits_per_byte": nan}, "ga": {"bits_per_byte": 1.0}}}
    same = {"languages": {"ga": {"relative": nan}}, "reference": "en"}
    pairs = {"languages": {"mt": {"all": {"accuracy": nan, "low": nan, "high": nan, "n": 9}}}}
    found = broken(Gates(bits_per_byte={"*": 2.0}, parity={"ga": 3.0}, pairs={"mt": 0.5}), bits, same, pairs)
    assert [one.split(" is ")[0] for one in found] == [
        "mt: bits per byte",
        "ga: parity",
        "mt: the share of minimal pairs told apart",
    ]
    for limit in (nan, float("inf"), -1.0):
        with pytest.raises(ValidationError):
            Gates(bits_per_byte={"mt": limit})
    with pytest.raises(ValidationError):
        Gates(pairs={"mt": 1.5})


def test_a_model_whose_scores_are_no_numbers_is_not_scored_and_not_compared(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"(el|en|ga|mt|uk): the model's score of \d+ of \d+ texts is no number"):
        evaluated(tmp_path, "damaged", loud=float("nan"))
    rows = [{"id": str(at), "bytes": 100, "tokens": 30, "nats": 50.0} for at in range(3)]
    damaged = [row | {"nats": float("nan")} for row in rows]
    with pytest.raises(OpenbookError, match="mt: b cannot be compared"):
        difference("mt", "b", {"documents": rows}, {"documents": damaged}, 1)


def test_an_evaluation_is_not_compared_with_itself(tmp_path: Path) -> None:
    import openbook.cli  # noqa: F401  (registers the verbs)

    folder = evaluated(tmp_path, "model").folder
    result = CliRunner().invoke(app, ["compare", str(folder), str(folder)])
    assert isinstance(result.exception, OpenbookError) and "stands there twice" in str(result.exception)


def settings_with(earlier: Earlier) -> EvaluateSettings:
    return EvaluateSettings(resamples=200, gates=Gates(earlier=earlier))


def run_beside(tmp_path: Path, settings: EvaluateSettings, earlier: Path, loud: float) -> Evaluation:
    """The evaluation step of a run's own model, held against an earlier one."""
    model, work = write_model(tmp_path / f"model-{loud}", loud=loud), tmp_path / "work"
    context = Context(local(1), progress.quiet(), tmp_path / "cache")
    corpus, texts = Corpus(LANGUAGES), Parallel(LANGUAGES)
    run(settings, Checkpoint.open(model), Tokenizer.open(model), corpus, texts, work, context, earlier=earlier)  # type: ignore[arg-type]
    return Evaluation.open(work)


def test_a_model_that_fell_behind_the_earlier_one_fails_by_name_of_language(tmp_path: Path) -> None:
    before = write_model(tmp_path / "before", loud=0.0)
    gate = Earlier(model="before", languages=("mt", "el"), accepted=("el",))
    with pytest.raises(OpenbookError, match=r"gates: mt: \+[\d.]+ bits per byte .* beside the earlier model\.$"):
        run_beside(tmp_path, settings_with(gate), before, loud=12.0)
    rows = json.loads((tmp_path / "work" / "earlier" / "differences.json").read_text())
    assert {row["verdict"] for row in rows} == {"worse"}
    assert "Beside the earlier model" in (tmp_path / "work" / "report.html").read_text()


def test_a_model_as_good_as_the_earlier_one_passes_and_an_unknown_language_does_not(tmp_path: Path) -> None:
    before = write_model(tmp_path / "before", loud=0.0)
    run_beside(tmp_path, settings_with(Earlier(model="before")), before, loud=0.0)
    with pytest.raises(OpenbookError, match="xx: was not scored beside the earlier model"):
        run_beside(tmp_path, settings_with(Earlier(model="before", languages=("xx",))), before, loud=0.0)


def test_minimal_pairs_are_scored_in_the_step_and_have_their_gate(tmp_path: Path) -> None:
    line = Parallel(LANGUAGES).lines("mt")[0]
    pairs = {"mt": [Pair("mt", "X", line, line, "a tie is wrong")] * 30}
    folder, work = write_model(tmp_path / "model"), tmp_path / "work"
    context = Context(local(1), progress.quiet(), tmp_path / "cache")
    settings = EvaluateSettings(resamples=200, gates=Gates(pairs={"mt": 0.5, "ga": 0.5}))
    wanted = r"mt: the share .* is 0 \(at most 0\.11\d*, n = 30\), and must be 0\.5"
    with pytest.raises(OpenbookError, match=f"ga: no minimal pairs were scored.*{wanted}"):
        evaluate(settings, folder, Corpus(LANGUAGES), Parallel(LANGUAGES), work, context, pairs=pairs)
    assert Evaluation.open(work).pairs["mt"]["phenomena"]["X"]["n"] == 30
    assert read_pairs(work / "pairs" / "mt.jsonl") == pairs["mt"]
    assert "Minimal pairs" in (work / "report.html").read_text()
