"""The API over bare HTTP: what comes back, byte by byte, and what is refused, with which status and words."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from running import Running

ONLY_LETTERS = {str(4 + byte): -100 for byte in range(256) if not chr(byte).isascii() or not chr(byte).isalpha()}
ONLY_LETTERS |= {"0": -100, "1": -100, "2": -100, "3": -100}
JSON = {"Content-Type": "application/json"}


def events(raw: bytes) -> list[dict[str, Any]]:
    """The chunks of an event stream, which must end with its mark."""
    lines = [line for line in raw.decode().split("\n\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def completion(client: httpx.Client, **body: object) -> dict[str, Any]:
    fields = {"prompt": "Il-baħar", "max_tokens": 12, "temperature": 0, "logit_bias": ONLY_LETTERS}
    answer = client.post("/v1/completions", json=fields | body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    """An error in OpenAI's shape with this status."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return dict(error)


def test_health_version_and_models_say_what_runs(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/version").json()["version"]
    card = client.get("/v1/models").json()["data"][0]
    assert (card["id"], card["object"], card["max_model_len"]) == ("tiny", "model", 512)
    assert client.get("/v1/models/tiny").json() == card
    assert refusal(client.get("/v1/models/other"), 404)["code"] == "model_not_found"


def test_usage_and_finish_reason_count_what_was_computed(client: httpx.Client) -> None:
    answer = completion(client)
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["finish_reason"] == "length"
    prompt = client.post("/tokenize", json={"prompt": "Il-baħar"}).json()["count"]
    assert answer["usage"]["prompt_tokens"] == prompt
    assert answer["usage"]["completion_tokens"] == 12
    assert answer["usage"]["total_tokens"] == prompt + 12


def test_tokens_of_bytes_are_counted_one_by_one_and_come_back(client: httpx.Client) -> None:
    """The vocabulary is known: 4 specials, 256 bytes, 3 merges; ħ is two bytes, BOS stands first."""
    ids = client.post("/tokenize", json={"prompt": "the ħ"}).json()["tokens"]
    assert len(ids) == 1 + 2 + 1 + 2  # BOS, th·e, space, two bytes
    assert ids[0] == 0
    assert client.post("/detokenize", json={"tokens": ids[1:]}).json() == {"prompt": "the ħ"}
    bare = client.post("/tokenize", json={"prompt": "the ħ", "add_special_tokens": False}).json()["tokens"]
    assert bare == ids[1:]


def test_a_streamed_answer_is_the_whole_answer_in_pieces(client: httpx.Client) -> None:
    whole = completion(client, max_tokens=60)
    fields = {"prompt": "Il-baħar", "max_tokens": 60, "temperature": 0, "logit_bias": ONLY_LETTERS}
    streamed = fields | {"stream": True, "stream_options": {"include_usage": True}}
    answer = client.post("/v1/completions", json=streamed)
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = events(answer.content)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1]) == whole["choices"][0]["text"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 60
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_streaming_never_cuts_a_character(client: httpx.Client) -> None:
    """A model over bytes, pushed to write ħ (two bytes, two tokens) again and again."""
    first, second = client.post("/tokenize", json={"prompt": "ħ", "add_special_tokens": False}).json()["tokens"]
    body = {"prompt": "a", "max_tokens": 100, "seed": 3, "logit_bias": {str(first): 100, str(second): 100}}
    whole = client.post("/v1/completions", json=body).json()["choices"][0]["text"]
    with client.stream("POST", "/v1/completions", json=body | {"stream": True}) as answer:
        raw = b"".join(answer.iter_raw())
    texts = [chunk["choices"][0]["text"] for chunk in events(raw)]
    assert "".join(texts) == whole
    assert "ħ" in whole
    assert any("ħ" in text for text in texts)


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client: httpx.Client) -> None:
    text = completion(client, max_tokens=60)["choices"][0]["text"]
    stop = text[20:23]
    answer = completion(client, max_tokens=60, stop=[stop, "never written"])
    assert answer["choices"][0]["text"] == text[: text.index(stop)]
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_seed_repeats_the_answer_and_another_changes_it(client: httpx.Client) -> None:
    texts = [completion(client, temperature=1.0, seed=seed, max_tokens=20)["choices"][0]["text"] for seed in (5, 5, 6)]
    assert texts[0] == texts[1] != texts[2]


def test_n_answers_come_in_order_and_differ(client: httpx.Client) -> None:
    answer = completion(client, n=3, temperature=1.0, seed=9, max_tokens=16)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["text"] for choice in answer["choices"]}) == 3
    alone = completion(client, temperature=1.0, seed=9, max_tokens=16)
    assert answer["choices"][0]["text"] == alone["choices"][0]["text"]
    assert answer["usage"]["prompt_tokens"] == alone["usage"]["prompt_tokens"]
    assert answer["usage"]["completion_tokens"] == 48


