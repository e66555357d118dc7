"""The base as transformers loads it for training: on this machine's device, in the precision that it is good at."""

from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.tune.settings import MethodSettings

MODULES = {
    "trl": "does the training",
    "peft": "makes the adapters",
    "datasets": "hands on the examples",
    "accelerate": "drives devices",
}


def require() -> None:
    """Raises OpenbookError, naming the extra, when a library of it is not installed."""
    from importlib.util import find_spec

    lacking = [name for name in MODULES if find_spec(name) is None]
    if lacking:
        raise OpenbookError(f"tuning needs {', '.join(lacking)}: pip install 'openbook[tune]'.")


def stay_here() -> None:
    """Nothing of a tuning leaves this machine: Hugging Face's libraries neither fetch nor tell anything."""
    import logging
    import os
    import warnings

    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_OFFLINE"):
        os.environ[name] = "1"
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl|peft|accelerate")
    for name in ("torchao", "torch.utils._pytree", "peft", "trl"):  # what they say is not for the user of this program
        logging.getLogger(name).setLevel(logging.ERROR)
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = constants.HF_HUB_DISABLE_TELEMETRY = True


def require_device(settings: MethodSettings) -> None:
    """Raises OpenbookError for QLoRA where it cannot be computed, and for several GPUs in one process."""
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() > 1:
        raise OpenbookError(
            f"a tuning runs on one GPU, and {torch.cuda.device_count()} are in sight: choose one, as with "
            "CUDA_VISIBLE_DEVICES=0."
        )
    if settings.adapter != "qlora":
        return
    from importlib.util import find_spec

    if not torch.cuda.is_available():
        raise OpenbookError(
            'method.adapter = "qlora" needs a GPU (CUDA), and this machine has none: take "lora", which trains the '
            "same adapter beside unquantized weights."
        )
    if find_spec("bitsandbytes") is None:
        raise OpenbookError('method.adapter = "qlora" needs bitsandbytes: pip install bitsandbytes.')


def on_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def unchanged(folder: Path) -> Any:
    """The base in fp32 on the processor, for an adapter to be merged into."""
    return model(folder, MethodSettings(adapter="none"), train=False)


def model(folder: Path, settings: MethodSettings, train: bool = True) -> Any:
    """To be trained, on the device: fp32 on a processor, on a GPU bfloat16 beneath an adapter; NF4 with double
    quantization (Dettmers et al. 2023) for QLoRA."""
    import torch
    import transformers

    library: Any = transformers
    library.utils.logging.disable_progress_bar()
    library.utils.logging.set_verbosity_error()
    dtype = torch.bfloat16 if on_gpu() and settings.adapter != "none" else torch.float32
    more: dict[str, Any] = {}
    if settings.adapter == "qlora":
        more["quantization_config"] = library.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    try:
        found = library.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=dtype, attn_implementation="sdpa", **more
        )
    except (OSError, ValueError, KeyError) as error:
        raise OpenbookError(f"transformers cannot load {folder}: {str(error).splitlines()[0]}") from None
    if train and on_gpu() and settings.adapter != "qlora":
        found = found.to("cuda")
    return found.train()
