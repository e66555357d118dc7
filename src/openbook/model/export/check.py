"""Does another program make of an exported model what we make of its checkpoint, in every language?

Token ids must be identical. Log-probabilities over the whole vocabulary may differ by rounding alone (F16) or by the
format's own loss (Q8_0 and below); the limits stand well above what a right file shows and far below a wrong one:
unpermuted q and k give a KL divergence of 0.7 nats, a wrong split pattern other ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from openbook.errors import OpenbookError
from openbook.model.checkpoint import Checkpoint
from openbook.model.llama_cpp import LlamaCpp
from openbook.model.threads import torch_threads

if TYPE_CHECKING:
    from openbook.tokenizer import Tokenizer

LINES = 12
"""Lines of the parallel text, per language, that are tokenized beside the stress list."""
HUGGINGFACE_LIMIT = 1e-4
"""Largest difference of a logit from transformers', as a share of the largest logit (or of 1)."""


@dataclass(frozen=True)
class Limits:
    """What a file may lose: `divergence` is the mean KL divergence in nats, `difference` the largest difference of a
    log-probability of the text's own tokens; None where a format's own loss is as large as an error's.
    """

    divergence: float
    difference: float | None

    @classmethod
    def of(cls, kind: str) -> "Limits":
        return LIMITS[kind]


LIMITS = {
    "F32": Limits(1e-4, 0.05),
    "F16": Limits(1e-4, 0.05),
    "BF16": Limits(1e-2, 0.5),
    "Q8_0": Limits(1e-2, 0.5),
    "Q6_K": Limits(5e-2, None),
    "Q5_K_M": Limits(0.1, None),
    "Q4_K_M": Limits(0.3, None),
    "Q3_K_M": Limits(0.6, None),
    "Q5_1": Limits(0.1, None),
    "Q5_0": Limits(0.1, None),
    "Q4_1": Limits(0.3, None),
    "Q4_0": Limits(0.3, None),
    "INT8": Limits(5e-2, None),
    "INT4": Limits(0.3, None),
}


class Reader(Protocol):
    """A model file, opened by a program that computes with it."""

    def tokenize(self, text: str) -> list[int]: ...

    def logits(self, row: Sequence[int]) -> np.ndarray:
        """After each id of the row, [len(row), vocabulary]."""
        ...


@dataclass(frozen=True)
class Figures:
    """One file in one language. Figures are rounded to three digits, so that they repeat."""

    texts: int
    """Texts whose token ids were compared."""
    tokens: int
    """Tokens whose log-probabilities were compared."""
    difference: float
    divergence: float
    agreement: float
    """Share of places where the most likely token is the same."""


class Reference:
    """What our own forward pass says, in fp32 on one thread, for a row of each language."""

    def __init__(
        self, model: Checkpoint, tokenizer: "Tokenizer", texts: Mapping[str, Sequence[str]], tokens: int
    ) -> None:
        """`tokens` caps the row of a language; a short first text is followed by the next."""
        import torch

        self.tokenizer, self.texts = tokenizer, texts
        self.ids = {code: [tokenizer.encode(text) for text in of_code] for code, of_code in texts.items()}
        length = min(tokens, model.config.context)
        self.rows = {code: _row(tokenizer.bos, of_code, length) for code, of_code in self.ids.items()}
        self.logits: dict[str, np.ndarray] = {}
        with torch_threads(1), torch.no_grad():
            transformer = model.load()
            for code, row in self.rows.items():
                self.logits[code] = transformer(torch.tensor([row]))[0].float().numpy()