def test_several_prompts_are_answered_in_their_order(client: httpx.Client) -> None:
    answer = completion(client, prompt=["Il-baħar", "the"])
    alone = [completion(client, prompt=prompt)["choices"][0]["text"] for prompt in ("Il-baħar", "the")]
    assert [choice["text"] for choice in answer["choices"]] == alone


def test_bos_can_be_left_out(client: httpx.Client) -> None:
    without = completion(client, add_special_tokens=False)
    assert without["usage"]["prompt_tokens"] == completion(client)["usage"]["prompt_tokens"] - 1


def test_echo_repeats_the_prompt(client: httpx.Client) -> None:
    text = completion(client)["choices"][0]["text"]
    assert completion(client, echo=True)["choices"][0]["text"] == "Il-baħar" + text
    assert completion(client, echo=True, max_tokens=0)["choices"][0]["text"] == "Il-baħar"


def test_logprobs_are_given_in_the_legacy_form(client: httpx.Client) -> None:
    choice = completion(client, logprobs=3, max_tokens=5, logit_bias=None)["choices"][0]
    told = choice["logprobs"]
    assert (
        len(told["tokens"]) == len(told["token_logprobs"]) == len(told["top_logprobs"]) == len(told["text_offset"]) == 5
    )
    for chosen, top in zip(told["token_logprobs"], told["top_logprobs"], strict=True):
        assert chosen == max(top.values())  # greedy: exactly the likeliest


def test_a_chat_uses_the_models_template_with_one_bos(client: httpx.Client) -> None:
    """`<|im_start|>user\\nhi<|im_end|>\\n<|im_start|>assistant\\n` after one BOS: counted by hand."""
    answer = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
    ).json()
    by_hand = 1 + (1 + len("user\nhi") + 1 + 1) + (1 + len("assistant\n"))
    assert answer["usage"]["prompt_tokens"] == by_hand
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["role"] == "assistant"


def test_a_streamed_chat_opens_with_the_role_and_closes_with_the_reason(client: httpx.Client) -> None:
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "max_tokens": 4,
        "logit_bias": ONLY_LETTERS,
        "stream": True,
    }
    chunks = events(client.post("/v1/chat/completions", json=body).content)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


BAD_BODIES: list[tuple[str, dict[str, object], int, str | None]] = [
    ("/v1/completions", {}, 400, "prompt"),
    ("/v1/completions", {"prompt": 3}, 400, "prompt"),
    ("/v1/completions", {"prompt": []}, 400, None),
    ("/v1/completions", {"prompt": "a", "temperature": "hot"}, 400, "temperature"),
    ("/v1/completions", {"prompt": "a", "temperature": 3}, 400, "temperature"),
    ("/v1/completions", {"prompt": "a", "top_p": 0}, 400, "top_p"),
    ("/v1/completions", {"prompt": "a", "max_tokens": -1}, 400, "max_tokens"),
    ("/v1/completions", {"prompt": "a", "n": 0}, 400, "n"),
    ("/v1/completions", {"prompt": "a", "stop": [""]}, 400, "stop.0"),
    ("/v1/completions", {"prompt": "a", "surprise": 1}, 400, "surprise"),
    ("/v1/completions", {"prompt": "a", "suffix": "b"}, 400, None),
    ("/v1/completions", {"prompt": "a", "best_of": 3}, 400, None),
    ("/v1/completions", {"prompt": "a", "logit_bias": {"x": 1}}, 400, None),
    ("/v1/completions", {"prompt": "a", "stream_options": {"include_usage": True}}, 400, None),
    ("/v1/completions", {"prompt": [5, 100_000]}, 400, None),
    ("/v1/completions", {"prompt": [-5]}, 400, "prompt.0"),
    ("/v1/completions", {"prompt": "a", "n": 5}, 422, "n"),
    ("/v1/completions", {"prompt": "a", "max_tokens": 401}, 422, "max_tokens"),
    ("/v1/completions", {"prompt": ["a"] * 9}, 422, "prompt"),
    ("/v1/completions", {"prompt": "a", "stop": ["x"] * 17}, 422, "stop"),
    ("/v1/completions", {"prompt": "a", "model": "gpt-4"}, 404, "model"),
    ("/v1/chat/completions", {"messages": []}, 400, "messages"),
    ("/v1/chat/completions", {"messages": [{"role": "king", "content": "a"}]}, 400, "messages.0.role"),
    ("/v1/chat/completions", {"messages": [{"role": "user"}]}, 400, "messages.0"),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}] * 9}, 422, "messages"),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}], "top_logprobs": 2}, 400, None),
    ("/tokenize", {"prompt": None}, 400, None),
    ("/detokenize", {"tokens": [10**9]}, 400, None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "param"), BAD_BODIES)
def test_a_wrong_field_is_named(
    client: httpx.Client, path: str, body: dict[str, object], status: int, param: str | None
) -> None:
    assert refusal(client.post(path, json=body), status)["param"] == param


