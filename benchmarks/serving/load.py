"""How fast does a server answer? Many users at once, streaming; prints tokens/s and times to the first token.

    python benchmarks/serving/load.py --target MODEL.gguf                      # starts `openbook serve` and measures it
    python benchmarks/serving/load.py --url http://127.0.0.1:8080 --model NAME # measures any OpenAI-compatible server

With --target two others are measured beside it, in turn: the engine alone (its own socket, no Openbook in between), and
llama.cpp's own HTTP server as the `xllamacpp` wheel carries it, on a port of its own with the same threads, slots and
context. Medians of the rounds, and the ratios, are printed; `first token` is of answers of one token, one at a time.
A Hugging Face folder as the target is measured alone.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

CONTEXT = 1024
FIRST_TOKENS = 23
SERVE = (
    "import sys; from pathlib import Path; from openbook.serve import serve, ServeSettings; "
    "serve(Path(sys.argv[1]), ServeSettings.model_validate_json(sys.argv[2]))"
)
PEER = """
import json, sys, time, xllamacpp
wish, p = json.loads(sys.argv[1]), xllamacpp.CommonParams()
p.model.path, p.n_parallel, p.n_threads_http = wish["path"], wish["parallel"], wish["http"]
p.n_ctx = wish["context"] * wish["parallel"]
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = wish["threads"]
p.fit_params, p.verbosity, p.port = False, 1, 0
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
PROMPT = "The islands of the Mediterranean have been settled since the Stone Age. The first people who came there"


@dataclass(frozen=True)
class Round:
    """One round: all users' tokens over the time of all, and each user's wait for the first token (seconds)."""

    tokens_per_second: float
    first: list[float]


async def one(client: httpx.AsyncClient, body: dict[str, object]) -> tuple[int, float]:
    """Tokens written and seconds to the first, for one streamed answer."""
    begun, first, tokens = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                first = first or time.perf_counter() - begun
                usage = json.loads(line[6:]).get("usage")
                tokens = usage["completion_tokens"] if usage else tokens
    return tokens, first


async def measure(make: Callable[[], httpx.AsyncClient], users: int, tokens: int, model: str | None) -> Round:
    async with make() as client:
        bodies: list[dict[str, object]] = []
        for user in range(users):
            body: dict[str, object] = {"prompt": f"{user}. {PROMPT}", "max_tokens": tokens, "temperature": 0, "seed": 1}
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            bodies.append(body | ({"model": model} if model else {}))
        begun = time.perf_counter()
        found = await asyncio.gather(*(one(client, body) for body in bodies))
        seconds = time.perf_counter() - begun
    return Round(sum(count for count, _ in found) / seconds, [first for _, first in found])


def http(url: str) -> Callable[[], httpx.AsyncClient]:
    return lambda: httpx.AsyncClient(base_url=url, timeout=None, trust_env=False)


def socket(path: str) -> Callable[[], httpx.AsyncClient]:
    transport = lambda: httpx.AsyncHTTPTransport(uds=path, limits=httpx.Limits(max_connections=None))  # noqa: E731
    return lambda: httpx.AsyncClient(base_url="http://engine", timeout=None, transport=transport())


def tell(name: str, users: int, rounds: list[Round]) -> float:
    speed = statistics.median(one.tokens_per_second for one in rounds)
    first = statistics.median(first for one in rounds for first in one.first) * 1000
    print(f"{name:10} {users:3} users  {speed:9.1f} tokens/s  first token after {first:8.1f} ms (median)", flush=True)
    return speed


@contextlib.contextmanager
def started(code: str, *arguments: str, folder: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder},
    )  # fmt: skip
    try:
        assert process.stdout
        yield process, next(word for word in process.stdout.readline().split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait()


def compare(target: Path, users: int, tokens: int, rounds: int, threads: int) -> None:
    """Openbook, the engine inside it, and llama.cpp's own server, round by round in turn."""
    gguf = served_file(target)
    settings = {"port": 0, "threads": threads, "parallel": users, "context": CONTEXT}
    shape = {"path": str(gguf), "threads": threads, "parallel": users, "context": CONTEXT, "http": 2 * users + 8}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        process, url = stack.enter_context(started(SERVE, str(target), json.dumps(settings), folder=folder))
        makers = {"openbook": http(url)}
        if gguf is not None:
            makers["engine"] = socket(str(next(Path(folder).glob("openbook-*/engine.sock"))))
            makers["llama.cpp"] = http(stack.enter_context(started(PEER, json.dumps(shape), folder=folder))[1])
        found: dict[str, list[Round]] = {name: [] for name in makers}
        for _ in range(rounds + 1):
            for name, make in makers.items():
                found[name].append(asyncio.run(measure(make, users, tokens, None)))
        speeds = {name: tell(name, users, of_one[1:]) for name, of_one in found.items()}
        for name in list(makers)[1:]:
            print(f"openbook / {name}: {speeds['openbook'] / speeds[name]:.3f}")
        if users == 1 and gguf is not None:
            waits: dict[str, list[float]] = {name: [] for name in makers}
            for _ in range(FIRST_TOKENS):
                for name, make in makers.items():
                    waits[name] += asyncio.run(measure(make, 1, 1, None)).first
            told = {name: statistics.median(of_one[3:]) * 1000 for name, of_one in waits.items()}
            words = ", ".join(f"{name} {wait:.1f} ms" for name, wait in told.items())
            print(f"first token: {words}; overhead over the engine {told['openbook'] - told['engine']:.1f} ms")
        memory = psutil.Process(process.pid).memory_info().rss / 2**20
        print(f"memory of the server without its engine: {memory:.0f} MiB")


def served_file(target: Path) -> Path | None:
    """The GGUF that a target's answers come from; None for a Hugging Face folder."""
    if target.is_file():
        return target
    manifest = target / "manifest.json"
    return target / json.loads(manifest.read_bytes())["serve"] if manifest.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, help="what to serve and measure")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--model", help="the model's name there")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    asked = parser.parse_args()
    print(f"{platform.machine()}, {psutil.cpu_count()} cores, {asked.threads} threads, {asked.tokens} tokens an answer")
    for users in asked.users:
        if asked.target:
            compare(asked.target, users, asked.tokens, asked.rounds, asked.threads)
        elif asked.url:
            make = http(asked.url)
            tell(
                "server",
                users,
                [asyncio.run(measure(make, users, asked.tokens, asked.model)) for _ in range(asked.rounds)],
            )
        else:
            parser.error("give --target or --url")


if __name__ == "__main__":
    main()
