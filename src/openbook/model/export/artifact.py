"""The folder that the export step leaves: GGUF files and what was measured of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json

CHECK = "check.json"


def file_name(kind: str) -> str:
    """Where a format such as Q4_K_M lies in the artifact."""
    return f"model-{kind.lower()}.gguf"


@dataclass(frozen=True)
class Export:
    folder: Path
    check: dict[str, Any]
    """Per format and language: how far llama.cpp's log-probabilities are from ours."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no export."""
        if not (folder / CHECK).exists():
            raise OpenbookError(f"{folder} is not an export: it has no {CHECK}.")
        return cls(folder, read_json(folder / CHECK))

    @property
    def files(self) -> dict[str, Path]:
        """Format -> GGUF file."""
        return {kind: self.folder / entry["file"] for kind, entry in self.check["formats"].items()}