def test_an_image_is_refused_and_its_address_is_never_fetched(client: httpx.Client) -> None:
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0.3)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/cat.png"
        content = [{"type": "image_url", "image_url": {"url": url}}]
        body = {"messages": [{"role": "user", "content": content}]}
        refusal(client.post("/v1/chat/completions", json=body), 400)
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[1]", 400), (b'{"prompt": "\\ud800"}', 400), (b"\xff\xfe", 400), (b"{" * 100_000, 400),
     (b'{"prompt": NaN}', 400), (b'{"prompt": "' + b"a" * 200_000 + b'"}', 413)],
)  # fmt: skip
def test_a_body_that_is_no_json_or_too_large_is_refused(client: httpx.Client, content: bytes, status: int) -> None:
    refusal(client.post("/v1/completions", content=content, headers=JSON), status)


def test_a_large_body_is_refused_however_its_length_is_told(client: httpx.Client) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 5000

    refusal(client.post("/v1/completions", content=pieces(), headers=JSON), 413)


def test_a_body_must_say_that_it_is_json(client: httpx.Client) -> None:
    """What another site's form can send without being asked first is not JSON by its label."""
    refusal(client.post("/v1/completions", content=b'{"prompt":"a"}', headers={"Content-Type": "text/plain"}), 415)


def test_unknown_addresses_and_methods_are_refused_in_the_same_shape(client: httpx.Client) -> None:
    refusal(client.get("/v1/nothing"), 404)
    refusal(client.get("/page/../app.py"), 404)
    refusal(client.get("/v1/completions"), 405)
    refusal(client.post("/health"), 405)


def test_a_prompt_beyond_the_context_is_refused_with_openais_code(client: httpx.Client) -> None:
    answer = client.post("/v1/completions", json={"prompt": "x" * 600, "max_tokens": 4})
    assert refusal(answer, 400)["code"] == "context_length_exceeded"
    streamed = client.post("/v1/completions", json={"prompt": "x" * 600, "max_tokens": 4, "stream": True})
    assert refusal(streamed, 400)["code"] == "context_length_exceeded"


def test_another_sites_page_is_not_answered(client: httpx.Client) -> None:
    refusal(client.get("/v1/models", headers={"Origin": "https://elsewhere.example"}), 403)
    refusal(client.get("/v1/models", headers={"Host": "rebound.example"}), 403)
    own = str(client.base_url).rstrip("/")
    assert client.get("/v1/models", headers={"Origin": own}).status_code == 200


def test_more_requests_than_may_wait_are_turned_away_and_the_others_answered(tiny_server: Running) -> None:
    """Two slots and four places to wait: of many at once, six or more are answered, the rest hear 429."""
    together = Barrier(32)

    def ask(number: int) -> int:
        with tiny_server.client() as client:
            together.wait(60)
            body = {"prompt": f"{number}", "max_tokens": 300, "temperature": 0, "logit_bias": {"0": -100}}
            answer = client.post("/v1/completions", json=body)
            if answer.status_code == 429:
                assert answer.headers["retry-after"]
                refusal(answer, 429)
            return answer.status_code

    with ThreadPoolExecutor(32) as pool:
        found = sorted(pool.map(ask, range(32)))
    assert set(found) == {200, 429}
    assert found.count(200) >= 6


def test_a_client_that_leaves_frees_its_slot(tiny_server: Running) -> None:
    """Both slots are taken by long answers whose clients leave; a third is then answered at once."""
    where = urlsplit(tiny_server.url)
    body = json.dumps({"prompt": "a", "max_tokens": 400, "stream": True, "logit_bias": {"0": -100}, "n": 4}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    for _ in range(3):
        with socket.create_connection((str(where.hostname), int(where.port or 0))) as raw:
            raw.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert raw.recv(10)
    with tiny_server.client() as client:
        begun = time.monotonic()
        completion(client, max_tokens=2)
        assert time.monotonic() - begun < 5


def test_broken_requests_do_not_disturb_a_running_answer(tiny_server: Running) -> None:
    with tiny_server.client() as client, tiny_server.client() as other:
        expected = completion(client, max_tokens=200, logit_bias={"0": -100})["choices"][0]["text"]
        body = {"prompt": "Il-baħar", "max_tokens": 200, "temperature": 0, "logit_bias": {"0": -100}, "stream": True}
        text = ""
        with client.stream("POST", "/v1/completions", json=body) as answer:
            for place, line in enumerate(answer.iter_lines()):
                if place % 40 == 0:
                    other.post("/v1/completions", content=b"{", headers=JSON)
                    other.post("/v1/completions", json={"prompt": "x" * 600})
                    other.post("/v1/completions", json={"prompt": [100_000]})
                if line.startswith("data: {"):
                    text += json.loads(line[6:])["choices"][0]["text"]
        assert text == expected
