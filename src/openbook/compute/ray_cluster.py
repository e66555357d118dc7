"""Tasks on a Ray cluster, each in a worker process of its own, tried again when its worker or node is lost."""

import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported: nothing is sent anywhere
import ray
from ray import exceptions

from openbook.compute import parcel
from openbook.compute.processes import ATTEMPTS
from openbook.compute.settings import RayOptions
from openbook.errors import OpenbookError

T = TypeVar("T")
R = TypeVar("R")
GIB = 1 << 30
KNOCK_SECONDS = 20
MOST_SUBMITTED = 1000
"""Tasks that Ray holds at once; it starts as many as the cluster has cores."""
LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.OutOfMemoryError,
    exceptions.ObjectLostError,
    exceptions.OwnerDiedError,
)
"""What Ray raises for a task whose process or machine ended."""


class RayCluster:
    """A connection to a running cluster (`auto`, `host:port`), or to one that begins and ends with us (`local`)."""

    def __init__(self, address: str, workers: int | None, options: RayOptions) -> None:
        self._most, self._options = workers, options
        logging.getLogger("ray").setLevel(logging.ERROR)
        with _our_signals():
            try:
                _knock(address)
                ray.init(
                    address=address,
                    include_dashboard=False if address == "local" else None,
                    configure_logging=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except (OSError, exceptions.RayError, ValueError, RuntimeError) as error:
                raise OpenbookError(
                    f"no Ray cluster answers at {address!r} ({_first_line(error)}): start one with `ray start --head "
                    "--disable-usage-stats --include-dashboard=false`, or say where it is with --address."
                ) from None
        task = ray.remote(parcel.run).options(
            num_cpus=options.cpus,
            num_gpus=options.gpus or None,
            memory=int(options.memory * GIB) if options.memory else None,
            max_retries=0,  # counted here, so that the task can be named
            scheduling_strategy="SPREAD",
        )
        self._submit: Callable[[parcel.Parcel], Any] = task.remote

    @property
    def workers(self) -> int:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return self._most or max(1, int(resources.get("CPU", 1) / self._options.cpus))

    @property
    def standing(self) -> bool:
        return False

    def ready(self, prepare: Callable[[], None]) -> None:
        """Nothing: a task loads what it needs."""

    def rest(self) -> None:
        """Nothing is held between two maps."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None = None
    ) -> Iterator[R]:
        results: dict[int, R] = {}
        deaths = [0] * len(tasks)
        waiting = list(reversed(range(len(tasks))))
        running: dict[Any, int] = {}
        next_result = 0
        try:
            while waiting or running:
                while waiting and len(running) < (self._most or MOST_SUBMITTED):
                    index = waiting.pop()
                    running[self._submit(parcel.pack(function, [tasks[index]]))] = index
                ended, _ = ray.wait(list(running), num_returns=1, timeout=1.0)
                for reference in ended:
                    index = running.pop(reference)
                    try:
                        (results[index],) = parcel.results(ray.get(reference))
                    except LOST as error:
                        deaths[index] += 1
                        if deaths[index] >= ATTEMPTS:
                            raise _given_up(tasks[index], error) from None
                        waiting.append(index)
                        continue
                    except exceptions.OutOfDiskError as error:
                        raise OSError(errno.ENOSPC, _first_line(error), "Ray's own folder") from None
                    except exceptions.RayError as error:
                        raise OpenbookError(
                            f"Ray could not run a task ({_last_line(error)}): is the same Openbook installed on every "
                            "machine of the cluster?"
                        ) from None
                    if done:
                        done(index)
                while next_result in results:
                    yield results.pop(next_result)
                    next_result += 1
        except SystemError as error:  # what Ray makes of a signal handler that raises while it waits
            raise error.__cause__ or error from None
        finally:
            for reference in running:
                with suppress(exceptions.RayError):
                    ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster; it ends what still runs for us."""
        with _our_signals():
            ray.shutdown()


def _given_up(task: object, error: Exception) -> OpenbookError:
    return OpenbookError(
        f"a Ray worker died {ATTEMPTS} times on the same task ({task!r:.200}): it was killed, ran out of memory, or "
        f"its machine was lost ({type(error).__name__}). Give tasks more memory (--engine-option memory=GiB) or leave "
        "this input out."
    )


def _knock(address: str) -> None:
    """Raises OSError when nobody listens at `host:port`; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


@contextmanager
def _our_signals() -> Iterator[None]:
    """Ray sets its own handler for SIGTERM; how the program ends is for the command line to say."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
