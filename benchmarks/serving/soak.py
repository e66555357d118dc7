"""Does a server stay well? Full load with aborted, malformed, oversized and slow requests mixed in, for a while.

    python benchmarks/serving/soak.py MODEL --minutes 60    # a .gguf file, a release, a Hugging Face folder

Prints, sixty times over the time, the resident memory of server and engine, the open files of the server, what it says
of its slots and its queue, and what was answered. Exit status 1 when a good request was not answered, a slot stays
taken, or the memory of either grew by more than a tenth after the first fifth.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

SERVE = (
    "import sys; from pathlib import Path; from openbook.serve import serve, ServeSettings; "
    "serve(Path(sys.argv[1]), ServeSettings.model_validate_json(sys.argv[2]))"
)
JSON = {"Content-Type": "application/json"}
PATH = "/v1/completions"
SAMPLES = 60
PARALLEL = 4
GAUGES = ("openbook_answers_computing", "openbook_requests_open")


@dataclass(frozen=True)
class Sample:
    """Resident memory in MiB, the server's open files, answers being computed, requests in the house."""

    server: float
    engine: float
    files: int
    computing: int
    requests: int


async def good(client: httpx.AsyncClient) -> str:
    """A request that must be answered, or told to come again."""
    body = {"prompt": str(random.random()), "max_tokens": random.randint(1, 40), "stream": random.random() < 0.5}
    answer = await client.post(PATH, json=body)
    ended = '"finish_reason":"' in answer.text and '"error"' not in answer.text  # an error too ends with the end mark
    whole = ended and (answer.text.endswith("data: [DONE]\n\n") or not body["stream"])
    if answer.status_code == 429:
        return "told to wait"
    return "answered" if answer.status_code == 200 and whole else f"FAILED {answer.status_code}"


async def aborted(client: httpx.AsyncClient) -> str:
    async with client.stream("POST", PATH, json={"prompt": "a", "max_tokens": 400, "stream": True, "n": 2}) as answer:
        async for _ in answer.aiter_raw():
            break
    return "aborted"


async def malformed(client: httpx.AsyncClient) -> str:
    content = random.choice([b"{", b"\xff", b'{"prompt": [1e99]}', b'{"prompt": "a", "grammar": "root ::= ("}'])
    answer = await client.post(PATH, content=content, headers=JSON)
    return "malformed" if 400 <= answer.status_code < 500 else f"FAILED malformed {answer.status_code}"


async def oversized(client: httpx.AsyncClient) -> str:
    body = {"prompt": "x" * 100_000, "max_tokens": 1}
    answer = await client.post(PATH, json=body)
    return "oversized" if answer.status_code in (400, 413, 429) else f"FAILED oversized {answer.status_code}"


async def slow(client: httpx.AsyncClient) -> str:
    async def body() -> AsyncIterator[bytes]:
        for letter in b'{"prompt": "a", "max_tokens": 2}':
            yield bytes([letter])
            await asyncio.sleep(0.02)

    answer = await client.post(PATH, content=body(), headers=JSON)
    return "slow" if answer.status_code in (200, 408, 429) else f"FAILED slow {answer.status_code}"


async def dawdling(client: httpx.AsyncClient) -> str:
    """A client that reads slower than the engine writes."""
    text = ""
    async with client.stream("POST", PATH, json={"prompt": "a", "max_tokens": 60, "stream": True}) as answer:
        async for piece in answer.aiter_text(64):
            text += piece
            await asyncio.sleep(0.01)
    ended = text.endswith("data: [DONE]\n\n") and '"error"' not in text
    return "dawdling" if answer.status_code == 429 or ended else f"FAILED dawdling {answer.status_code}"


async def broken_off(client: httpx.AsyncClient) -> str:
    """Half a body, and noise that is no HTTP; then the connection is gone."""
    for content in (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{{".encode(),
        b"\x16\x03\x01\r\n",
    ):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(content)
        await writer.drain()
        writer.close()
    return "broken off"


KINDS = [good] * 12 + [aborted, malformed, oversized, slow, dawdling, broken_off]


async def gauges(client: httpx.AsyncClient) -> tuple[int, int]:
    """(answers being computed, requests in the house), as the server tells them."""
    lines = (line.split() for line in (await client.get("/metrics")).text.splitlines())
    told = {line[0]: float(line[1]) for line in lines if line and line[0] in GAUGES}
    return int(told[GAUGES[0]]), int(told[GAUGES[1]])


async def soak(url: str, seconds: float, users: int, process: psutil.Process) -> tuple[Counter[str], list[Sample]]:
    told, samples, end = Counter[str](), list[Sample](), time.monotonic() + seconds

    async def user() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            while time.monotonic() < end:
                try:
                    told[await random.choice(KINDS)(client)] += 1
                except (httpx.HTTPError, OSError) as trouble:
                    told[f"FAILED {type(trouble).__name__}"] += 1

    async def watch() -> None:
        begun = time.monotonic()
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            for step in range(1, SAMPLES + 1):
                await asyncio.sleep(begun + seconds * step / SAMPLES - time.monotonic())
                computing, requests = await gauges(client)
                resident = [one.memory_info().rss / 2**20 for one in (process, *process.children())]
                sample = Sample(resident[0], sum(resident[1:]), process.num_fds(), computing, requests)
                samples.append(sample)
                memory = f"server {sample.server:6.1f} MiB  engine {sample.engine:6.1f} MiB  {sample.files:3} files"
                at = f"{time.monotonic() - begun:6.0f} s"
                print(f"{at}  {memory}  {computing} computing  {requests:2} in the house  {dict(told)}", flush=True)

    await asyncio.gather(watch(), *(user() for _ in range(users)))
    return told, samples


async def emptied(url: str) -> bool:
    """Do all slots come free once nobody asks any more, and do they all still answer?"""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        for _ in range(100):
            if await gauges(client) == (0, 0):
                break
            await asyncio.sleep(0.1)
        else:
            return False
        answer = await client.post(PATH, json={"prompt": "a", "max_tokens": 1, "n": PARALLEL})
        return answer.status_code == 200 and len(answer.json()["choices"]) == PARALLEL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--engine", default="auto")
    asked = parser.parse_args()
    wish = {"port": 0, "parallel": PARALLEL, "context": 512, "threads": asked.threads, "engine": asked.engine}
    settings = json.dumps(wish)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(asked.target), settings], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        told, samples = asyncio.run(soak(url, asked.minutes * 60, asked.users, psutil.Process(server.pid)))
        freed = asyncio.run(emptied(url))
    finally:
        server.terminate()
        server.wait()
    failed = sum(count for kind, count in told.items() if kind.startswith("FAILED"))
    settled, later = samples[SAMPLES // 5 - 1], samples[SAMPLES // 5 :]
    grown = {
        "server": max(one.server for one in later) / settled.server - 1,
        "engine": max(one.engine for one in later) / settled.engine - 1 if settled.engine else 0.0,
    }
    full = sum(one.computing == PARALLEL for one in samples) / SAMPLES
    print(
        f"{told['answered']} good requests answered, failed: {failed}; all slots busy in {full:.0%} of the looks; "
        f"slots free at the end: {freed}; memory grew after the first fifth: "
        + ", ".join(f"{name} {share:.1%}" for name, share in grown.items())
    )
    return int(failed > 0 or not freed or max(grown.values()) > 0.1)


if __name__ == "__main__":
    sys.exit(main())
