"""What one request may ask, and what a client may send though it changes nothing: told by field, before the work."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from running import Running, Suite, serving
from test_serve_api import refusal

HI: list[Any] = [{"role": "user", "content": "hi"}]
CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"


def call(arguments: str) -> list[dict[str, Any]]:
    function = {"name": "f", "arguments": arguments}
    said = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    return [*HI, said, {"role": "tool", "tool_call_id": "1", "content": "x"}]


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        (COMPLETE, {"prompt": "a", "logit_bias": {"100000": 1}}, 400, "logit_bias"),
        (CHAT, {"messages": HI, "logit_bias": {"99999999999999999999": 1}}, 400, "logit_bias"),
        (COMPLETE, {"prompt": "a", "top_k": 1_000_001}, 422, "top_k"),
        (COMPLETE, {"prompt": "a", "top_k": -1}, 422, "top_k"),
        (CHAT, {"messages": call("not json")}, 422, "messages.1.tool_calls.0.function.arguments"),
        (CHAT, {"messages": call("[1]")}, 422, "messages.1.tool_calls.0.function.arguments"),
        (CHAT, {"messages": HI, "store": True}, 400, "store"),
        (CHAT, {"messages": HI, "service_tier": "priority"}, 400, "service_tier"),
        (CHAT, {"messages": HI, "reasoning_effort": "high"}, 400, "reasoning_effort"),
        ("/v1/embeddings", {"input": "a", "dimensions": 8}, 422, "dimensions"),
        ("/v1/embeddings", {"input": "a", "dimensions": 0}, 400, "dimensions"),
        ("/tokenize", {"prompt": "a", "messages": HI}, 400, None),
        ("/tokenize", {}, 400, None),
        ("/tokenize", {"messages": call("{")}, 422, "messages.1.tool_calls.0.function.arguments"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(
    any_client: httpx.Client, path: str, body: dict[str, Any], status: int, param: str | None
) -> None:
    assert refusal(any_client.post(path, json=body), status)["param"] == param


def test_a_refusal_spells_fields_as_they_are(client: httpx.Client) -> None:
    said = refusal(client.post(COMPLETE, json={"prompt": "a", "best_of": 3}), 400)["message"]
    assert said.startswith("best_of must equal n")


def test_fields_that_change_nothing_here_are_taken(suite: Suite) -> None:
    official = openai.OpenAI(base_url=f"{suite.server.url}/v1", api_key="none", max_retries=0, timeout=60)
    name = official.models.list().data[0].id
    for tier in ("auto", "default"):
        answer = official.chat.completions.create(
            model=name, messages=HI, max_tokens=2, store=False, service_tier=tier, metadata={"team": "shop"},  # type: ignore[arg-type]
            user="someone", safety_identifier="someone", prompt_cache_key="k", reasoning_effort="none",
        )  # fmt: skip
        assert answer.usage is not None
    assert official.chat.completions.create(model=name, messages=HI, max_tokens=2, reasoning_effort=None).id
    width = len(official.embeddings.create(model=name, input="a").data[0].embedding)
    assert len(official.embeddings.create(model=name, input="a", dimensions=width).data[0].embedding) == width


def test_the_tokens_of_messages_and_tools_are_those_of_the_chat(any_client: httpx.Client) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    for body in ({"messages": HI}, {"messages": HI, "tools": [tool]}):
        told = any_client.post("/tokenize", json=body).json()
        asked = any_client.post(CHAT, json=body | {"max_tokens": 1}).json()
        assert told["count"] == len(told["tokens"]) == asked["usage"]["prompt_tokens"]


def test_texts_beyond_the_context_are_refused_and_those_below_embedded(any_client: httpx.Client) -> None:
    """One token a letter, and BOS: 500 of 512 fit, in one piece."""
    long = any_client.post("/v1/embeddings", json={"input": "x" * 500})
    assert long.status_code == 200, long.text
    assert long.json()["usage"]["prompt_tokens"] == 501
    for over in ("x" * 512, ["a", "x" * 600], [5] * 513):
        assert (
            refusal(any_client.post("/v1/embeddings", json={"input": over}), 400)["code"] == "context_length_exceeded"
        )


def test_a_long_text_is_embedded_by_a_model_of_a_longer_context(suite: Suite) -> None:
    with suite.server.client() as client:
        context = client.get("/v1/models").json()["data"][0]["max_model_len"]
        told = client.post("/tokenize", json={"prompt": "The sea is calm today. " * 400})
        assert told.status_code == 200, told.text
        ids = told.json()["tokens"]
        answer = client.post("/v1/embeddings", json={"input": ids[: context - 1]})
        assert answer.status_code == 200, answer.text
        refusal(client.post("/v1/embeddings", json={"input": ids[: context + 1]}), 400)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {"prompt": "a " * 20_001}, "prompt"),
        ("/tokenize", {"messages": [{"role": "user", "content": "a" * 40_000}]}, "messages"),
        ("/detokenize", {"tokens": [1] * 40_001}, "tokens"),
        (COMPLETE, {"prompt": "a " * 20_001}, "prompt"),
        (COMPLETE, {"prompt": ["a" * 20_000, "b" * 20_001]}, "prompt"),
        (CHAT, {"messages": [{"role": "user", "content": "a" * 40_000}]}, "messages"),
        ("/v1/embeddings", {"input": "a" * 40_001}, "input"),
    ],
)  # fmt: skip
def test_a_text_of_megabytes_is_refused_before_it_is_cut_into_tokens(
    client: httpx.Client, path: str, body: dict[str, Any], param: str
) -> None:
    """Six megabytes kept a tokenizer busy for 22 s."""
    error = refusal(client.post(path, json=body), 422)
    assert (error["param"], error["code"]) == (param, "text_too_long")


def test_a_slow_body_and_a_full_queue_are_told_when_to_try_again(tiny_gguf: Path) -> None:
    with serving(tiny_gguf, limits={"body_seconds": 0.3}) as running:
        where = urlsplit(running.url)
        head = f"POST {COMPLETE} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30) as raw:
            raw.sendall(f'{head}Content-Length: 100\r\n\r\n{{"prompt"'.encode())
            answer = b""
            while b'"error"' not in answer and (piece := raw.recv(65_536)):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not arrive within 0.3 seconds" in answer
    with serving(tiny_gguf, limits={"waiting": 0}, parallel=1, context=20_000) as running:
        _told_when_full(running)


def _told_when_full(running: Running) -> None:
    """While one answer is open and none may wait, the next is told how long to."""
    with running.client() as client, running.client() as other:
        body = {"prompt": "a", "max_tokens": 19_000, "logit_bias": {str(one): -100 for one in range(4)}, "stream": True}
        body["n"] = 16  # one after the other
        with client.stream("POST", COMPLETE, json=body) as answer:
            lines = answer.iter_lines()
            assert next(lines)
            refused = other.post(COMPLETE, json={"prompt": "a", "max_tokens": 1})
            assert refusal(refused, 429)["code"] == "queue_full"
            assert int(refused.headers["retry-after"]) >= 1
        end = time.monotonic() + 60
        while other.post(COMPLETE, json={"prompt": "a", "max_tokens": 1}).status_code == 429:
            assert time.monotonic() < end


def test_openais_javascript_client_may_ask_from_a_page_that_is_allowed(tiny_gguf: Path) -> None:
    """The headers that openai-node 6 sends from a browser; others are not let through."""
    names = ["authorization", "content-type", "x-stainless-lang", "x-stainless-os", "x-stainless-retry-count",
             "x-stainless-package-version", "x-stainless-runtime-version", "x-stainless-timeout"]  # fmt: skip
    ask = {"Origin": "https://friend.example", "Access-Control-Request-Method": "POST"}
    with serving(tiny_gguf, origins=["https://friend.example"]) as running, running.client() as client:
        wanted = {"Access-Control-Request-Headers": ",".join([*names, "x-forwarded-for"])}
        answer = client.options(COMPLETE, headers=ask | wanted)
        allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert answer.status_code == 204
        assert allowed == set(names)


def test_the_specials_that_an_evaluation_needs_are_told(suite: Suite) -> None:
    """The model's own: SmolLM2's tokenizer_config.json says these, our tokenizers' `special_tokens` those."""
    with suite.server.client() as client:
        told = client.get("/tokenizer_info").json()
        texts = ("<|im_start|>", "<|im_end|>") if suite.sensible else ("<|endoftext|>", "<|endoftext|>")
        assert (told["bos_token"], told["eos_token"]) == texts
        assert told["add_bos_token"] is not suite.sensible
        assert "<|im_start|>" in told["chat_template"]
        first = client.post("/tokenize", json={"prompt": "a"}).json()["tokens"][0]
        text = client.post("/detokenize", json={"tokens": [first]}).json()["prompt"]
        assert (text == told["bos_token"]) is told["add_bos_token"]
        assert json.dumps(told)
