"""/v1/embeddings: texts as vectors of length one."""

import base64
from typing import Any

import numpy as np

from openbook.serve.engine.interface import Engine, Usage
from openbook.serve.errors import ApiError
from openbook.serve.requests import EmbeddingsBody
from openbook.serve.settings import Limits


async def answer(body: EmbeddingsBody, engine: Engine, model: str, limits: Limits) -> tuple[dict[str, Any], Usage]:
    """OpenAI's answer object, and what it took."""
    inputs = body.inputs()
    if len(inputs) > limits.prompts:
        text = f"input holds {len(inputs)} texts; a request may hold {limits.prompts}."
        raise ApiError(422, text, param="input")
    vectors, read = await engine.embed(inputs)
    if body.dimensions not in (None, len(vectors[0])):
        text = f"dimensions is {body.dimensions}; the vectors of {model} have {len(vectors[0])}, and are not cut."
        raise ApiError(422, text, param="dimensions")
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    used = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "model": model, "data": data, "usage": used}, Usage(read, 0)


def _written(vector: np.ndarray, form: str | None) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]
