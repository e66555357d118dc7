"""Which engine computes a model? The one that reads its form; what it cannot do is refused before anything listens."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from openbook.errors import OpenbookError
from openbook.serve.engine.interface import Engine
from openbook.serve.gguf_header import GgufHeader
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

    paths = {adapter.name: _gguf(adapter, target.header) for adapter in adapters}
    for adapter in adapters:
        header = read_header(paths[adapter.name])
        if header.text("general.type") != "adapter" or header.architecture != target.header.architecture:
            raise OpenbookError(f"{adapter.path} is no adapter for a model of the kind {target.header.architecture}.")
    return LlamaEngine(
        target,
        context=context,
        parallel=settings.parallel,
        threads=settings.thread_count(),
        adapters=paths,
    )


def _gguf(adapter: Adapter, base: GgufHeader) -> Path:
    """The adapter as a GGUF file; a PEFT folder is written as one that lasts as long as the process."""
    if not adapter.path.is_dir():
        return adapter.path
    from openbook.tune.adapter import CONFIG, write_gguf

    if not (adapter.path / CONFIG).exists():
        raise OpenbookError(f"{adapter.path} is not a PEFT adapter: it has no {CONFIG}.")
    heads = [base.number(f"{base.architecture}.attention.head_count{part}") for part in ("", "_kv")]
    if base.architecture != "llama" or not heads[0]:
        raise OpenbookError(f"The adapter {adapter.path} is a PEFT folder; only Llama models take one beside a GGUF.")
    folder = Path(tempfile.mkdtemp(prefix="openbook-adapter-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_gguf(adapter.path, heads[0], heads[1] or heads[0], folder / "adapter.gguf", adapter.name)
    return folder / "adapter.gguf"


def _mark(settings: WatermarkSettings | None) -> Watermark | None:
    return Watermark.read(settings.key, settings.share, settings.bias) if settings else None
