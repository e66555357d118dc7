"""The release: one folder to hand on, and the check that nothing in it was changed."""

from pathlib import Path
from typing import TYPE_CHECKING

from openbook.release.settings import ReleaseSettings
from openbook.release.verify import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openbook.books import Outcome
    from openbook.context import Context

VERSION = 5
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


def missing_of(folder: "Path") -> dict[str, str]:
    """Field that the documents of a release print as `not recorded` -> how it can be told.

    Raises OpenbookError when the folder holds no evidence.
    """
    from openbook.errors import OpenbookError
    from openbook.release.fact import Books
    from openbook.release.facts import FILE

    evidence = Books(folder).json(FILE)
    if evidence is None:
        raise OpenbookError(f"{folder} holds no {FILE}: build the release again, with openbook release RUN.")
    crawlers = dict.fromkeys(("crawler_name", "crawler_purpose", "crawler_behavior"), "release.crawlers")
    said = {key: f"release.{key}" for key in ReleaseSettings.model_fields} | crawlers
    return {
        key: f"say it in the recipe: {said[key]}" if key in said else "no record of this run holds it"
        for key in evidence["missing"]
    }


__all__ = ["STEP", "VERSION", "ReleaseSettings", "missing_of", "run", "verify"]
