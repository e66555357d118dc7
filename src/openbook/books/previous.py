"""The artifact that a step is about to replace: what it would make again, byte for byte, it may take over from here."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from openbook.books.digest import sha256_file
from openbook.books.record import FILE_NAME, FileEntry, code_facts, read_record
from openbook.books.store import atomic_path
from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Previous:
    folder: Path
    files: Mapping[str, FileEntry]
    code: Mapping[str, Any]
    """What made it: Record.code."""

    @classmethod
    def of(cls, artifact: Path) -> Self | None:
        """None where there is no artifact, or none whose record can be read."""
        try:
            record = read_record(artifact) if (artifact / FILE_NAME).is_file() else None
        except OpenbookError:
            return None
        return cls(artifact, record.files, record.code) if record else None

    def made_with(self, libraries: Iterable[str]) -> bool:
        """Whether it was made with the same Python and the same versions of these libraries as run now."""
        now = code_facts()
        then = self.code.get("libraries", {})
        return self.code.get("python") == now["python"] and all(
            then.get(name) == now["libraries"].get(name) for name in libraries
        )


def take(folder: Path, name: str, entry: FileEntry, work: Path) -> bool:
    """Put the file `name` of an artifact into `work`; False when it is no longer what the artifact's record says.

    The two share their bytes on the disk where the file system can: files of artifacts are replaced, never changed.
    """
    path, target = folder / name, work / name
    if not path.is_file() or path.stat().st_size != entry.size or sha256_file(path) != entry.sha256:
        return False
    with atomic_path(target) as temporary:
        try:
            os.link(path, temporary)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(path, temporary)
    return True
