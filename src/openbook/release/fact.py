"""One value of the evidence with where it stands: a file of the release and a JSON pointer (RFC 6901) into it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError

Value = str | int | float | bool | None | tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    value: Value = None
    anchors: tuple[str, ...] = ()
    """`FILE#POINTER`, FILE relative to the release's folder."""
    method: str = ""
    """How the value follows from what stands at the anchors; empty when it stands there as it is."""
    text: str = ""
    """Key of the translated sentence that says it, with `words` in its places."""
    words: Mapping[str, "Fact"] = field(default_factory=dict)

    @property
    def recorded(self) -> bool:
        return self.value is not None or bool(self.text)

    def as_dict(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        entry: dict[str, Any] = {"value": value, "anchors": list(self.anchors)}
        entry |= {"method": self.method} if self.method else {}
        return entry | (
            {"text": self.text, "words": {name: word.as_dict() for name, word in self.words.items()}}
            if self.text
            else {}
        )


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    """Keys of the columns' labels."""
    rows: tuple[tuple[Fact, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "rows": [[cell.as_dict() for cell in row] for row in self.rows]}


NOT_APPLICABLE = Fact(text="not_applicable")


def pointer(*parts: str | int) -> str:
    """`a/b`, 3 -> `/a~1b/3`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def follow(value: Any, pointer: str) -> Any:
    """What stands at a JSON pointer. Raises KeyError when nothing does."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (IndexError, TypeError, ValueError):
            raise KeyError(pointer) from None
    return value


class Books:
    """The JSON files of a release folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Any] = {}

    def json(self, file: str) -> Any:
        """None when there is no such file. Raises OpenbookError when it is no JSON."""
        if file not in self._read:
            try:
                self._read[file] = json.loads((self.folder / file).read_bytes())
            except FileNotFoundError:
                self._read[file] = None
            except ValueError as error:
                raise OpenbookError(
                    f"{self.folder / file} cannot be read ({error}): build the release again."
                ) from None
        return self._read[file]

    def get(self, file: str, *parts: str | int) -> Any:
        try:
            return follow(self.json(file), pointer(*parts))
        except KeyError:
            return None

    def fact(self, file: str, *parts: str | int) -> Fact:
        """The value there, with its anchor; a fact that is not recorded when there is none."""
        found = self.get(file, *parts)
        if found is None or found == [] or found == "":
            return Fact(anchors=())
        value = tuple(str(one) for one in found) if isinstance(found, list) else found
        return Fact(value, (anchor(file, *parts),))

    def resolve(self, anchor: str) -> Any:
        """Raises KeyError when the anchor leads nowhere."""
        file, _, place = anchor.partition("#")
        return follow(self.json(file), place)


def anchor(file: str, *parts: str | int) -> str:
    """A place in a file of the release: its name, `#`, and a JSON pointer (RFC 6901)."""
    return f"{file}#{pointer(*parts)}"


def derived(value: Value, method: str, *facts: Fact) -> Fact:
    """A value that follows from others; not recorded when one of them is not."""
    if not all(fact.recorded for fact in facts):
        return Fact()
    return Fact(value, anchors_of(facts), method)


def sentence(key: str, **facts: Fact) -> Fact:
    """A sentence in every language, with the facts in its places; not recorded when one of them is not."""
    if not all(fact.recorded for fact in facts.values()):
        return Fact()
    return Fact(anchors=anchors_of(tuple(facts.values())), text=key, words=facts)


def anchors_of(facts: Sequence[Fact]) -> tuple[str, ...]:
    """The places that the facts come from, each once, in order."""
    return tuple(dict.fromkeys(place for fact in facts for place in fact.anchors))
