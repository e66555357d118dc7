"""The folder that a tuning leaves: the adapter, the whole model, what was measured, and what is known of the base."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.checkpoint import read_json

STEP = "tuned"
MODEL, ADAPTER, ADAPTER_FILE = "model", "adapter", "adapter.gguf"
TUNING, LOG, FORGETTING = "tuning.json", "log.jsonl", "forgetting.json"


@dataclass(frozen=True)
class Tuned:
    folder: Path
    facts: dict[str, Any]
    """Base, method, data, compute, languages: the content of tuning.json."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no tuning."""
        if not (folder / TUNING).exists():
            raise OpenbookError(f"{folder} is not a tuned model: it has no {TUNING}.")
        return cls(folder, read_json(folder / TUNING))

    @property
    def model(self) -> Checkpoint:
        """The whole model, the adapter merged in; a Hugging Face folder."""
        return Checkpoint.open(self.folder / MODEL)

    @property
    def adapter(self) -> Path | None:
        """The PEFT folder; None where the whole model was trained."""
        return self.folder / ADAPTER if (self.folder / ADAPTER).is_dir() else None
