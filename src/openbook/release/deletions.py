"""The deletion list: hashes of the word runs of removed texts, never the texts, and the search for them in an answer.

A text gives one hash for each run of `words` words in a row; a shorter text one for all its words, from LEAST_WORDS on.
Words are runs of letters and digits after NFKC and case folding: punctuation, case and layout make no difference.
"""

import hashlib
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.release import statement

FORMAT = 1
WORDS = 20
"""Words in a row from which on an answer reproduces a text: longer than most set phrases."""
LEAST_WORDS = 8
"""A text of fewer words is not filtered: it would stop answers that have nothing to do with it."""
MOST_WORDS = 1000
_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s")


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def gram(salt: bytes, run: Iterable[str]) -> str:
    """The hash of a run of words: the first 64 bits of SHA-256 over the salt and the words, in hex.

    The salt keeps one list from being looked up in another, or in hashes that were computed beforehand.
    """
    return hashlib.sha256(salt + "\x00".join(run).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Deletions:
    salt: bytes
    grams: Mapping[int, frozenset[str]]
    """Words in a run -> hashes of such runs."""
    texts: int = 0
    """Removed texts that are in it."""
    key: str | None = None
    """Public key (hex) of who signed the list."""

    def with_texts(self, texts: Iterable[str], size: int = WORDS) -> "Deletions":
        """This list and the runs of more texts. Raises OpenbookError for a size that filters nothing sensible."""
        if not LEAST_WORDS <= size <= MOST_WORDS:
            raise OpenbookError(f"a run of {size} words cannot be filtered: take {LEAST_WORDS} to {MOST_WORDS}.")
        grams = {length: set(hashes) for length, hashes in self.grams.items()}
        count = self.texts
        for text in texts:
            found = words(text)
            length = min(size, len(found))
            if length >= LEAST_WORDS:
                count += 1
                runs = (found[at : at + length] for at in range(len(found) - length + 1))
                grams.setdefault(length, set()).update(gram(self.salt, run) for run in runs)
        return Deletions(self.salt, {length: frozenset(grams[length]) for length in sorted(grams)}, count)

    def holds(self, text: str) -> bool:
        """Whether a text reproduces a run of a removed one."""
        return Search(self).feed(text, last=True) is not None

    def statement(self) -> dict[str, Any]:
        return {
            "statement": "openbook deletions",
            "format": FORMAT,
            "salt": self.salt.hex(),
            "texts": self.texts,
            "grams": {str(length): sorted(hashes) for length, hashes in self.grams.items()},
        }


def read(path: Path, key: str | None = None) -> Deletions:
    """A list from its file. `key`: public key (hex) that must have signed it. Raises OpenbookError for any other."""
    found = statement.read(path, key)
    try:
        if (found["statement"], found["format"]) != ("openbook deletions", FORMAT):
            raise ValueError("it is another kind of statement, or of another format")
        grams = {int(length): frozenset(map(str, hashes)) for length, hashes in found["grams"].items()}
        if any(not LEAST_WORDS <= length <= MOST_WORDS for length in grams):
            raise ValueError("it names runs of a length that cannot be")
        return Deletions(bytes.fromhex(found["salt"]), grams, int(found["texts"]), found["key"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise OpenbookError(f"{path} is no deletion list: {error}.") from None


class Search:
    """Looks for the list's runs in a text that comes in pieces, wherever those are cut."""

    def __init__(self, deletions: Deletions) -> None:
        self.deletions = deletions
        self._last: deque[str] = deque(maxlen=max(deletions.grams, default=1))
        self._rest = ""
        self._read = 0

    @property
    def safe(self) -> int:
        """Characters of the text so far of which it is known that no run of the list ends in them."""
        return self._read

    def feed(self, piece: str, last: bool = False) -> int | None:
        """Where the text must end (in characters from its beginning) for it not to hold a run; None while it may go on.

        The word at the end of a piece may go on in the next, so it is looked at when a space follows it, or at the
        `last` piece.
        """
        text = self._rest + piece
        end = len(text) if last else max((found.end() for found in _SPACE.finditer(text)), default=0)
        at = 0
        for bound in [*(found.end() for found in _SPACE.finditer(text, 0, end)), end]:
            for word in words(text[at:bound]):
                self._last.append(word)
                if self._found():
                    return self._read
            self._read += bound - at
            at = bound
        self._rest = text[end:]
        return None

    def _found(self) -> bool:
        run = list(self._last)
        return any(
            len(run) >= length and gram(self.deletions.salt, run[-length:]) in hashes
            for length, hashes in self.deletions.grams.items()
        )
