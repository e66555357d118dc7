"""Which engine computes a model? The one that reads its form; what it cannot do is refused before anything listens."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from openbook.errors import OpenbookError
from openbook.serve.engine.interface import Engine
from openbook.serve.settings import Adapter, ServeSettings, WatermarkSettings
from openbook.serve.target import FolderTarget, GgufTarget, Target, UpstreamTarget
from openbook.serve.watermark import Watermark

LARGEST_DEFAULT_CONTEXT = 4096  # tokens; memory grows with context x parallel


class StartedEngine(Engine, Protocol):
    """An engine that is started once before it is asked."""

    async def start(self) -> None: ...


@runtime_checkable
class Adaptable(Protocol):
    """An engine that adapters can be loaded into."""

    async def load_adapter(self, name: str, path: Path) -> None: ...

    async def unload_adapter(self, name: str) -> None: ...


Maker = Callable[[Target, ServeSettings, Sequence[Adapter]], StartedEngine]


def suitable(target: Target, settings: ServeSettings, adapters: Sequence[Adapter]) -> StartedEngine:
    """The engine for a model. Raises OpenbookError for what is asked of an engine that cannot do it."""
    context = settings.context or min(target.trained_context, LARGEST_DEFAULT_CONTEXT)
    if isinstance(target, FolderTarget):
        from openbook.serve.engine.pytorch import PytorchEngine

        mark = _mark(settings.watermark)
        threads = settings.thread_count()
        return PytorchEngine(target, context=context, parallel=settings.parallel, threads=threads, mark=mark)
    if settings.watermark is not None:
        raise OpenbookError(
            f"{target.name} cannot be watermarked: only the PyTorch engine can change each token's chances. Serve the "
            "model's Hugging Face folder, or a release with --engine pytorch."
        )
    if isinstance(target, UpstreamTarget):
        from openbook.serve.engine.upstream import UpstreamEngine

        if adapters:
            raise OpenbookError("Adapters are added where a model is computed: give them to the upstream server.")
        return UpstreamEngine(target, parallel=settings.parallel)
    assert isinstance(target, GgufTarget)
    return _llama(target, settings, context, adapters)


def _llama(target: GgufTarget, settings: ServeSettings, context: int, adapters: Sequence[Adapter]) -> StartedEngine:
    from openbook.serve.engine.llama import LlamaEngine
    from openbook.serve.gguf_header import read_header

    for adapter in adapters:
        if adapter.path.is_dir():
            raise OpenbookError(
                f"The adapter {adapter.path} is a PEFT folder, and llama.cpp reads GGUF adapters. Serve the model's "
                "Hugging Face folder, or convert the adapter with llama.cpp's convert_lora_to_gguf.py."
            )
        header = read_header(adapter.path)
        if header.text("general.type") != "adapter" or header.architecture != target.header.architecture:
            raise OpenbookError(f"{adapter.path} is no adapter for a model of the kind {target.header.architecture}.")
    return LlamaEngine(
        target,
        context=context,
        parallel=settings.parallel,
        threads=settings.thread_count(),
        adapters={adapter.name: adapter.path for adapter in adapters},
    )


def _mark(settings: WatermarkSettings | None) -> Watermark | None:
    return Watermark.read(settings.key, settings.share, settings.bias) if settings else None
