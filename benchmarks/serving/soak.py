"""Does a server stay well? Full load with aborted, malformed, oversized and slow requests mixed in, for a while.

    python benchmarks/serving/soak.py MODEL --minutes 60    # a .gguf file, a release, a Hugging Face folder

Prints the memory of server and engine every tenth of the time and, at the end, what was answered. Exit status 1 when a
good request was not answered, a slot stays taken, or memory grew by more than a tenth after the first fifth.
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
from pathlib import Path

import httpx
import psutil

SERVE = (
    "import sys; from pathlib import Path; from openbook.serve import serve, ServeSettings; "
    "serve(Path(sys.argv[1]), ServeSettings.model_validate_json(sys.argv[2]))"
)
JSON = {"Content-Type": "application/json"}
PATH = "/v1/completions"


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
    async def body() -> "object":
        for letter in b'{"prompt": "a", "max_tokens": 2}':
            yield bytes([letter])
            await asyncio.sleep(0.02)

    answer = await client.post(PATH, content=body(), headers=JSON)
    return "slow" if answer.status_code in (200, 408, 429) else f"FAILED slow {answer.status_code}"


KINDS = [good] * 12 + [aborted, malformed, oversized, slow]


async def soak(url: str, seconds: float, users: int, process: psutil.Process) -> tuple[Counter[str], list[float]]:
    told, memory, end = Counter[str](), list[float](), time.monotonic() + seconds

    async def user() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            while time.monotonic() < end:
                told[await random.choice(KINDS)(client)] += 1

    async def watch() -> None:
        for step in range(10):
            await asyncio.sleep(seconds / 10)
            family = [process, *process.children()]
            memory.append(sum(one.memory_info().rss for one in family) / 2**20)
            print(f"{(step + 1) * 10:3} %  {memory[-1]:8.1f} MiB  {dict(told)}", flush=True)

    await asyncio.gather(watch(), *(user() for _ in range(users)))
    return told, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--users", type=int, default=16)
    asked = parser.parse_args()
    settings = json.dumps({"port": 0, "parallel": 4, "context": 512, "threads": max(1, (os.cpu_count() or 2) // 2)})
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(asked.target), settings], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        told, memory = asyncio.run(soak(url, asked.minutes * 60, asked.users, psutil.Process(server.pid)))
        begun = time.monotonic()
        last = httpx.post(f"{url}{PATH}", json={"prompt": "a", "max_tokens": 1, "n": 4}, timeout=30, trust_env=False)
        freed = last.status_code == 200 and time.monotonic() - begun < 10
    finally:
        server.terminate()
        server.wait()
    failed = sum(count for kind, count in told.items() if kind.startswith("FAILED"))
    grown = max(memory[2:]) / memory[1] - 1
    print(f"failed: {failed}; slots free at the end: {freed}; memory grew by {grown:.1%} after the first fifth")
    return int(failed > 0 or not freed or grown > 0.1)


if __name__ == "__main__":
    sys.exit(main())