def samples(parallel: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Texts to compare, per language: natural ones first, then the stress list."""
    from openbook.tokenizer import stress_texts

    return {code: [*lines[:LINES], *stress_texts(code)] for code, lines in sorted(parallel.items())}


def _row(bos: int, texts: Sequence[Sequence[int]], length: int) -> list[int]:
    row = [bos]
    for ids in texts:
        row += ids
        if len(row) >= length:
            break
    return row[:length]


def check_file(path: Path, kind: str, reference: Reference) -> dict[str, Figures]:
    """Figures per language. Raises OpenbookError naming file, language and figure when one is beyond its limit."""
    figures = {}
    with LlamaCpp(path, max(len(row) for row in reference.rows.values())) as llama:
        check_start(path.name, llama, reference.tokenizer.bos, reference.tokenizer.specials)
        for code, texts in reference.texts.items():
            pairs = list(zip(texts, reference.ids[code], strict=True))
            figures[code] = check_language(
                path.name, kind, llama, code, pairs, reference.rows[code], reference.logits[code]
            )
    return figures


def check_start(name: str, llama: LlamaCpp, bos: int, specials: Mapping[str, int], begins: bool = True) -> None:
    """Raises OpenbookError for a file that begins texts otherwise, or knows special tokens by other ids."""
    theirs, ours = llama.bos if llama.adds_bos else "none", bos if begins else "none"
    if theirs != ours:
        raise OpenbookError(
            f"{name}: llama.cpp begins a text with token {theirs}, the tokenizer with {ours}. It was not released."
        )
    for token, number in specials.items():
        _same_ids(name, "special tokens", token, [number], llama.tokenize(token, special=True))


def check_language(
    name: str,
    kind: str,
    reader: Reader,
    code: str,
    texts: Iterable[tuple[str, Sequence[int]]],
    row: Sequence[int],
    logits: np.ndarray,
) -> Figures:
    """`texts`: each with the ids it must get; `logits`: what it must say after each id of `row`, within the limits of
    `kind`. Raises OpenbookError that names file, language and figure."""
    limits, count = Limits.of(kind), 0
    for text, ids in texts:
        _same_ids(name, code, text, ids, reader.tokenize(text))
        count += 1
    one = compare(logits, reader.logits(row), row, count)
    _within(f"{name}, {code}", "mean KL divergence", one.divergence, limits.divergence)
    _within(f"{name}, {code}", "largest difference of a log-probability", one.difference, limits.difference)
    return one


def compare(ours: np.ndarray, theirs: np.ndarray, row: Sequence[int], texts: int) -> Figures:
    """`ours` and `theirs` are logits [len(row), vocabulary] after each token of `row`."""
    p, q = log_softmax(ours), log_softmax(theirs)
    following = np.asarray(row[1:])
    places = np.arange(len(following))
    difference = np.abs(p[places, following] - q[places, following]).max() if len(following) else 0.0
    return Figures(
        texts=texts,
        tokens=len(row),
        difference=rounded(float(difference)),
        divergence=rounded(float((np.exp(p) * (p - q)).sum(axis=1).mean())),
        agreement=rounded(float((p.argmax(axis=1) == q.argmax(axis=1)).mean())),
    )


def check_huggingface(folder: Path, reference: Reference) -> dict[str, Any]:
    """Let transformers load the folder. Raises OpenbookError when ids or logits differ from ours."""
    import torch
    import transformers

    library: Any = transformers
    library.utils.logging.disable_progress_bar()
    tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = library.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    languages = {}
    with torch_threads(1), torch.no_grad():
        for code, texts in reference.texts.items():
            for text, ids in zip(texts, reference.ids[code], strict=True):
                theirs = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
                _same_ids("the Hugging Face folder", code, text, ids, theirs)
            logits = model(torch.tensor([reference.rows[code]])).logits[0].float().numpy()
            ours = reference.logits[code]
            difference = rounded(float(np.abs(logits - ours).max() / max(1.0, float(np.abs(ours).max()))))
            _within(f"the Hugging Face folder, {code}", "difference of a logit", difference, HUGGINGFACE_LIMIT)
            languages[code] = {"texts": len(texts), "tokens": len(ours), "difference": difference}
    return {"limit": HUGGINGFACE_LIMIT, "languages": languages}


def _same_ids(where: str, code: str, text: str, ours: Sequence[int], theirs: Sequence[int]) -> None:
    if list(ours) != list(theirs):
        at = next(i for i, (a, b) in enumerate(zip([*ours, None], [*theirs, None], strict=False)) if a != b)
        raise OpenbookError(
            f"{where}, {code}: {text[:60]!r} is tokenized differently from token {at} on: {list(theirs[at : at + 4])} "
            f"instead of {list(ours[at : at + 4])}. It was not released."
        )


def _within(where: str, what: str, figure: float, limit: float | None) -> None:
    if limit is not None and not figure <= limit:
        raise OpenbookError(f"{where}: {what} is {figure:g}, more than {limit:g}. It was not released.")


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural log-probabilities in float64, along the last axis."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def rounded(figure: float, digits: int = 3) -> float:
    """To so many significant digits, so that the last bits of a sum are not in the record."""
    return float(f"{figure:.{digits}g}")
