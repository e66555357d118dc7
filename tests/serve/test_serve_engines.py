"""What one engine promises the others keep: the same tiny model behind llama.cpp, our own engine and another server."""

import asyncio
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from running import Running, serving
from test_serve_api import ONLY_LETTERS, completion, events, refusal

from openbook.errors import OpenbookError
from openbook.serve import ServeSettings, serve
from openbook.serve.engine.interface import RefusedError, Sampling
from openbook.serve.engine.upstream_wire import sampling_fields

QUESTION: list[Any] = [{"role": "user", "content": "hi"}]
NO_END = {str(special): -100 for special in range(4)}
PERSON = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": PERSON}}


def test_each_engine_writes_the_same_greedily(any_client: httpx.Client, client: httpx.Client) -> None:
    """Ties do not occur in these weights."""
    ours, theirs = completion(any_client, max_tokens=24), completion(client, max_tokens=24)
    assert ours["choices"] == theirs["choices"]
    for count in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert ours["usage"][count] == theirs["usage"][count]


def test_a_stream_is_the_whole_answer_in_pieces(any_client: httpx.Client) -> None:
    body = {"prompt": "Il-baħar", "max_tokens": 40, "temperature": 0, "logit_bias": ONLY_LETTERS}
    whole = completion(any_client, max_tokens=40)
    streamed = body | {"stream": True, "stream_options": {"include_usage": True}}
    chunks = events(any_client.post("/v1/completions", json=streamed).content)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1]) == whole["choices"][0]["text"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 40
    assert chunks[-1]["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"]


def test_half_a_character_is_never_sent(any_client: httpx.Client) -> None:
    first, second = any_client.post("/tokenize", json={"prompt": "ħ", "add_special_tokens": False}).json()["tokens"]
    body = {"prompt": "a", "max_tokens": 60, "seed": 3, "logit_bias": {str(first): 100, str(second): 100}}
    whole = any_client.post("/v1/completions", json=body).json()["choices"][0]["text"]
    chunks = events(any_client.post("/v1/completions", json=body | {"stream": True}).content)
    texts = [chunk["choices"][0]["text"] for chunk in chunks]
    assert "".join(texts) == whole
    assert any("ħ" in text for text in texts)


def test_stop_strings_seeds_and_choices(any_client: httpx.Client) -> None:
    text = completion(any_client, max_tokens=40)["choices"][0]["text"]
    stopped = completion(any_client, max_tokens=40, stop=[text[10:13], "never"])["choices"][0]
    assert (stopped["text"], stopped["finish_reason"]) == (text[: text.index(text[10:13])], "stop")
    drawn = [completion(any_client, temperature=1.0, seed=seed)["choices"][0]["text"] for seed in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]
    several = completion(any_client, n=3, temperature=1.0, seed=5)["choices"]
    assert several[0]["text"] == drawn[0]
    assert len({choice["text"] for choice in several}) == 3


def test_the_cuts_are_honored(any_client: httpx.Client) -> None:
    """Whatever leaves one token to draw from gives the greedy answer at any temperature."""
    greedy = completion(any_client)["choices"][0]["text"]
    for cut in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert completion(any_client, temperature=2.0, seed=1, **cut)["choices"][0]["text"] == greedy, cut
    plain = completion(any_client, max_tokens=40)["choices"][0]["text"]
    for penalty in ({"repeat_penalty": 3.0}, {"frequency_penalty": 2.0}, {"presence_penalty": 2.0}):
        other = completion(any_client, max_tokens=40, **penalty)["choices"][0]["text"]
        assert len(set(other)) > len(set(plain)), penalty


def test_forms_and_tools_are_held_to(any_client: httpx.Client) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    body = {"prompt": "A person: ", "max_tokens": 60, "temperature": 0}
    text = any_client.post("/v1/completions", json=body | {"response_format": schema}).json()["choices"][0]["text"]
    assert set(json.loads(text)) == {"age"}
    text = any_client.post("/v1/completions", json=body | {"grammar": 'root ::= "iva" | "le"'}).json()
    assert text["choices"][0]["text"] in ("iva", "le")
    chat = {"messages": QUESTION, "max_tokens": 80, "temperature": 0, "tools": [TOOL], "tool_choice": "required"}
    choice = any_client.post("/v1/chat/completions", json=chat).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert set(json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])) == {"age"}


