"""Weights in 8 or 4 bits for PyTorch, by torchao: a Hugging Face folder that transformers loads as any other.

Safetensors, no pickle. On a processor torchao 0.18 computes with int8 and with 4-bit values that it keeps in a byte
each; its packed 4 bits are for graphics processors only. So an INT4 folder is as large as an INT8 one and loses more.
"""

import json
import logging
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from openbook.books.store import write_bytes
from openbook.errors import OpenbookError
from openbook.model.checkpoint import TOKENIZER_FILES
from openbook.model.threads import torch_threads

GROUPS = (128, 64, 32)
"""Neighbors in a row that share a scale, in four bits; the largest that every matrix' rows divide into."""


def write_folder(source: Path, target: Path, kind: str) -> None:
    """`kind`: INT8 (a scale for each row) or INT4 (one for each group). Raises OpenbookError without torchao."""
    work = target.with_name(f"{target.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    with _quiet() as transformers:
        import torch

        model = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            local_files_only=True,
            dtype=torch.float32,
            quantization_config=transformers.TorchAoConfig(_configuration(kind, source)),
        )
        model.save_pretrained(work)
    for path in sorted(work.glob("*.safetensors")):
        sort_header(path)
    for name in TOKENIZER_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, work / name)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


def _configuration(kind: str, source: Path) -> Any:
    import torch
    from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, PerAxis, PerGroup

    if kind == "INT8":
        return Int8WeightOnlyConfig()
    shape = json.loads((source / "config.json").read_bytes())
    widths = [shape["hidden_size"], shape["intermediate_size"]]
    group = next((size for size in GROUPS if not any(width % size for width in widths)), None)
    return IntxWeightOnlyConfig(
        weight_dtype=getattr(torch, "int4"),  # noqa: B009 - its stubs lack it
        granularity=PerGroup(group) if group else PerAxis(0),
    )


def sort_header(path: Path) -> None:
    """safetensors writes its metadata in the order of a hash table, another one each time: sort it, same length."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items()))}
    text = json.dumps(metadata | header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    write_bytes(path, struct.pack("<Q", len(text)) + text + data[8 + length :])


class PyTorchReader:
    """A folder as transformers loads and computes it, on one thread."""

    def __init__(self, folder: Path) -> None:
        with _quiet() as transformers:
            import torch

            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self.model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            ).eval()

    def tokenize(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    def logits(self, row: Sequence[int] | np.ndarray) -> np.ndarray:
        import torch

        with torch_threads(1), torch.no_grad():
            given = torch.from_numpy(np.asarray(row, np.int64))[None]
            found: np.ndarray = self.model(input_ids=given, use_cache=False).logits[0].float().numpy()
        return found


@contextmanager
def _quiet() -> Iterator[Any]:
    """transformers with torchao, without the notes of kernels that this machine cannot load.

    Raises OpenbookError without torchao.
    """
    loggers = [logging.getLogger(name) for name in ("torchao", "torch.utils._pytree", "transformers")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        import torchao  # noqa: F401
        import transformers

        library: Any = transformers
        library.utils.logging.disable_progress_bar()
        yield library
    except ModuleNotFoundError as error:
        if error.name != "torchao":
            raise
        raise OpenbookError("INT8 and INT4 are torchao's: pip install 'openbook[quantize]'.") from None
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
