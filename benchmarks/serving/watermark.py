"""How well is the watermark found, language by language, and what does it cost?

    python benchmarks/serving/watermark.py runs/first-light --answers 40 --json watermark.json

Answers are begun with the first words of the run's parallel sentences, so that all languages say the same, and written
with `--keys` different secrets in turn. For each language: how many tokens of an answer are needed until nine of ten
are found at a false alarm of 1 %, the share found after 25, 50 and 100 tokens, and why: the model's entropy at the
places written, the bytes of a token, and the pairs of tokens that are the same when the text is cut anew. False alarms
are counted on text that people wrote, the run's held-out documents, under `--alarm-keys` other secrets.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import tokenizers
import torch

from openbook.books.chance import generator
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.evaluate.pairs.score import wilson
from openbook.serve.engine.interface import Sampling
from openbook.serve.engine.pytorch import PytorchEngine
from openbook.serve.target import FolderTarget, find
from openbook.serve.watermark import Watermark, detect

FOUND = 0.01
"""A text whose greenness is rarer than this among unmarked texts counts as found."""
POWER = 0.9
TOLD = (25, 50, 100)
STEP = 5
DRAWS = 1000


@dataclass(frozen=True)
class Row:
    """What is told of one language. Shares are (value, low, high); tokens of infinity: not reached."""

    needed: tuple[float, float, float]
    power: dict[int, tuple[float, float, float]]
    z_score: float
    """Median of the answers' first 100 tokens."""
    entropy: float
    cost: float
    token_bytes: float
    same_pairs: float
    alarms: dict[int, tuple[float, float, float]]
    passages: dict[int, int]


class Judge:
    """The tokenizer and what is found with it."""

    def __init__(self, folder: Path) -> None:
        self.cutter = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))

    def ids(self, text: str) -> list[int]:
        return list(self.cutter.encode(text, add_special_tokens=False).ids)

    def text(self, ids: Sequence[int]) -> str:
        return str(self.cutter.decode(list(ids), skip_special_tokens=True))

    def p_value(self, ids: Sequence[int], mark: Watermark) -> float:
        try:
            return detect(ids, mark).p_value
        except OpenbookError:
            return 1.0  # too short to tell: not found


async def write(
    engine: PytorchEngine, prompts: Sequence[Sequence[int]], tokens: int, temperature: float, first: int
) -> list[list[int]]:
    """The tokens of one answer to each prompt; none may end before it has all of them."""
    ends = tuple(dict.fromkeys(engine.words.ends, -100.0).items())

    async def one(number: int, prompt: Sequence[int]) -> list[int]:
        sampling = Sampling(
            max_tokens=tokens,
            seed=number,
            temperature=temperature,
            top_logprobs=0,
            logit_bias=ends,
            tenant=str(number),
        )
        return [item.token.id async for piece in engine.complete(prompt, sampling) for item in piece.logprobs]

    return list(await asyncio.gather(*(one(first + number, prompt) for number, prompt in enumerate(prompts))))


@torch.inference_mode()
def surprise(model: torch.nn.Module, prompt: Sequence[int], answer: Sequence[int]) -> tuple[float, float]:
    """(entropy of the model's own distribution, its surprise at what was written): means over the answer, nats."""
    logits = model(torch.tensor([[*prompt, *answer[:-1]]]))[0, len(prompt) - 1 :].double()
    logprobs = logits.log_softmax(-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1).mean()
    return float(entropy), float(-logprobs.gather(1, torch.tensor(answer)[:, None]).mean())


def needed(found: np.ndarray, places: Sequence[int], code: str) -> tuple[float, float, float]:
    """The fewest tokens at which so many answers are found [answers, places]; 95 % by bootstrap over answers."""
    drawn = generator(0, f"watermark {code}").integers(0, len(found), (DRAWS, len(found)))
    shares = np.vstack([found.mean(0), *(found[one].mean(0) for one in drawn)])
    reached = shares >= POWER
    first = np.where(reached.any(1), np.array(places)[reached.argmax(1)], np.inf)
    return (
        float(first[0]),
        float(np.quantile(first[1:], 0.025, method="lower")),
        float(np.quantile(first[1:], 0.975, method="higher")),
    )


def share(found: Sequence[bool]) -> tuple[float, float, float]:
    return (sum(found) / len(found), *wilson(sum(found), len(found), 0.95))


def alarms(judge: Judge, texts: Sequence[str], length: int, marks: Sequence[Watermark], code: str) -> list[list[bool]]:
    """For each secret, whether each passage of so many tokens of what people wrote counts as found."""
    rows = [judge.ids(text) for text in texts]
    passages = [row[at : at + length] for row in rows for at in range(0, len(row) - length + 1, length)]
    return [[judge.p_value(one, mark) < FOUND for one in passages] for mark in marks]


def over_keys(found: list[list[bool]], code: str) -> tuple[float, float, float]:
    """Mean share of false alarms; 95 % by bootstrap over secrets, as passages under one secret are alike."""
    each = np.array([np.mean(one) for one in found])
    draws = each[generator(0, f"alarms {code}").integers(0, len(each), (DRAWS, len(each)))].mean(1)
    return float(each.mean()), float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


