"""How many held-out requests does a served model answer exactly, language by language?

python measure.py HELD-OUT.jsonl MODEL.gguf serves the model on this machine as a user would, asks it every request at
temperature 0, and prints one JSON object. --adapter ADAPTER.gguf serves the model with the adapter beside it, and asks
the adapter.
"""

import argparse
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from make_data import SYSTEM, Item

ADAPTER = "offices"
"""The name that the adapter is served under."""


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): honest near 0 and 1, where others are not."""
    share, spread = right / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def same(answer: str, right: str) -> bool:
    """Equal as JSON: the order of keys and white space make no difference, anything around it does."""
    try:
        return bool(json.loads(answer) == json.loads(right))
    except ValueError:
        return False


@contextmanager
def served(model: Path, *options: str) -> Iterator[httpx.Client]:
    """`openbook serve`, until the block ends."""
    command = [
        str(Path(sys.executable).with_name("openbook")),
        "serve",
        str(model),
        "--port",
        "0",
        "--context",
        "1024",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = None
            while found is None:
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    raise SystemExit(f"the server ended: {' '.join(command)}")
                found = re.search(r"http://\S+:\d+", line)
            with httpx.Client(base_url=found.group(), timeout=300, trust_env=False) as client:
                yield client
        finally:
            process.terminate()


def asked(client: httpx.Client, model: str, item: Item) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": item["request"]}]
    body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": 40}
    answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()
    return str(answer["choices"][0]["message"]["content"])


def measured(items: Sequence[Item], answers: Sequence[str]) -> dict[str, Any]:
    """Right, count, share and interval: of all items and of each language."""
    groups: Mapping[str, list[int]] = {
        "all": list(range(len(items))),
        **{code: [at for at, item in enumerate(items) if item["language"] == code] for code in _languages(items)},
    }
    found = {}
    for name, places in groups.items():
        right = sum(same(answers[at], items[at]["answer"]) for at in places)
        low, high = wilson(right, len(places))
        share = right / len(places)
        found[name] = {"right": right, "of": len(places), "share": share, "low": round(low, 4), "high": round(high, 4)}
    return found


def _languages(items: Sequence[Item]) -> list[str]:
    return sorted({item["language"] for item in items})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=Path, help="a LoRA adapter of the model, as GGUF: asked in the model's place")
    parser.add_argument("--option", action="append", default=[], help="passed on to openbook serve")
    told = parser.parse_args()
    items: list[Item] = [json.loads(line) for line in told.items.read_text(encoding="utf-8").splitlines()]
    adapter = ["--adapter", f"{ADAPTER}={told.adapter}"] if told.adapter else []
    with served(told.model, *adapter, *told.option) as client:
        names = [one["id"] for one in client.get("/v1/models").raise_for_status().json()["data"]]
        name = next(one for one in names if one == ADAPTER or not told.adapter)
        answers = [asked(client, name, item) for item in items]
    wrong = [
        (item["request"], answer)
        for item, answer in zip(items, answers, strict=True)
        if not same(answer, item["answer"])
    ]
    print(json.dumps({"model": name, **measured(items, answers), "wrong": wrong[:10]}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