def test_the_official_client_works_unchanged(any_server: Running) -> None:
    official = openai.OpenAI(base_url=f"{any_server.url}/v1", api_key="none", max_retries=0, timeout=60)
    name = official.models.list().data[0].id
    chat = official.chat.completions.create(
        model=name, messages=QUESTION, temperature=0, max_tokens=6, logprobs=True, top_logprobs=2
    )
    assert chat.usage is not None and chat.usage.prompt_tokens == 22  # counted by hand in test_serve_api
    content = chat.choices[0].logprobs.content if chat.choices[0].logprobs else None
    assert content is not None and all(len(item.top_logprobs) == 2 for item in content)
    assert chat.system_fingerprint
    raw = official.completions.with_raw_response.create(model=name, prompt="a", max_tokens=2)
    assert len(raw.headers["Openbook-Model-SHA256"]) == 64
    near = official.embeddings.create(model=name, input=["the sea", "the sea", "Ω"]).data
    products = [sum(a * b for a, b in zip(near[0].embedding, one.embedding, strict=True)) for one in near]
    assert products[0] == pytest.approx(1, abs=1e-3) and products[1] == pytest.approx(1, abs=1e-3)
    assert products[2] < 0.99
    with pytest.raises(openai.BadRequestError):
        official.completions.create(model=name, prompt="a", temperature=9)


def test_vectors_are_the_same_whoever_computes_them(any_client: httpx.Client, client: httpx.Client) -> None:
    asked = {"input": "Il-baħar madwar"}
    ours, theirs = (
        one.post("/v1/embeddings", json=asked).json()["data"][0]["embedding"] for one in (any_client, client)
    )
    assert sum(a * b for a, b in zip(ours, theirs, strict=True)) == pytest.approx(1, abs=1e-3)


def test_what_is_too_long_or_no_token_is_refused(any_client: httpx.Client) -> None:
    answer = any_client.post("/v1/completions", json={"prompt": "x" * 600, "max_tokens": 4})
    assert refusal(answer, 400)["code"] == "context_length_exceeded"
    refusal(any_client.post("/v1/completions", json={"prompt": [5, 100_000]}), 400)


def test_many_answers_at_once_are_each_their_own(any_server: Running) -> None:
    """More than there are slots, of different lengths; each is what it is alone."""
    prompts = [f"{number} Il-baħar"[: 3 + number] for number in range(6)]

    def ask(prompt: str) -> str:
        with any_server.client() as client:
            body = {"prompt": prompt, "temperature": 0, "max_tokens": 20, "logit_bias": {"0": -100}}
            return str(client.post("/v1/completions", json=body).json()["choices"][0]["text"])

    alone = [ask(prompt) for prompt in prompts]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, prompts)) == alone


def test_a_long_prompt_is_read_in_parts_and_its_beginning_is_used_again(tiny_torch_server: Running) -> None:
    with tiny_torch_server.client() as client:
        body = {"prompt": "Il-gżira " * 40, "max_tokens": 4, "temperature": 0, "cache_salt": "parts"}
        first = client.post("/v1/completions", json=body).json()
        again = client.post("/v1/completions", json=body).json()
    count = first["usage"]["prompt_tokens"]
    assert count > 256
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == count - 1
    assert again["choices"] == first["choices"]


@pytest.mark.parametrize("server", ["tiny_server", "tiny_torch_server"])
def test_a_prompts_cache_is_not_shared_between_tenants(request: pytest.FixtureRequest, server: str) -> None:
    running: Running = request.getfixturevalue(server)

    def cached(client: httpx.Client, salt: str) -> int:
        body = {"prompt": "A secret that only one tenant knows", "max_tokens": 2, "cache_salt": salt}
        usage = client.post("/v1/completions", json=body).json()["usage"]
        return int(usage["prompt_tokens_details"]["cached_tokens"])

    with running.client() as client:
        assert cached(client, f"{server} one") == 0
        assert cached(client, f"{server} one") > 20
        assert cached(client, f"{server} two") == 0
        assert cached(client, f"{server} three") == 0  # takes the slot of one of them
        assert cached(client, f"{server} three") > 20


def test_a_client_that_leaves_frees_its_slot_of_our_engine(tiny_torch_server: Running) -> None:
    body = {"prompt": "a", "max_tokens": 400, "stream": True, "logit_bias": NO_END, "n": 2}
    with tiny_torch_server.client() as client:
        for _ in range(3):
            with client.stream("POST", "/v1/completions", json=body) as answer:
                next(answer.iter_lines())
        end = time.monotonic() + 60
        while "openbook_answers_computing 0.0" not in client.get("/metrics").text:
            assert time.monotonic() < end
        assert completion(client, max_tokens=2)["usage"]["completion_tokens"] == 2


