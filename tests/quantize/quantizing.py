"""A tiny model some of whose columns carry much more than others, its texts, and the quantizing of both."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tiny import Parallel, write_model

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.model import Checkpoint
from openbook.model.gguf import Provenance
from openbook.quantize import Quantized, QuantizeSettings, run
from openbook.tokenizer import Tokenizer

LANGUAGES = ["el", "en", "mt"]
SHAPE = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
TOLD = Provenance("Tiny", "Apache-2.0", tuple(LANGUAGES), ("corpus 12ab",))


class Corpus:
    """Even lines are trained on, odd ones held out."""

    def __init__(self, languages: Sequence[str] = tuple(LANGUAGES)) -> None:
        self.languages = list(languages)

    def documents(self, language: str, split: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        for line in Parallel().lines(language)[0 if split == "train" else 1 :: 2]:
            yield {"text": line}


def make_model(folder: Path) -> Path:
    write_model(folder, **SHAPE)
    tensors = load_file(folder / "model.safetensors")
    random = torch.Generator().manual_seed(3)
    for name, tensor in tensors.items():
        if tensor.ndim == 1:
            tensors[name] = torch.exp(torch.randn(tensor.shape, generator=random)) * 0.3
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def context_of(folder: Path, workers: int = 1) -> Context:
    return Context(local(workers), progress.quiet(), folder / "cache")


def quantize_all(folder: Path, work: Path, workers: int = 1, **settings: Any) -> Quantized:
    given = {"resamples": 100, "calibration_tokens": 512, "formats": (), "calibrated": ()} | settings
    told = QuantizeSettings.model_validate(given)
    model, tokenizer = Checkpoint.open(folder), Tokenizer.open(folder)
    corpus: Any = Corpus()
    parallel: Any = Parallel([*LANGUAGES, "ga"])
    run(told, model, tokenizer, corpus, parallel, None, work, context_of(work.parent, workers), TOLD)
    return Quantized.open(work)
