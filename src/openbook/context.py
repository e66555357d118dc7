"""What a step is lent for its work and what does not decide its result: workers, progress, the cache folder."""

from dataclasses import dataclass
from pathlib import Path

from openbook.books.previous import Previous
from openbook.compute import Engine
from openbook.progress import Progress


@dataclass(frozen=True)
class Context:
    engine: Engine
    progress: Progress
    cache: Path
    """Folder for downloads and compiled code; nothing in it is identity, all of it may be deleted."""
    previous: Previous | None = None
    """What the step's artifact is now. It stands until the new one is whole."""
