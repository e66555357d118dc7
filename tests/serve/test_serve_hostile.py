"""Requests that are none, bodies without end and schemas without a floor: OpenAI's error, and the server goes on."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from running import Running, serving
from test_serve_api import refusal

COMPLETE = "/v1/completions"


def opened(running: Running) -> socket.socket:
    where = urlsplit(running.url)
    return socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30)


def head(running: Running, rest: str) -> bytes:
    host = urlsplit(running.url).netloc
    return f"POST {COMPLETE} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{rest}\r\n\r\n".encode()


def heard(raw: socket.socket) -> bytes:
    found = b""
    while piece := raw.recv(65_536):
        found += piece
    return found


@pytest.mark.parametrize(
    "said",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # without Host
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ],
)
def test_what_is_no_http_request_is_refused_in_openais_shape(tiny_server: Running, said: bytes) -> None:
    with opened(tiny_server) as raw:
        raw.sendall(said)
        first, _, content = heard(raw).partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in first
    assert set(json.loads(content)["error"]) == {"message", "type", "param", "code"}


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"items": found}
    return found


@pytest.mark.parametrize("levels", [40, 300, 900])
@pytest.mark.parametrize("place", ["format", "tool"])
def test_schemas_of_any_depth_are_refused_not_failed_at(client: httpx.Client, levels: int, place: str) -> None:
    """orjson reads 1,024 levels and writes 254; between them a request once ended in a traceback."""
    schema = nested(levels)
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
    if place == "tool":
        body["tools"] = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}
    assert refusal(client.post("/v1/chat/completions", json=body), 422)["code"] == "invalid_json_schema"


def test_a_client_that_leaves_while_it_speaks_or_breaks_its_chunks_leaves_no_traceback(tiny_gguf: Path) -> None:
    with serving(tiny_gguf) as running, running.client() as client:
        for rest, begun in (("Content-Length: 100", b'{"prompt"'), ("Transfer-Encoding: chunked", b"5\r\n{")):
            with opened(running) as raw:
                raw.sendall(head(running, rest) + begun)
        with opened(running) as raw:
            raw.sendall(head(running, "Transfer-Encoding: chunked") + b"zz\r\nabc\r\n")
            assert b"invalid_http" in heard(raw)
        end = time.monotonic() + 30
        left = 'openbook_requests_total{route="/v1/completions",status="499"} 3.0'
        while left not in (told := client.get("/metrics").text):
            assert time.monotonic() < end, told
        assert client.post(COMPLETE, json={"prompt": "a", "max_tokens": 2}).status_code == 200
        assert running.stop() == 0
        assert not [line for line in running.lines.queue if "Traceback" in line or "ERROR" in line]


def test_a_body_without_end_is_refused_and_then_cut_off(tiny_gguf: Path) -> None:
    """Once 8.6 GB were taken and dropped in fifty seconds, and would have been for as long as somebody sent."""
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with serving(tiny_gguf) as running:
        with opened(running) as raw:
            raw.sendall(head(running, "Transfer-Encoding: chunked"))
            sent = 0
            with pytest.raises((ConnectionError, BrokenPipeError)):
                while sent < 1_000:
                    raw.sendall(chunk)
                    sent += 1
            assert sent < 200, "MiB"
        with running.client() as client:
            large = client.post(COMPLETE, content=b" " * (9 * 2**20), headers={"Content-Type": "application/json"})
            assert refusal(large, 413)["code"] == "body_too_large"
            assert (
                client.post(COMPLETE, json={"prompt": "a", "max_tokens": 2}).status_code == 200
            )  # the same connection
