"""Which engines there are, and how one is started and ended."""

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from openbook.compute.engine import Engine
from openbook.compute.settings import EngineSettings, LocalOptions, RayOptions, SlurmOptions, checked
from openbook.errors import OpenbookError


def local(workers: int) -> Engine:
    """An engine on this machine; one worker runs in this process."""
    from openbook.compute.processes import Processes

    return Processes(workers)


def threads(engine: Engine) -> int:
    """Cores for work that the caller does itself, such as training: never more than this machine has."""
    return min(engine.workers, cores())


def cores() -> int:
    """Processor cores that this process may use; fewer than the machine has where it is bound to some."""
    return len(os.sched_getaffinity(0))


@contextmanager
def _local(settings: EngineSettings, _folder: Path) -> Iterator[Engine]:
    checked("local", LocalOptions, settings.options)
    _no_address(settings)
    engine = local(settings.workers or cores())
    try:
        yield engine
    finally:
        engine.rest()


@contextmanager
def _ray(settings: EngineSettings, _folder: Path) -> Iterator[Engine]:
    options = checked("ray", RayOptions, settings.options)
    demand("ray", "ray")
    from openbook.compute.ray_cluster import RayCluster

    with closing(RayCluster(settings.address or "auto", settings.workers, options)) as engine:
        yield engine


@contextmanager
def _slurm(settings: EngineSettings, folder: Path) -> Iterator[Engine]:
    options = checked("slurm", SlurmOptions, settings.options)
    _no_address(settings)
    demand("submitit", "slurm")
    from openbook.compute.slurm import Slurm

    yield Slurm(folder, settings.workers, options)


Start = Callable[[EngineSettings, Path], AbstractContextManager[Engine]]
ENGINES: Mapping[str, Start] = {"local": _local, "ray": _ray, "slurm": _slurm}


def started(settings: EngineSettings, folder: Path) -> AbstractContextManager[Engine]:
    """The engine that the settings name, for the length of a `with` block.

    `folder` is for the engine's own files; every machine must see it under this path. Raises OpenbookError when there
    is no such engine, when its extra is not installed, or when it cannot be reached.
    """
    if settings.kind not in ENGINES:
        raise OpenbookError(f"there is no engine {settings.kind!r}; the engines are {', '.join(ENGINES)}.")
    return ENGINES[settings.kind](settings, folder)


def demand(module: str, extra: str) -> None:
    """Raises OpenbookError, with the command that installs it, when the module of an extra is not there."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise OpenbookError(
            f"the {extra} engine needs the Python package {module}: pip install 'openbook[{extra}]'."
        ) from None


def _no_address(settings: EngineSettings) -> None:
    if settings.address:
        raise OpenbookError(f"the {settings.kind} engine has no address: leave out --address {settings.address}.")
