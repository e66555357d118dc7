"""Good in training is good when served: template, adapter and merged model give in llama.cpp what they give here."""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))

import folders

from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.export.check import log_softmax
from openbook.model.gguf import Provenance, write_gguf
from openbook.model.llama_cpp import LlamaCpp, library
from openbook.tune import gguf_base, served
from openbook.tune.template import CONFIGURATION, DEFINITION, Chat


def test_our_template_is_read_alike_by_transformers_and_llama_cpp(tmp_path: Path) -> None:
    base = folders.base(tmp_path)
    found = served.check(folders.chat(tmp_path), Checkpoint.open(base).config, with_tools=True)
    assert set(found.compared) == {name for name, _, _ in served.STRESS} and not found.refused


def test_a_template_that_would_be_served_otherwise_is_refused(tmp_path: Path) -> None:
    base = folders.base(tmp_path)
    chat = folders.chat(tmp_path)
    settings = json.loads((chat.folder / CONFIGURATION).read_text())
    # No begin token in the template of a tokenizer that puts one in front: llama.cpp adds it, transformers does not.
    (chat.folder / CONFIGURATION).write_text(json.dumps(settings | {"chat_template": folders.PLAIN}))
    with pytest.raises(OpenbookError, match="other tokens when served"):
        served.check(Chat(chat.folder), Checkpoint.open(base).config, with_tools=False)


def test_reserved_tokens_become_the_turns_of_chatml(tmp_path: Path) -> None:
    folders.tiny.write_tokenizer(tmp_path / "base")
    for name in (DEFINITION, CONFIGURATION):
        text = (tmp_path / "base" / name).read_text(encoding="utf-8")
        for marker, other in (("<|im_start|>", "<|reserved_90|>"), ("<|im_end|>", "<|reserved_91|>")):
            text = text.replace(json.dumps(marker), json.dumps(other))
        (tmp_path / "base" / name).write_text(text, encoding="utf-8")
    chat = folders.prepare(tmp_path / "base", "chatml", tmp_path, tmp_path / "chat")
    assert chat.ids("<|im_start|><|im_end|>") == [1, 2] and 2 in chat.stops


def with_adapter(model: LlamaCpp, adapter: Path) -> None:
    """Let llama.cpp load an adapter's file beside the model."""
    import xllamacpp

    functions = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    start, use = functions.llama_adapter_lora_init, functions.llama_set_adapters_lora
    start.restype, start.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    use.restype = ctypes.c_int32
    use.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    with library().quiet():
        loaded = ctypes.c_void_p(start(model._model, str(adapter).encode()))
        assert loaded, library().lines
        assert use(model._context, ctypes.byref(loaded), 1, ctypes.byref(ctypes.c_float(1.0))) == 0


def test_the_adapter_beside_its_base_computes_in_llama_cpp_what_the_merged_model_does(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    import torch

    from openbook.model.checkpoint import write_huggingface
    from openbook.tune import adapter, loading
    from openbook.tune.settings import MethodSettings

    base = Checkpoint.open(folders.base(tmp_path))
    settings = MethodSettings(rank=4, alpha=12)
    model = adapter.wrapped(loading.model(base.folder, settings), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # PEFT begins with zeros, which any order of rows would fit
                parameter.normal_(0, 0.1)
    adapter.save(model, tmp_path / "adapter", "tiny")
    merged = adapter.merged(loading.model(base.folder, settings), tmp_path / "adapter")
    write_huggingface(tmp_path / "merged", merged, base.config, base.folder)
    adapter.write_gguf(tmp_path / "adapter", base.config.heads, base.config.kv_heads, tmp_path / "adapter.gguf", "tiny")
    write_gguf(base, tmp_path / "base.gguf", "F32", Provenance("base"))

    row = [0, 300, 17, 411, 90, 6, 255]
    with torch.no_grad():
        wanted = Checkpoint.open(tmp_path / "merged").load()(torch.tensor([row]))[0].numpy()
    with LlamaCpp(tmp_path / "base.gguf", 16) as llama:
        bare = llama.logits(row)
        with_adapter(llama, tmp_path / "adapter.gguf")
        found = llama.logits(row)
    assert np.abs(log_softmax(found) - log_softmax(wanted)).max() < 1e-3
    assert np.abs(log_softmax(bare) - log_softmax(wanted)).max() > 0.1


def test_a_gguf_base_computes_what_its_file_does_and_splits_text_alike(tmp_path: Path) -> None:
    base = Checkpoint.open(folders.base(tmp_path))
    write_gguf(base, tmp_path / "base.gguf", "Q8_0", Provenance("tiny", "Apache-2.0"))
    gguf_base.write_folder(tmp_path / "base.gguf", tmp_path / "folder")
    assert gguf_base.facts(tmp_path / "base.gguf") == {
        "name": "tiny",
        "license": "Apache-2.0",
        "link": None,
        "format": "Q8_0",
    }
    import torch

    row = [0, 300, 17, 411, 90]
    with torch.no_grad():
        ours = Checkpoint.open(tmp_path / "folder").load()(torch.tensor([row]))[0].numpy()
    with LlamaCpp(tmp_path / "base.gguf", 16) as llama:
        theirs = llama.logits(row)
    # llama.cpp rounds what goes into a quantized product too.
    assert np.abs(log_softmax(ours) - log_softmax(theirs)).max() < 0.05
