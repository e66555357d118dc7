"""What a user may say of the engine, in a recipe's `[engine]` or on the command line. None of it decides a result."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbook.errors import OpenbookError


class EngineSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str = "local"
    """One of `compute.ENGINES`."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Most tasks at the same time. Not given: the cores of this machine, or what the engine's options say."""
    address: str | None = None
    """Where the engine's cluster is, if it has an address."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """What only this engine knows: `LocalOptions`, `RayOptions`, `SlurmOptions`."""


class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalOptions(Options):
    """None."""


class RayOptions(Options):
    cpus: Annotated[float, Field(gt=0)] = 1
    """Cores that Ray sets aside for a task."""
    gpus: Annotated[float, Field(ge=0)] = 0
    memory: Annotated[float, Field(gt=0)] | None = None
    """GiB that Ray sets aside for a task."""


class SlurmOptions(Options):
    """What `sbatch` is asked for, under its own names where they are the same."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: Annotated[int, Field(ge=1)] = 120
    """Minutes a job may take."""
    memory: Annotated[float, Field(gt=0)] | None = None
    """GiB of a job; without it what the partition gives."""
    cpus: Annotated[int, Field(ge=1)] = 1
    """Cores of a job."""
    setup: str = ""
    """Shell lines before the job begins: modules to load."""
    jobs: Annotated[int, Field(ge=1)] = 1000
    """Most jobs of one array; more tasks than that share jobs. Slurm's own limit (MaxArraySize) is 1001 by default."""
    poll: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two questions to Slurm."""


O = TypeVar("O", bound=Options)  # noqa: E741


def checked(kind: str, model: type[O], options: Mapping[str, Any]) -> O:
    """Raises OpenbookError, with what is allowed, for an option that this engine does not know."""
    try:
        return model.model_validate(options)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        allowed = ", ".join(model.model_fields) or "none"
        if problem["type"] == "extra_forbidden":
            said = f"the {kind} engine has no option {key!r}"
        else:
            said = f"option {key} of the {kind} engine: {problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise OpenbookError(f"{said}. Its options are: {allowed}.") from None


def chosen(
    written: EngineSettings,
    kind: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    options: Sequence[str] = (),
) -> EngineSettings:
    """What the recipe says, changed by what the command line says; another engine than the recipe's begins afresh.

    Raises OpenbookError for an option that is not `key=value`.
    """
    base = written if kind in (None, written.kind) else EngineSettings(kind=kind or "local", workers=written.workers)
    given: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not key or not equals:
            raise OpenbookError(f"--engine-option {option!r}: it must be key=value, such as partition=standard.")
        given[key] = value
    return EngineSettings(
        kind=base.kind,
        workers=workers or base.workers,
        address=address or base.address,
        options={**base.options, **given},
    )
