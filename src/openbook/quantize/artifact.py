"""The folder that quantizing leaves: the files, what was checked of them, and the loss table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json
from openbook.quantize.settings import PyTorch

LOSS, CHECK, REPORT = "loss.json", "check.json", "report.html"
PYTORCH: tuple[str, ...] = get_args(PyTorch)


def file_name(kind: str, calibrated: bool) -> str:
    """Of a GGUF file, or of the folder of a PyTorch format."""
    if kind in PYTORCH:
        return kind.lower()
    return f"model-{kind.lower()}{'-calibrated' if calibrated else ''}.gguf"


def released_as(kind: str, calibrated: bool) -> str:
    """Where the file stands in a release."""
    return f"{'pytorch' if kind in PYTORCH else 'gguf'}/{file_name(kind, calibrated)}"


@dataclass(frozen=True)
class Made:
    """One file, or one folder, of the table."""

    kind: str
    calibrated: bool
    path: Path

    @property
    def name(self) -> str:
        return file_name(self.kind, self.calibrated)

    @property
    def size(self) -> int:
        """Bytes of what a server loads: the file, or the folder's weights."""
        weights = [self.path] if self.path.is_file() else sorted(self.path.glob("*.safetensors"))
        return sum(path.stat().st_size for path in weights)


@dataclass(frozen=True)
class Quantized:
    folder: Path
    loss: dict[str, Any]
    """docs/quantizing.md describes it."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no result of quantizing."""
        if not (folder / LOSS).exists():
            raise OpenbookError(f"{folder} holds no quantized files: it has no {LOSS}.")
        return cls(folder, read_json(folder / LOSS))

    @property
    def served(self) -> str | None:
        """The file that a release serves by default, as a path in the release."""
        name = self.loss["serve"]
        return str(self.loss["files"][name]["released_as"]) if name else None
