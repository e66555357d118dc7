"""The model that is made smaller: a Hugging Face Llama folder, or a GGUF file whose weights are still whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from openbook.errors import OpenbookError
from openbook.model import Checkpoint, Transformer
from openbook.model.export.check import LIMITS, check_start, compare
from openbook.model.gguf import Calibration, Provenance, write_gguf
from openbook.model.gguf_reader import GgufModel
from openbook.model.gguf_tokenizer import begins
from openbook.model.llama_cpp import LlamaCpp
from openbook.model.threads import torch_threads
from openbook.quantize.artifact import PYTORCH
from openbook.tokenizer import Tokenizer

LONGEST = 1_024
"""Ids of the longest row that is computed; a text that has more is cut."""


class Reader(Protocol):
    """What the original itself says."""

    start: int
    """Stands in front of every text."""
    context: int

    def tokenize(self, text: str) -> list[int]: ...

    def logits(self, row: Sequence[int] | np.ndarray) -> np.ndarray:
        """After each id of the row, [len(row), vocabulary], float32."""
        ...

    def check_start(self, name: str, llama: LlamaCpp) -> None:
        """Raises OpenbookError for a file that begins texts otherwise than the original does."""
        ...


class Original(Protocol):
    def __hash__(self) -> int: ...

    def open(self) -> Reader: ...

    def transformer(self) -> Transformer:
        """For the importance matrix. Raises OpenbookError where the original cannot be computed here."""
        ...

    def write(self, path: Path, kind: str, calibration: Calibration | None) -> None:
        """As a GGUF file, or as a folder for PyTorch. Same original, same bytes."""
        ...


@dataclass(frozen=True)
class CheckpointOriginal:
    folder: Path
    tokenizer: Path
    provenance: Provenance

    def open(self) -> "OwnReader":
        return OwnReader(self.transformer(), Tokenizer.open(self.tokenizer))

    def transformer(self) -> Transformer:
        return Checkpoint.open(self.folder).load()

    def write(self, path: Path, kind: str, calibration: Calibration | None) -> None:
        if kind in PYTORCH:
            from openbook.quantize.pytorch import write_folder

            write_folder(self.folder, path, kind)
        else:
            write_gguf(Checkpoint.open(self.folder), path, kind, self.provenance, calibration)


@dataclass(frozen=True)
class GgufOriginal:
    path: Path

    def open(self) -> "LlamaReader":
        return LlamaReader(self.path)

    def transformer(self) -> Transformer:
        model = GgufModel.open(self.path).transformer()
        self._check(model)
        return model

    def _check(self, model: Transformer) -> None:
        """What is computed here must be what llama.cpp computes: a file may have been made in another way."""
        import torch

        reader = self.open()
        row = [reader.start, *range(min(32, reader.context - 1, model.config.vocabulary))]
        with torch_threads(1), torch.no_grad():
            ours = model(torch.tensor([row]))[0].numpy()
        apart = compare(ours, reader.logits(row), row, 0).divergence
        if not apart <= LIMITS["BF16"].divergence:
            raise OpenbookError(
                f"{self.path} is computed otherwise by llama.cpp (mean KL divergence {apart:g}): it cannot be "
                "calibrated from; name the model's Hugging Face folder."
            )

    def write(self, path: Path, kind: str, calibration: Calibration | None) -> None:
        if kind in PYTORCH:
            raise OpenbookError(f"{kind} is made from a Hugging Face folder, not from {self.path.name}: name that one.")
        GgufModel.open(self.path).write(path, kind, calibration)


class OwnReader:
    """Our own forward pass, fp32 on one thread."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        import torch

        self.model, self.tokenizer = model.set_compute(torch.float32, "fused"), tokenizer
        self.start, self.context = tokenizer.bos, min(model.config.context, LONGEST)
        self.specials: Mapping[str, int] = tokenizer.specials
        self.begins = begins(tokenizer.folder)

    def tokenize(self, text: str) -> list[int]:
        return self.tokenizer.encode(text)

    def logits(self, row: Sequence[int] | np.ndarray) -> np.ndarray:
        import torch

        with torch_threads(1), torch.no_grad():
            found: np.ndarray = self.model(torch.from_numpy(np.asarray(row, np.int64))[None])[0].numpy()
        return found

    def check_start(self, name: str, llama: LlamaCpp) -> None:
        check_start(name, llama, self.start, self.specials, self.begins)


class LlamaReader:
    """The GGUF file itself, by llama.cpp."""

    def __init__(self, path: Path) -> None:
        self.llama = LlamaCpp(path, LONGEST)
        self.start = self.llama.bos if self.llama.bos >= 0 else self.llama.eos
        self.context = self.llama.context
        if self.start < 0:
            raise OpenbookError(f"{path} names neither a start nor an end token, so no text can begin.")

    def tokenize(self, text: str) -> list[int]:
        return self.llama.tokenize(text)

    def logits(self, row: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.llama.logits(row)

    def check_start(self, name: str, llama: LlamaCpp) -> None:
        ours, theirs = ((one.bos, one.eos, one.adds_bos) for one in (self.llama, llama))
        if ours != theirs:
            raise OpenbookError(f"{name}: begin token, end token and whether it is added are {theirs}, not {ours}.")
