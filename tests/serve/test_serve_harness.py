"""lm-evaluation-harness, unchanged, gets the scores that the model's equations give."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lm_eval.models.openai_completions import LocalCompletionsAPI
from running import Running
from test_serve_logprobs import reference_logprobs

PAIRS = [("Il-baħar", " madwar"), ("the", " the the"), ("Η θάλασσα", " είναι"), ("a", "b")]


def test_local_completions_scores_like_the_equations(any_server: Running, tiny_gguf: Path) -> None:
    """With the server's own tokenizer; the harness asks it for tokens without BOS, and sends tokens."""
    model = LocalCompletionsAPI(
        base_url=f"{any_server.url}/v1/completions",
        model="tiny",
        tokenizer_backend="remote",
        num_concurrent=1,
        max_retries=1,
        max_length=512,
    )
    scores = model.loglikelihood([SimpleNamespace(args=pair, arguments=pair) for pair in PAIRS])

    def tokens(text: str) -> list[int]:
        with any_server.client() as client:
            body = {"prompt": text, "add_special_tokens": False}
            return list(client.post("/tokenize", json=body).json()["tokens"])

    for (context, continuation), (score, greedy) in zip(PAIRS, scores, strict=True):
        start, ids = len(tokens(context)), tokens(context + continuation)
        logprobs = reference_logprobs(tiny_gguf, ids)[start - 1 : -1]
        assert score == pytest.approx(logprobs[np.arange(len(logprobs)), ids[start:]].sum(), abs=0.05)
        assert greedy == bool((logprobs.argmax(-1) == ids[start:]).all())
