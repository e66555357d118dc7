"""A release of a random model, made by the code that makes ours: checkpoint, GGUF files, chat template, manifest."""

import json
from pathlib import Path

import torch
from tests.model.tiny import write_tokenizer

from openbook.model import Checkpoint, Transformer, TransformerConfig
from openbook.model.checkpoint import write_huggingface
from openbook.model.gguf import Provenance, write_gguf
from openbook.release import manifest
from openbook.tokenizer.scheme import CHAT_TEMPLATE

CONFIG = TransformerConfig(
    vocabulary=800, dim=64, layers=2, heads=4, kv_heads=2, feed_forward=128, context=1024, head_dim=16
)
CORPUS_ROOT = "ef" * 32


def write_release(folder: Path, corpus_root: str = CORPUS_ROOT) -> Path:
    """The files that a server reads of a release, and what /about tells, with a manifest over all of them."""
    write_tokenizer(folder / "model", CONFIG.vocabulary)
    settings = json.loads((folder / "model" / "tokenizer_config.json").read_text())
    (folder / "model" / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHAT_TEMPLATE}))
    torch.manual_seed(3)
    tensors = {name: torch.randn_like(one) * 0.2 for name, one in Transformer(CONFIG).state_dict().items()}
    tensors |= {name: torch.ones_like(one) for name, one in tensors.items() if one.ndim == 1}
    write_huggingface(folder / "model", tensors, CONFIG, None)
    (folder / "gguf").mkdir()
    told = Provenance(name="small", license="Apache-2.0", languages=("mt", "en"))
    for kind in ("F16", "Q8_0"):
        write_gguf(Checkpoint.open(folder / "model"), folder / "gguf" / f"model-{kind.lower()}.gguf", kind, told)
    facts = {"provider": {"value": "Somebody"}}
    (folder / "evidence.json").write_text(json.dumps({"facts": facts, "tables": {}}))
    manifest.write(
        folder, name="small", serve="gguf/model-f16.gguf", kind="base", languages=("mt", "en"),
        corpus_root=corpus_root, roots={},
    )  # fmt: skip
    return folder
