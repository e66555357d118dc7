"""A server's life: it stops when asked, lets open answers end, outlives its engine, and leaves nothing behind."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest
import tiny_model
from running import serving

LONG = {"prompt": "a", "max_tokens": 400, "stream": True, "logit_bias": {str(special): -100 for special in range(4)}}


@pytest.mark.parametrize(
    ("model", "number"),
    [("tiny_gguf", signal.SIGTERM), ("tiny_gguf", signal.SIGINT), ("tiny_folder", signal.SIGTERM)],
)
def test_an_open_answer_may_end_before_the_server_does(
    request: pytest.FixtureRequest, model: str, number: signal.Signals
) -> None:
    with serving(request.getfixturevalue(model)) as running, running.client() as client:
        with client.stream("POST", "/v1/completions", json=LONG) as answer:
            lines = answer.iter_lines()
            next(lines)
            running.process.send_signal(number)
            rest = list(lines)
        assert rest[-2:] == ["data: [DONE]", ""]
        assert running.process.wait(timeout=60) == 0


def test_answers_are_cut_when_the_grace_is_over(tmp_path: Path) -> None:
    slow = tiny_model.write(tmp_path / "slow.gguf")
    limits = {"max_tokens": 1_000_000}
    with (
        serving(slow, context=200_000, parallel=1, grace_seconds=1, limits=limits) as running,
        running.client() as client,
    ):
        body = LONG | {"max_tokens": 1_000_000}
        with client.stream("POST", "/v1/completions", json=body) as answer:
            next(answer.iter_lines())
            begun = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - begun < 10


def test_the_engine_is_gone_with_the_server_even_when_it_is_killed(tiny_gguf: Path) -> None:
    with serving(tiny_gguf) as running:
        children = psutil.Process(running.process.pid).children()
        assert len(children) == 1
        running.process.kill()
        running.process.wait()
        _gone, alive = psutil.wait_procs(children, timeout=60)
        assert not alive


def test_an_engine_that_dies_is_started_again(tiny_gguf: Path) -> None:
    with serving(tiny_gguf, context=20_000) as running, running.client() as client:
        body = LONG | {"max_tokens": 19_000}
        with client.stream("POST", "/v1/completions", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            engine = psutil.Process(running.process.pid).children()[0]
            engine.kill()
            told = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        assert told[-1].get("error", {}).get("code") == "engine_unavailable", told[-1]
        end = time.monotonic() + 60
        while client.post("/v1/completions", json={"prompt": "a", "max_tokens": 2}).status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert client.get("/health").status_code == 200


def test_the_engine_can_be_reached_by_this_user_only(tiny_gguf: Path) -> None:
    with serving(tiny_gguf) as running:
        engine = psutil.Process(running.process.pid).children()[0]
        assert not [one for one in engine.net_connections() if one.status == psutil.CONN_LISTEN]
        (place,) = [one.laddr for one in engine.net_connections("unix") if str(one.laddr).endswith("engine.sock")][:1]
        assert Path(str(place)).parent.stat().st_mode & 0o077 == 0
        folder = Path(str(place)).parent
        assert running.stop() == 0
        assert not folder.exists()


def test_no_prompt_reaches_a_log(tiny_gguf: Path) -> None:
    secret = "Sliema-4711"
    with serving(tiny_gguf) as running:
        with running.client() as client:
            client.post("/v1/completions", json={"prompt": secret, "max_tokens": 4})
            client.post(
                "/v1/chat/completions", json={"messages": [{"role": "user", "content": secret}], "max_tokens": 4}
            )
            client.post("/v1/completions", json={"prompt": secret * 100, "max_tokens": 4})
        assert running.stop() == 0
        said = "".join(running.lines.queue) + (running.process.stdout.read() if running.process.stdout else "")
        assert secret not in said
