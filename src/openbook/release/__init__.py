"""The release: one folder to hand on, and the check that nothing in it was changed."""

from pathlib import Path
from typing import TYPE_CHECKING

from openbook.release.settings import ReleaseSettings
from openbook.release.verify import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openbook.books import Outcome
    from openbook.context import Context

VERSION = 2
STEP = "release"


def run(
    settings: ReleaseSettings,
    name: str,
    description: str,
    artifacts: "Mapping[str, Path]",
    work: Path,
    context: "Context",
) -> "Outcome":
    from openbook.release.bundle import build

    return build(settings, name, description, artifacts, work, context)


__all__ = ["STEP", "VERSION", "ReleaseSettings", "run", "verify"]
