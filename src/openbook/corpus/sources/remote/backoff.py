"""When to ask again: waits that double, with jitter from the keyed generator, and never sooner than the server says."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypeVar

from openbook.books.chance import generator
from openbook.errors import OpenbookError

T = TypeVar("T")


class PassingError(Exception):
    """Something that may be over when it is tried again."""

    def __init__(self, reason: str, wait: float | None = None, progress: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server asked for."""
        self.progress = progress
        """Something arrived since the last try, so the tries are counted anew."""


@dataclass(frozen=True)
class BackOff:
    tries: int = 8
    first: float = 1.0
    """Seconds before the second try, less up to half by chance; twice as long before each further one."""
    most: float = 120.0
    longest: float = 3600.0
    """Seconds. A server that asks for more ends the run with a sentence."""

    def delay(self, what: str, tried: int) -> float:
        """Seconds to wait after `tried` tries (from 1). Equal jitter: at least half of the full wait.

        The choice is keyed by what is asked for, so tasks that failed together do not come back together.
        """
        share = generator(0, f"back-off {what}", tried).uniform(0.5, 1.0)
        return float(min(self.most, self.first * 2.0 ** (tried - 1)) * share)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds by Retry-After (RFC 9110, 10.2.3: seconds or a date), or the `t` of a RateLimit field at `r=0`."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    if said:
        try:
            until = parsedate_to_datetime(said).timestamp()
            now = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else time.time()
            return max(until - now, 0.0)
        except (ValueError, TypeError):
            return None
    found = re.search(r"\br=0;\s*t=(\d+)", headers.get("ratelimit", ""))
    return float(found[1]) if found else None


@dataclass
class Gate:
    """Holds all threads back while a host is not to be asked; `stop` lets none through any more."""

    back_off: BackOff = field(default_factory=BackOff)
    sleep: Callable[[float], None] | None = None
    """For tests; None waits for real, until `stop`."""
    clock: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self._stopped.set()

    def check(self) -> None:
        """Raises OpenbookError once the gate is shut: long transfers look now and then."""
        if self._stopped.is_set():
            raise OpenbookError("stopped, because another file failed.")

    def _wait(self, host: str) -> None:
        left = self._until.get(host, 0.0) - self.clock()
        if left > 0:
            (self.sleep or self._stopped.wait)(left)
        self.check()

    def retry(self, what: str, host: str, action: Callable[[], T]) -> T:
        """The action's answer. Raises OpenbookError when PassingError comes `tries` times without progress between."""
        tried = 0
        while True:
            self._wait(host)
            try:
                return action()
            except PassingError as problem:
                tried = 1 if problem.progress else tried + 1
                if tried >= self.back_off.tries:
                    raise OpenbookError(f"{what}: {problem}, {tried} times in a row; try again later.") from None
                if problem.wait is not None and problem.wait > self.back_off.longest:
                    raise OpenbookError(
                        f"{what}: {problem}, and asks to be left alone for {problem.wait:,.0f} s; try again then."
                    ) from None
                wait = max(self.back_off.delay(what, tried), problem.wait or 0.0)
                self._until[host] = max(self._until.get(host, 0.0), self.clock() + wait)
