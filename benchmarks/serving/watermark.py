"""How well is the watermark found, language by language, and what does it cost?

    python benchmarks/serving/watermark.py MODEL PARALLEL --languages en mt pl el --answers 24 --tokens 120

MODEL is a Hugging Face folder, PARALLEL the artifact of a run's parallel texts, whose sentences begin the answers. For
each language: the share of answers found at p < 0.001 among those written with the mark (the power) and without it
(false alarms), after the text was cut into tokens anew; the median z-score; and how much less likely the model itself
finds the marked answers (nats a token).
"""

import argparse
import asyncio
import statistics
from pathlib import Path

from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.serve.detection import detect_text
from openbook.serve.engine.interface import Delta, Sampling
from openbook.serve.engine.pytorch import PytorchEngine
from openbook.serve.target import FolderTarget, find
from openbook.serve.watermark import Watermark

FOUND = 1e-3


async def write(engine: PytorchEngine, prompts: list[str], tokens: int, ends: dict[int, float]) -> list[Delta]:
    """One answer to each prompt, drawn from the whole distribution; it may not end before it has all its tokens."""

    async def one(number: int, prompt: str) -> Delta:
        sampling = Sampling(
            max_tokens=tokens, seed=number, top_logprobs=0, logit_bias=tuple(ends.items()), tenant=str(number)
        )
        text, told = "", []
        async for piece in engine.complete(prompt, sampling):
            text += piece.text
            told += piece.logprobs
        return Delta(text, logprobs=tuple(told))

    return list(await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(prompts))))


def cost(answers: list[Delta]) -> float:
    """Mean surprise of the model at the tokens written, nats."""
    values = [-item.logprob for answer in answers for item in answer.logprobs if item.logprob is not None]
    return statistics.fmean(values)


def judged(answers: list[Delta], folder: Path, mark: Watermark) -> tuple[float, float]:
    """(share found, median z)."""
    found = []
    for answer in answers:
        try:
            found.append(detect_text(answer.text, folder, mark))
        except OpenbookError:
            continue  # too short to tell: not found
    z = statistics.median(one.z_score for one in found) if found else float("nan")
    return sum(one.p_value < FOUND for one in found) / len(answers), z


async def measure(
    target: FolderTarget, texts: dict[str, list[str]], mark: Watermark, tokens: int, threads: int
) -> None:
    marked = PytorchEngine(target, context=512, parallel=16, threads=threads, mark=mark)
    plain = PytorchEngine(target, context=512, parallel=16, threads=threads)
    await marked.start()
    await plain.start()
    ends = dict.fromkeys(marked.words.ends, -100.0)
    print(f"{tokens} tokens an answer, share {mark.share}, bias {mark.bias}, found at p < {FOUND}")
    print("language  answers   power  false alarms  median z  without  cost (nats a token)")
    for language, prompts in texts.items():
        with_mark = await write(marked, prompts, tokens, ends)
        without = await write(plain, prompts, tokens, ends)
        power, z = judged(with_mark, target.path, mark)
        alarms, chance = judged(without, target.path, mark)
        paid = cost(with_mark) - cost(without)
        line = f"{language:8}  {len(prompts):7}  {power:6.0%}  {alarms:12.0%}  {z:8.1f}  {chance:7.1f}  {paid:19.2f}"
        print(line, flush=True)
    await marked.close()
    await plain.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("parallel", type=Path)
    parser.add_argument("--languages", nargs="+", default=["en", "mt", "pl", "el"])
    parser.add_argument("--answers", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--bias", type=float, default=2.0)
    asked = parser.parse_args()
    target = find(asked.model)
    assert isinstance(target, FolderTarget)
    parallel = ParallelText.open(asked.parallel)
    texts = {code: beginnings(parallel, code, asked.answers) for code in asked.languages}
    mark = Watermark(b"the key of this measurement", asked.share, asked.bias)
    asyncio.run(measure(target, texts, mark, asked.tokens, asked.threads))


def beginnings(parallel: ParallelText, language: str, count: int) -> list[str]:
    """The first words of so many sentences."""
    return [" ".join(sentence.split()[:6]) for sentence in parallel.lines(language)[:count]]


if __name__ == "__main__":
    main()
