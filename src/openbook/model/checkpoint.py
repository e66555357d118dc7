"""How a model lies on disk: a Hugging Face Llama folder, ours with `training/` beside it, and a run's row of them."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.store import write_bytes
from openbook.errors import OpenbookError
from openbook.model.config import TransformerConfig

if TYPE_CHECKING:
    from torch import Tensor

    from openbook.model.transformer import Transformer

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"


def read_json(path: Path) -> Any:
    """Raises OpenbookError when the file is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OpenbookError(f"{path} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise OpenbookError(f"{path} is not valid JSON ({error}). Write it again.") from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON lines, tables all of them; a last line without its end is still being written.
    Raises OpenbookError, naming the line, for one that is not."""
    rows = []
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            break
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise OpenbookError(
                f"{path}, line {number} is damaged: no JSON object stands there. The program writes whole lines only; "
                "fetch the file again, or put the line back."
            )
        rows.append(row)
    return rows


def weight_files(folder: Path) -> list[str]:
    """The names of a folder's files of weights. Raises OpenbookError for an index that names none."""
    if (folder / WEIGHTS).exists():
        return [WEIGHTS]
    index = read_json(folder / WEIGHTS_INDEX)
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise OpenbookError(f"{folder / WEIGHTS_INDEX} names no files of weights (`weight_map`). Fetch it again.")
    return sorted(set(names.values()))


def write_json(path: Path, value: Any) -> None:
    """Keys sorted, so that equal values are equal bytes."""
    write_bytes(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def read_state(path: Path) -> dict[str, Any]:
    """What training noted beside a checkpoint's weights. Raises OpenbookError where that is not what stands there."""
    found = read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("step"), int):
        raise OpenbookError(f"{path} is damaged: it does not say after which step the checkpoint was written.")
    return found


@dataclass(frozen=True)
class Checkpoint:
    """Any Hugging Face Llama folder; `step` is known where our training wrote it."""

    folder: Path
    config: TransformerConfig

    @classmethod
    def open(cls, folder: Path) -> "Checkpoint":
        """Raises OpenbookError when the folder is no Llama model."""
        if not folder.is_dir():
            raise OpenbookError(f"{folder} is not a folder; a checkpoint is a Hugging Face model folder.")
        if not (folder / "config.json").exists():
            raise OpenbookError(f"{folder} is not a checkpoint: it has no config.json.")
        if not (folder / WEIGHTS).exists() and not (folder / WEIGHTS_INDEX).exists():
            raise OpenbookError(f"{folder} is not a checkpoint: it has no {WEIGHTS}.")
        config = TransformerConfig.from_huggingface(read_json(folder / "config.json"), str(folder / "config.json"))
        return cls(folder, config)

    @property
    def tokenizer_path(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def step(self) -> int | None:
        state = self.folder / "training" / "state.json"
        return int(read_state(state)["step"]) if state.exists() else None

    def tensors(self) -> dict[str, "Tensor"]:
        """All weights by name, in fp32. Raises OpenbookError for a file that safetensors cannot read."""
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        found: dict[str, Tensor] = {}
        for name in weight_files(self.folder):
            try:
                found |= load_file(self.folder / name)
            except (SafetensorError, OSError) as error:
                raise OpenbookError(f"{self.folder / name} cannot be read: {error}. Fetch or train it again.") from None
        return {name: tensor.to(torch.float32) for name, tensor in found.items()}

    def load(self) -> "Transformer":
        """The model in fp32 on the processor, in evaluation mode."""
        import torch

        from openbook.model.transformer import Transformer

        with torch.device("meta"):
            model = Transformer(self.config)
        fill(model, self.tensors(), self.folder)
        return model.eval()


def fill(model: "Transformer", tensors: Mapping[str, "Tensor"], where: Path) -> None:
    """Put tensors in the place of the model's parameters. Raises OpenbookError when names or shapes differ."""
    wanted = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    given = {name: tensor for name, tensor in tensors.items() if name in wanted}
    extra = [name for name in tensors if name not in wanted and not name.endswith("rotary_emb.inv_freq")]
    if model.config.tied:
        extra = [name for name in extra if name != "lm_head.weight"]
    for name, shape in wanted.items():
        if name not in given:
            raise OpenbookError(
                f"{where} lacks the weight {name}: its files and its config.json do not belong together."
            )
        if tuple(given[name].shape) != shape:
            raise OpenbookError(
                f"{where}: {name} has the shape {list(given[name].shape)}, config.json asks for {list(shape)}."
            )
    if extra:
        raise OpenbookError(f"{where} holds the weight {extra[0]}, which a Llama model has no place for.")
    model.load_state_dict(given, assign=True)


def write_huggingface(
    folder: Path, tensors: Mapping[str, "Tensor"], config: TransformerConfig, tokenizer: Path | None
) -> None:
    """Write the Hugging Face part of a checkpoint into `folder`; tokenizer files are copied from `tokenizer`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensors[name].contiguous() for name in sorted(tensors)}, folder / WEIGHTS, {"format": "pt"})
    write_json(folder / "config.json", config.to_huggingface())
    eos = config.eos[0] if len(config.eos) == 1 else list(config.eos)
    pad = {"pad_token_id": config.pad} if config.pad is not None else {}
    write_json(folder / "generation_config.json", {"bos_token_id": config.bos, "eos_token_id": eos, **pad})
    for name in TOKENIZER_FILES:
        if tokenizer is not None and (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, folder / name)


@dataclass(frozen=True)
class FinalModel:
    """The artifact of a training run: published checkpoints, the last of them named, and the log of its steps."""

    folder: Path
    final: Checkpoint

    @classmethod
    def open(cls, folder: Path) -> "FinalModel":
        if not (folder / "final.json").exists():
            raise OpenbookError(f"{folder} is not the result of a training run: it has no final.json.")
        final = read_json(folder / "final.json")
        name = final.get("checkpoint") if isinstance(final, dict) else None
        if not isinstance(name, str):
            raise OpenbookError(f"{folder / 'final.json'} names no checkpoint. Train again, or fetch it again.")
        return cls(folder, Checkpoint.open(folder / name))

    @property
    def checkpoints(self) -> list[Path]:
        """Published checkpoints, earliest first."""
        return sorted((self.folder / "checkpoints").glob("step-*"))

    def log(self) -> list[dict[str, Any]]:
        """One row a step: step, loss, lr, tokens, grad_norm, losses by language."""
        return read_rows(self.folder / "log.jsonl")


def final_checkpoint(model_folder: Path) -> Checkpoint:
    """The last checkpoint of a training artifact; a folder that is a checkpoint itself answers with itself."""
    if (model_folder / "final.json").exists():
        return FinalModel.open(model_folder).final
    return Checkpoint.open(model_folder)
