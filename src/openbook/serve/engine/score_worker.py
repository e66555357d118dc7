"""The process that tells how likely each token of a text is: reads rows of tokens, answers log-probabilities.

Generating yields no log-probabilities of the prompt; one pass over the row yields all of them.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Answer each line {"ids", "top"} of standard input with a line; end when standard input does."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints is not an answer
    wish: dict[str, Any] = json.loads(sys.stdin.readline())
    from openbook.errors import OpenbookError
    from openbook.model.llama_cpp import LlamaCpp

    try:
        model = LlamaCpp(Path(wish["model"]), wish["context"], wish["threads"])
        if wish["adapter"]:
            model.apply(Path(wish["adapter"]))
    except OpenbookError as trouble:
        print(json.dumps({"error": str(trouble)}), file=answers, flush=True)
        return
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = score(model, asked["ids"], asked["top"])
        except OpenbookError as trouble:
            answer = {"error": str(trouble)}
        print(json.dumps(answer), file=answers, flush=True)


def score(model: Any, ids: list[int], top: int) -> dict[str, Any]:
    """For every token but the first: its log-probability after those before it, and the `top` likeliest there."""
    logits = model.logits(ids[:-1]) if len(ids) > 1 else np.empty((0, 1), np.float32)
    chosen, likeliest = [], []
    for row, following in zip(logits, ids[1:], strict=True):
        logprobs = log_softmax(row)
        best = _best(logprobs, top)
        chosen.append(float(logprobs[following]))
        likeliest.append([[int(token), float(logprobs[token])] for token in best])
    seen = {*ids} | {token for place in likeliest for token, _ in place}
    return {"chosen": chosen, "top": likeliest, "texts": {token: model.token_text(token) for token in seen}}


def log_softmax(row: np.ndarray) -> np.ndarray:
    """In double precision, so that the sum over a large vocabulary loses nothing."""
    shifted = row.astype(np.float64) - row.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _best(logprobs: np.ndarray, count: int) -> list[int]:
    """The likeliest tokens in falling order; of equals the lower id first."""
    if count <= 0:
        return []
    edge = np.partition(logprobs, -count)[-count] if count < len(logprobs) else -np.inf
    found = np.flatnonzero(logprobs >= edge)
    return [int(token) for token in found[np.lexsort((found, -logprobs[found]))][:count]]


if __name__ == "__main__":
    main()
