"""Which entries were added to another model's vocabulary, and the pieces of that vocabulary each is made of."""

import json
from dataclasses import dataclass
from pathlib import Path

from openbook.books.store import write_bytes

FILE = "extension.json"


@dataclass(frozen=True)
class Extension:
    """The entry of id `first` + n was, in the base's vocabulary, the ids `pieces[n]`."""

    first: int
    pieces: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, folder: Path) -> "Extension | None":
        """That of a tokenizer's folder; None for a tokenizer that extends no other."""
        path = folder / FILE
        if not path.exists():
            return None
        content = json.loads(path.read_bytes())
        return cls(int(content["first"]), tuple(tuple(one) for one in content["pieces"]))

    def write(self, folder: Path) -> None:
        content = {"first": self.first, "pieces": [list(one) for one in self.pieces]}
        write_bytes(folder / FILE, json.dumps(content).encode() + b"\n")
