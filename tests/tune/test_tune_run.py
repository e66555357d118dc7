"""A tuning is checked first, estimated, goes on after a kill to the same bytes, and says what it was made from."""

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from folders import SUMS, Told, base, context, recipe, tiny

from openbook import tuning
from openbook.books.record import hash_files, read_record
from openbook.cli import main
from openbook.errors import OpenbookError
from openbook.step import difference
from openbook.tune import Tuned, load, open_base
from openbook.tune.artifact import STEP
from openbook.tune.loading import MODULES

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in MODULES), reason="the extra `tune` is not installed"
)

TEXTS = [{"text": f"{n} and {n + 1}"} for n in range(4)]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost tiny models more than they help."""
    from openbook.model.threads import torch_threads

    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    base(folder)
    return folder


def tune(home: Path, path: Path, to: str, told: Told | None = None) -> Path:
    tuning.run(load(path), home, home / to, context(home, told or Told()))
    return home / to / STEP


def files(folder: Path) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in hash_files(folder).items()}


@pytest.fixture(scope="module")
def tuned(home: Path) -> tuple[Path, Told]:
    """One tuning, looked at by many tests."""
    told = Told()
    more = 'license = "Apache-2.0"\nprovider = "Uffiċċju"\n[origin]\nname = "Tiny"\nlink = "https://example.org/tiny"'
    return tune(home, recipe(home, "sums", SUMS, "", more), "runs/sums", told), told


def losses(folder: Path, name: str = "loss") -> list[float]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


def test_an_adapter_learns_and_is_validated_while_it_does(tuned: tuple[Path, Told]) -> None:
    checked = losses(tuned[0], "eval_loss")
    assert len(losses(tuned[0])) == 6 and len(checked) == 3 and checked[-1] < checked[0]


def test_the_estimate_is_told_before_the_first_step(tuned: tuple[Path, Told]) -> None:
    said = tuned[1].said
    estimate = next(at for at, text in enumerate(said) if "about" in text and "on this machine" in text)
    assert "6 steps of 2 rows" in said[estimate]
    assert not any(text.startswith("Tune") for text in said[:estimate]) and "Tune 1" in said[estimate:]


def test_the_record_cites_the_base_and_what_is_not_known_is_not_recorded(tuned: tuple[Path, Told], home: Path) -> None:
    facts = Tuned.open(tuned[0]).facts
    known = open_base("base", load(home / "sums.toml").origin, home, home / "cache")
    assert read_record(tuned[0]).inputs["base"] == known.digest == facts["base"]["digest"]
    assert facts["base"]["name"] == "Tiny" and facts["base"]["link"] == "https://example.org/tiny"
    assert facts["base"]["license"] == facts["compute"]["share"] == facts["languages"]["lost"] == "not recorded"
    assert facts["compute"]["flops"] > 0 and facts["provider"] == "Uffiċċju"
    everything = "".join(path.read_text() for path in tuned[0].rglob("*.json*") if path.name != "record.json")
    assert str(home) not in everything


def test_the_tuned_model_stops_where_its_template_ends_a_turn(tuned: tuple[Path, Told]) -> None:
    assert 2 in Tuned.open(tuned[0]).model.config.eos


def test_a_tuning_that_was_killed_goes_on_to_the_same_bytes(tuned: tuple[Path, Told], home: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(home, home / "sums.toml", "runs/killed", Told(stop_at=5))
    checkpoints = home / "runs" / "killed" / f".{STEP}.partial" / "checkpoints"
    assert sorted(path.name for path in checkpoints.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    (checkpoints / "checkpoint-5").mkdir()  # killed while it was written
    (checkpoints / "checkpoint-5" / "trainer_state.json").write_text("{")
    again = tune(home, home / "sums.toml", "runs/killed")
    assert read_record(again).measures["from_step"] == 4
    assert files(again) == files(tuned[0]) and read_record(again).root == read_record(tuned[0]).root


def test_what_still_matches_is_left_and_a_changed_field_is_named(tuned: tuple[Path, Told], home: Path) -> None:
    told = Told()
    tune(home, home / "sums.toml", "runs/sums", told)
    assert told.said == [f"{STEP}: up to date"]
    (home / "other.toml").write_text((home / "sums.toml").read_text().replace("rank = 2", "rank = 3"))
    changed = load(home / "other.toml")
    known = open_base(changed.base, changed.origin, home, home / "cache")
    assert difference(tuning.step_of(changed, home, known), home / "runs" / "sums") == ["tune.method.rank: 2 -> 3"]


def test_packed_rows_have_the_loss_of_rows_by_themselves(home: Path) -> None:
    rows = [{"text": f"{n}, {n + 1}. " * (n - 9)} for n in range(10, 14)]
    said = 'adapter = "none"\nsequence = 128\n'
    alone = (
        recipe(home, "alone", rows, said)
        .read_text()
        .replace("validation = 0.2\n", "")
        .replace("steps = 6", "steps = 1")
    )
    (home / "alone.toml").write_text(alone.replace("batch = 2", "batch = 3"))
    packed = alone.replace('"alone"', '"packed"').replace("batch = 2", "batch = 1\npacking = true")
    (home / "packed.toml").write_text(packed)
    folders = [tune(home, home / f"{name}.toml", f"runs/{name}") for name in ("alone", "packed")]
    assert [read_record(folder).counts["rows"] for folder in folders] == [3, 1]
    assert losses(folders[0]) == pytest.approx(losses(folders[1]), rel=1e-4)


def test_preferences_are_learned(home: Path) -> None:
    pairs = [
        {"prompt": one["messages"][0]["content"], "chosen": one["messages"][1]["content"], "rejected": "No idea."}
        for one in SUMS
    ]
    folder = tune(home, recipe(home, "pairs", pairs, 'kind = "dpo"\n'), "runs/pairs")
    margins = losses(folder, "eval_rewards/margins")
    assert margins[0] == 0.0 and margins[-1] > 0.1


def test_bad_data_ends_the_program_before_a_model_is_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from openbook.tune import loading

    def never(*_: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(loading, "model", never)
    monkeypatch.chdir(home)
    path = recipe(home, "bad", [*SUMS, {"messages": [{"role": "user", "content": "?"}]}, {"wrong": 1}])
    monkeypatch.setattr(sys, "argv", ["openbook", "tune", str(path)])
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "bad.jsonl:13: no message of the assistant" in said and "bad.jsonl:14: its keys (wrong)" in said


def test_a_format_that_could_not_be_written_in_the_end_is_refused_at_the_beginning(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openbook.tune import loading

    monkeypatch.setattr(loading, "model", lambda *_: pytest.fail("a model was loaded"))
    shutil.copytree(home / "base", home / "strange")
    tiny.write_tokenizer(home / "strange", pattern=r"\w+|\W+")
    path = recipe(home, "strange-words", TEXTS)
    path.write_text(path.read_text().replace('base = "base"', 'base = "strange"').replace("formats = []", ""))
    with pytest.raises(OpenbookError, match=r"export.formats: .* splits text in a way that llama.cpp has no name for"):
        tune(home, path, "runs/strange")


def test_nothing_is_sent_from_this_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"something reaches for {address}")

    connect = socket.socket.connect
    local = lambda self, address: connect(self, address) if self.family == socket.AF_UNIX else refuse(self, address)  # noqa: E731
    monkeypatch.setattr(socket.socket, "connect", local)
    path = recipe(home, "silent", TEXTS, "")
    path.write_text(path.read_text().replace("steps = 6", "steps = 1"))
    tune(home, path, "runs/silent")
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_dora_is_merged_and_llama_cpp_is_not_offered_it(home: Path) -> None:
    path = recipe(home, "dora", TEXTS, 'adapter = "dora"\n')
    path.write_text(path.read_text().replace("steps = 6", "steps = 1"))
    folder = tune(home, path, "runs/dora")
    assert (folder / "adapter" / "adapter_config.json").exists() and not (folder / "adapter.gguf").exists()


def test_qlora_without_a_gpu_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OpenbookError, match="needs a GPU"):
        tune(home, recipe(home, "four-bits", SUMS, 'adapter = "qlora"\n'), "runs/four-bits")


def test_a_forgotten_language_fails_the_step_until_it_is_accepted_by_name(home: Path) -> None:
    pytest.importorskip("openbook.tune.forgetting")
    path = recipe(home, "forgets", SUMS, 'adapter = "none"\n')
    gated = path.read_text().replace("languages = []", 'languages = ["mt", "en"]').replace("steps = 6", "steps = 12")
    path.write_text(gated)
    with pytest.raises(OpenbookError, match=r"the tuned model forgets: .*mt"):
        tune(home, path, "runs/forgets")
    assert not (home / "runs" / "forgets" / STEP).exists()
    path.write_text(gated.replace('"mt", "en"]', '"mt", "en"]\naccepted = ["mt", "en"]'))
    told = Told()
    folder = tune(home, path, "runs/forgets", told)
    assert Tuned.open(folder).facts["languages"]["lost"] == ["en", "mt"]
    assert not any(text.startswith("Tune ") for text in told.said)  # what was trained was kept
