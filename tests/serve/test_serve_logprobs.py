"""Echoed log-probabilities are right: checked against a forward pass in NumPy, in the shape that evaluators read."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tiny_model
from gguf import GGUFReader
from running import Running

TEXT = "Il-baħar madwar il-gżira, the θάλασσα"


def echoed(client: httpx.Client, **body: object) -> dict[str, Any]:
    fields = {"prompt": TEXT, "max_tokens": 1, "temperature": 0, "seed": 1234, "echo": True, "logprobs": 1}
    answer = client.post("/v1/completions", json=fields | body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def reference_logprobs(path: Path, ids: list[int]) -> np.ndarray:
    """Log-probabilities after each token, [len(ids), vocabulary]: Llama's equations in double precision."""
    weights = {tensor.name: np.asarray(tensor.data, np.float64) for tensor in GGUFReader(path).tensors}
    width, heads, kv_heads = tiny_model.WIDTH, tiny_model.HEADS, tiny_model.KV_HEADS
    head = width // heads
    count = len(ids)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weights[name]

    angles = np.arange(count)[:, None] * 10_000.0 ** (-np.arange(0, head, 2) / head)

    def rotate(x: np.ndarray) -> np.ndarray:  # GGUF's Llama layout: pairs are neighbors
        even, odd = x[..., 0::2], x[..., 1::2]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    x = weights["token_embd.weight"][ids]
    mask = np.triu(np.full((count, count), -np.inf), 1)
    for layer in range(tiny_model.LAYERS):
        w = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blk.{layer}.")}
        y = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w["attn_norm.weight"]
        q = rotate((y @ w["attn_q.weight"].T).reshape(count, heads, head))
        k = rotate((y @ w["attn_k.weight"].T).reshape(count, kv_heads, head))
        v = (y @ w["attn_v.weight"].T).reshape(count, kv_heads, head)
        k, v = (np.repeat(part, heads // kv_heads, axis=1) for part in (k, v))
        attention = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(head) + mask
        attention = np.exp(attention - attention.max(-1, keepdims=True))
        attention /= attention.sum(-1, keepdims=True)
        x = x + np.einsum("hqk,khd->qhd", attention, v).reshape(count, width) @ w["attn_output.weight"].T
        y = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w["ffn_norm.weight"]
        gate = y @ w["ffn_gate.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ w["ffn_up.weight"].T)) @ w["ffn_down.weight"].T
    logits = norm(x, "output_norm.weight") @ weights["output.weight"].T
    logits -= logits.max(-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))


def test_every_tokens_log_probability_is_that_of_the_equations(any_client: httpx.Client, tiny_gguf: Path) -> None:
    ids = any_client.post("/tokenize", json={"prompt": TEXT}).json()["tokens"]
    told = echoed(any_client, max_tokens=0)["choices"][0]["logprobs"]
    expected = reference_logprobs(tiny_gguf, ids)[np.arange(len(ids) - 1), ids[1:]]
    assert told["token_logprobs"][0] is None
    assert np.abs(np.array(told["token_logprobs"][1:]) - expected).max() < 0.02  # half-precision key-value cache


def test_the_answer_has_the_shape_that_the_harness_slices(any_client: httpx.Client) -> None:
    ids = any_client.post("/tokenize", json={"prompt": TEXT}).json()["tokens"]
    (choice,) = echoed(any_client, prompt=[ids])["choices"]
    told = choice["logprobs"]
    assert len(told["tokens"]) == len(told["token_logprobs"]) == len(told["top_logprobs"]) == len(ids) + 1
    assert choice["text"].endswith(TEXT) or TEXT in choice["text"]
    assert told["top_logprobs"][0] is None
    places = list(zip(told["token_logprobs"][1:], told["top_logprobs"][1:], strict=True))
    assert all(chosen <= max(top.values()) for chosen, top in places)
    assert places[-1][0] == max(places[-1][1].values())  # temperature 0: what was written is exactly the likeliest


def test_many_rows_are_answered_in_order(any_client: httpx.Client) -> None:
    rows = [[0, *range(10, 10 + length)] for length in (5, 30, 2, 17)]
    choices = echoed(any_client, prompt=rows)["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2, 3]
    assert [len(choice["logprobs"]["tokens"]) for choice in choices] == [len(row) + 1 for row in rows]
    alone = [echoed(any_client, prompt=[row])["choices"][0]["logprobs"]["token_logprobs"] for row in rows]
    assert [choice["logprobs"]["token_logprobs"] for choice in choices] == alone


def test_a_row_beyond_the_context_is_refused(any_client: httpx.Client) -> None:
    answer = any_client.post(
        "/v1/completions", json={"prompt": [5] * 600, "echo": True, "logprobs": 1, "max_tokens": 0}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("text", ["Η θάλασσα είναι", "საქართველო", "Paris is the capital of"])
def test_scores_and_generation_agree_for_a_quantized_model(smollm_server: Running, text: str) -> None:
    """What the model writes greedily is what scoring calls the likeliest, in every script."""
    with smollm_server.client() as client:
        body = {"prompt": text, "max_tokens": 6, "temperature": 0, "logprobs": 1}
        written = client.post("/v1/completions", json=body).json()
        assert len(written["choices"][0]["logprobs"]["tokens"]) == written["usage"]["completion_tokens"]
        told = client.post("/v1/completions", json=body | {"echo": True}).json()["choices"][0]["logprobs"]
        for chosen, top in list(zip(told["token_logprobs"], told["top_logprobs"], strict=True))[-6:]:
            assert chosen > max(top.values()) - 0.2  # a row at once and token by token differ a little when quantized