async def measure(asked: argparse.Namespace, target: FolderTarget) -> dict[str, Row]:
    judge, model = Judge(target.path), target.checkpoint.load()
    parallel, corpus = ParallelText.open(asked.run / "parallel"), Corpus.open(asked.run / "corpus")
    marks = [
        Watermark(f"secret {number} of this measurement".encode(), asked.share, asked.bias)
        for number in range(asked.keys)
    ]
    others = [
        Watermark(f"secret {number} of nobody here".encode(), asked.share, asked.bias)
        for number in range(asked.alarm_keys)
    ]
    each = asked.answers // asked.keys
    engines = [PytorchEngine(target, context=512, parallel=each, threads=asked.threads, mark=mark) for mark in marks]
    for engine in engines:
        await engine.start()
    places = list(range(STEP * 4, asked.tokens + 1, STEP))
    rows: dict[str, Row] = {}
    print(
        f"{asked.answers} answers a language under {asked.keys} secrets, share {asked.share}, bias {asked.bias}, "
        f"temperature {asked.temperature}; found at p < {FOUND}; in brackets 95 %"
    )
    heads = "".join(f"{f'found at {at}':21}" for at in TOLD)
    print(
        f"          tokens for 90 %   {heads}z@100 entropy  cost bytes same  false alarms at {TOLD[1]}, at {TOLD[-1]}"
    )
    for code in asked.languages or [one for one in parallel.languages if one in corpus.languages]:
        begun = [judge.ids(" ".join(line.split()[:6])) for line in parallel.lines(code) if line][: asked.answers]
        found, z_scores, told, same, size = [], [], [], [], 0
        for number, (engine, mark) in enumerate(zip(engines, marks, strict=True)):
            prompts = [[*sorted(engine.words.ends)[:1], *ids] for ids in begun[number :: asked.keys]]
            answers = await write(engine, prompts, asked.tokens, asked.temperature, number * each)
            for prompt, answer in zip(prompts, answers, strict=True):
                told.append(surprise(model, prompt, answer))
                again = judge.ids(judge.text(answer))
                size += len(judge.text(answer).encode())
                written = set(pairwise(answer))
                same.append(len(written & set(pairwise(again))) / len(written))
                found.append([judge.p_value(judge.ids(judge.text(answer[:at])), mark) < FOUND for at in places])
                z_scores.append(detect(judge.ids(judge.text(answer[:100])), mark).z_score)
        table = np.array(found)
        texts = [row["text"] for row in corpus.documents(code, split="held-out", columns=["text"])]
        wrong = {at: alarms(judge, texts, at, others, code) for at in (TOLD[1], TOLD[-1])}
        entropy, paid = np.mean(told, axis=0)
        row = rows[code] = Row(
            needed(table, places, code),
            {at: share(table[:, places.index(at)].tolist()) for at in TOLD if at in places},
            float(np.median(z_scores)),
            float(entropy),
            float(paid - entropy),
            size / (len(table) * asked.tokens),
            float(np.mean(same)),
            {at: over_keys(one, f"{code} {at}") for at, one in wrong.items()},
            {at: len(one[0]) for at, one in wrong.items()},
        )
        print(line(code, row), flush=True)
    for engine in engines:
        await engine.close()
    return rows


def line(code: str, row: Row) -> str:
    power = "".join(f"{value:5.0%} ({low:4.0%} to {high:4.0%}) " for value, low, high in row.power.values())
    wrong = " ".join(
        f"{value:5.2%} ({low:.2%} to {high:.2%}, {row.passages[at]})" for at, (value, low, high) in row.alarms.items()
    )
    value, low, high = row.needed
    why = f"{row.z_score:5.1f} {row.entropy:7.2f} {row.cost:5.2f} {row.token_bytes:5.2f} {row.same_pairs:4.0%}"
    return f"{code:8}  {value:3.0f} ({low:3.0f} to {high:3.0f})  {power}{why}  {wrong}"


def ranks_agree(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, ties at their mean rank."""
    ranks = [[(np.sum(np.array(of) < one) + np.sum(np.array(of) <= one)) / 2 for one in of] for of in (first, second)]
    apart = np.array(ranks) - np.mean(ranks, axis=1, keepdims=True)
    return float(apart[0] @ apart[1] / np.sqrt((apart**2).sum(1).prod()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "run", type=Path, help="its parallel text begins the answers, its held-out text must not be found"
    )
    parser.add_argument("--model", type=Path, help="a Hugging Face folder; that of the run's release if none is named")
    parser.add_argument("--languages", nargs="+", help="all of the corpus if none is named")
    parser.add_argument("--answers", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--keys", type=int, default=4)
    parser.add_argument("--alarm-keys", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--bias", type=float, default=2.0)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    asked = parser.parse_args()
    target = find(asked.model or asked.run / "release" / "model")
    assert isinstance(target, FolderTarget)
    rows = asyncio.run(measure(asked, target))
    z_scores = [row.z_score for row in rows.values()]
    for name in ("entropy", "token_bytes", "same_pairs"):
        found = ranks_agree(z_scores, [getattr(row, name) for row in rows.values()])
        print(f"rank correlation of z after 100 tokens with {name}: {found:+.2f}")
    if asked.json:
        asked.json.write_text(json.dumps({code: asdict(row) for code, row in rows.items()}, indent=1))


if __name__ == "__main__":
    main()