def test_our_engine_is_unloaded_and_loaded_again(tiny_folder: Path) -> None:
    with serving(tiny_folder) as running, running.client() as client:
        before = completion(client)["choices"][0]["text"]
        assert client.post("/v1/models/tiny/unload").json()["openbook"]["loaded"] is False
        assert client.get("/ready").status_code == 503
        assert client.post("/v1/models/tiny/load").json()["openbook"]["loaded"] is True
        assert completion(client)["choices"][0]["text"] == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_our_engine_goes_on_after_a_failure_and_says_so_when_it_has_ended(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openbook.serve.engine.interface import Delta, EngineGoneError
    from openbook.serve.engine.pytorch import PytorchEngine
    from openbook.serve.engine.pytorch.forward import Forward
    from openbook.serve.target import FolderTarget, find

    target = find(tiny_folder)
    assert isinstance(target, FolderTarget)

    async def run() -> None:
        engine = PytorchEngine(target, context=128, parallel=2, threads=1)
        await engine.start()

        async def ask() -> list[Delta]:
            return [piece async for piece in engine.complete("the sea", Sampling(max_tokens=3, seed=1))]

        before = await ask()

        def broken(*_: object) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(Forward, "logits", broken)
            with pytest.raises(EngineGoneError, match="MemoryError"):
                await ask()
            with pytest.raises(EngineGoneError, match="MemoryError"):
                await engine.score([5, 6, 7], 1)
        assert await ask() == before
        batch = engine._running()
        monkeypatch.setattr(batch, "_admit", broken)
        with pytest.raises(EngineGoneError, match="was stopped"):
            await ask()
        assert not engine.alive
        with pytest.raises(EngineGoneError, match="was stopped"):
            await ask()
        await engine.close()

    asyncio.run(run())


def test_a_gone_upstream_is_an_error_and_a_cut_answer_is_not_whole(tiny_gguf: Path) -> None:
    with serving(tiny_gguf, context=20_000, limits={"max_tokens": 19_000}) as behind:
        settings = {"upstream": {"url": f"{behind.url}/v1"}, "limits": {"max_tokens": 19_000}}
        with serving(None, **settings) as running, running.client() as client:
            body = {"prompt": "a", "max_tokens": 19_000, "stream": True, "logit_bias": NO_END}
            with client.stream("POST", "/v1/completions", json=body) as answer:
                lines = answer.iter_lines()
                next(lines)
                behind.process.kill()
                told = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            assert told[-1].get("error", {}).get("code") == "engine_unavailable", told[-1]
            gone = refusal(client.post("/v1/completions", json={"prompt": "a"}), 503)
            assert gone["code"] == "engine_unavailable"
            assert client.get("/health").status_code == 503


def test_llama_cpps_own_server_is_an_upstream_that_cannot_echo(tiny_gguf: Path) -> None:
    """It ignores `echo`: what it would give the harness is refused instead of handed on."""
    code = (
        "import sys, xllamacpp; p = xllamacpp.CommonParams(); p.model.path = sys.argv[1]; p.n_ctx = 512\n"
        "p.fit_params = False; p.warmup = False; p.verbosity = 1; p.n_parallel = 1; p.port = 0\n"
        "s = xllamacpp.Server(p); print(s.listening_address, flush=True); sys.stdin.read(); import os; os._exit(0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tiny_gguf)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with serving(None, upstream={"url": f"{url}/v1"}) as running, running.client() as client:
            assert client.get("/v1/models").json()["data"][0]["openbook"]["sha256"] is None
            text = completion(client, max_tokens=6)["choices"][0]
            assert text["finish_reason"] == "length" and text["text"]
            chat = client.post("/v1/chat/completions", json={"messages": QUESTION, "max_tokens": 4, "temperature": 0})
            assert chat.json()["usage"]["completion_tokens"] == 4
            assert client.post("/tokenize", json={"prompt": "the ħ"}).json()["count"] == 6
            echo = {"prompt": "the sea", "echo": True, "logprobs": 1, "max_tokens": 1}
            assert "scored" in refusal(client.post("/v1/completions", json=echo), 501)["message"]
    finally:
        process.kill()
        process.wait()


def test_an_unknown_upstream_is_not_asked_for_what_it_would_pass_over() -> None:
    with pytest.raises(RefusedError, match="top_k"):
        sampling_fields(Sampling(top_k=5), "somebody")
    with pytest.raises(RefusedError, match="grammar"):
        sampling_fields(Sampling(grammar='root ::= "a"'), "vllm")
    assert sampling_fields(Sampling(repeat_penalty=1.1), "vllm")["repetition_penalty"] == 1.1


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"engine": "llama.cpp"}, "Leave --engine out"), ({"watermark": {"key": "/nonexistent"}}, "cannot be read"),
     ({"adapters": [{"name": "a", "path": "/nonexistent"}]}, "is not at /nonexistent"),
     ({"adapters": [{"name": "a", "path": "/tmp", "base": "b"}]}, "no such model"),
     ({"upstream": {"url": "http://127.0.0.1:9/v1"}}, "cannot be reached")],
)  # fmt: skip
def test_what_an_engine_cannot_do_is_refused_before_it_listens(
    tiny_folder: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(OpenbookError, match=said):
        serve(tiny_folder, ServeSettings.model_validate({"port": 0} | settings))
