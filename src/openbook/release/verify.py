"""Whether a release is what it was when it was made: every file, every record, every root, offline."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release import sealed
from openbook.release.standalone.checks import SEALED, check_release

REPLAYED = "Training steps and results of the evaluation that are computed again are the same"


@dataclass(frozen=True)
class Verdict:
    problems: tuple[str, ...]
    """A sentence each, beginning with the file that is wrong."""
    files: int
    bytes: int
    records: int
    documents: int
    signed: str
    """What is known of the signature."""
    checks: tuple[tuple[str, tuple[str, ...]], ...]
    """Each check as a sentence of what holds when it is passed, and what it found."""

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(folder: Path, seen: Callable[[int], None] | None = None, key: Path | None = None) -> Verdict:
    """Check a release folder. `seen` is called with the bytes of each file as it is read; `key`: a public key (PEM).

    Raises OpenbookError when the folder is no release or its manifest was changed.
    """
    try:
        pem = key.read_bytes() if key else None
    except OSError as error:
        raise OpenbookError(f"the key {key} cannot be read: {error.strerror}.") from None
    verdict = Verdict(**check_release(folder, pem, seen)._asdict())
    return with_problems(verdict, tuple(sealed.problems(folder, manifests.read(folder).sealed_root)), SEALED)


def with_problems(verdict: Verdict, more: tuple[str, ...], check: str) -> Verdict:
    """The verdict with what a further check found, or another one of the same name."""
    checks = dict(verdict.checks)
    checks[check] = tuple(sorted({*checks.get(check, ()), *more}))
    return replace(verdict, problems=tuple(sorted({*verdict.problems, *more})), checks=tuple(checks.items()))


def demand_sound(verdict: Verdict, folder: Path) -> None:
    """Raises OpenbookError that names everything wrong with the release."""
    if not verdict.sound:
        shown = "\n".join(f"  {problem}" for problem in verdict.problems)
        raise OpenbookError(f"{folder} is not what it was when it was made:\n{shown}")
