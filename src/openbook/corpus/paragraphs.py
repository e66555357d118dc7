"""In which languages are the paragraphs of a text: looked at only where a cheap sign says that there is more than one.

Near relatives count as one language here: a single paragraph seldom tells Croatian from Serbian.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from openbook.corpus.identify import UNKNOWN, Identified, Identifier, code_of
from openbook.corpus.varieties import families

LEAST_CHARACTERS = 800
"""A shorter text has one language."""
LEAST_PIECE = 80
"""Characters of a piece: a line, or lines until there are so many."""
MOST_PIECES = 32
PIECE_READ = 200
"""Characters of a piece that are looked at."""
SURE = 0.8
"""Score from which on a piece is in another language than the text."""
SURE_AT_ONCE = 0.976
"""From here on a score is SURE even when the language of the text is made ten times as likely: 0.976 / 1.216 > 0.8."""
LEAST_SHARE = 0.05
"""Of the characters: a language with less is not named."""
SIGN_RUNNER_UP = 0.02
SIGN_SCRIPT = 0.95
PROBE = 60
"""Characters at the beginning and at the end of a text that are looked at by themselves."""
WINDOW = 40
"""Characters of each window between them: few, as each costs time."""
CHECKED = 240
"""Characters at the same place that are looked at where so few seem to be in another language."""
SPACING = 700
"""Characters of a text for each window, at least one."""
MOST_WINDOWS = 9
"""Longer texts have wider spaces: a tenth of the text."""
BRIEF = 80
"""Characters of a piece that are enough where they are surely in the language of the text."""


@dataclass(frozen=True, slots=True)
class Mixture:
    language: str
    """The one with most characters."""
    score: float
    shares: tuple[tuple[str, float], ...]
    """(language, share of the characters), the largest first; adds up to 1; one entry where the text is not mixed."""
    main: str
    """The lines in `language`."""

    @property
    def main_share(self) -> float:
        return self.shares[0][1]


def mixture(text: str, found: Identified, who: Identifier) -> Mixture:
    """`found`: what `who` says of the whole text."""
    alone = Mixture(found.language, found.score, ((found.language, 1.0),), text)
    if not signs(text, found, who):
        return alone
    pieces = split(text)
    if len(pieces) < 2:
        return alone
    sizes: dict[str, int] = {}
    scores: dict[str, float] = {}
    answers: list[str] = []
    for piece, size in pieces:
        language, score = _of_piece(_read_of(piece), found, who)
        answers.append(language)
        sizes[language] = sizes.get(language, 0) + size
        scores[language] = scores.get(language, 0.0) + size * score
    total = sum(sizes.values())
    named = {one: size for one, size in sizes.items() if size >= LEAST_SHARE * total}
    if len(named) < 2:
        return alone
    ranked = sorted(named.items(), key=lambda row: (-row[1], row[0] != found.language, row[0]))
    whole = sum(named.values())
    language = ranked[0][0]
    kept = [line for (piece, _), answer in zip(pieces, answers, strict=True) if answer == language for line in piece]
    return Mixture(
        language,
        found.score if language == found.language else round(scores[language] / sizes[language], 4),
        tuple((one, round(size / whole, 4)) for one, size in ranked),
        "\n".join(kept).strip("\n"),
    )


def _read_of(piece: Sequence[str]) -> str:
    """What is looked at of a piece: from its longest line on: a short one may belong to what is before."""
    if len(piece) == 1:
        return piece[0][:PIECE_READ]
    first = max(range(len(piece)), key=lambda at: len(piece[at]))
    text = "\n".join(piece[first:])[:PIECE_READ]
    return text if len(text) >= LEAST_PIECE else "\n".join(piece)[:PIECE_READ]


def _of_piece(piece: str, found: Identified, who: Identifier) -> tuple[str, float]:
    """Its language and the score: those of the whole text, unless it is surely in another one."""
    brief = who.model.likeliest(piece[:BRIEF])
    if brief is not None and brief[1] >= SURE and akin(code_of(brief[0]), found.language):
        return found.language, found.score
    best = who.model.likeliest(piece)
    if best is None or (best[1] > 1.001 - SURE and akin(code_of(best[0]), found.language)):
        return found.language, found.score  # what is declared makes it likelier still: no other can be sure
    if best[1] >= SURE_AT_ONCE and not _has_relatives(best[0]) and any(map(str.isalpha, piece)):
        return code_of(best[0]), round(min(1.0, best[1]), 4)
    answer = who.identify(piece, found.language)
    sure = answer.score >= SURE and answer.language != UNKNOWN and not akin(answer.language, found.language)
    return (answer.language, answer.score) if sure else (found.language, found.score)


def language_columns(found: Identified, mixed: Mixture) -> dict[str, Any]:
    """What a row says of its language; `runner_up` and `languages` are null where there is none and only one."""
    runner_up = {"language": found.runner_up, "score": found.runner_up_score} if found.runner_up else None
    shares = [{"language": language, "share": share} for language, share in mixed.shares]
    return {
        "language": mixed.language,
        "language_score": mixed.score,
        "runner_up": runner_up,
        "languages": shares if len(shares) > 1 else None,
    }


def signs(text: str, found: Identified, who: Identifier) -> bool:
    """Is it worth while to look at the paragraphs?"""
    if len(text) < LEAST_CHARACTERS or found.language == UNKNOWN or "\n" not in text:
        return False
    if found.runner_up_score >= SIGN_RUNNER_UP and not akin(found.runner_up or UNKNOWN, found.language):
        return True
    if found.script_share < SIGN_SCRIPT:
        return True
    for probe, more in ((text[:PROBE], text[:CHECKED]), (text[-PROBE:], text[-CHECKED:])):
        if _foreign(probe, found, who, 0.0) and (_foreign(probe, found, who) or _foreign(more, found, who)):
            return True
    return any(
        _foreign(text[at : at + WINDOW], found, who, 0.0)
        and (
            _foreign(text[at : at + CHECKED], found, who)
            or _foreign(text[max(0, at + WINDOW - CHECKED) : at + WINDOW], found, who)
        )
        for at in windows(text)
    )


def _foreign(probe: str, found: Identified, who: Identifier, sure: float = SURE) -> bool:
    best = who.model.likeliest(probe)
    return best is not None and best[1] >= sure and not akin(code_of(best[0]), found.language)


def windows(text: str) -> Iterator[int]:
    """Where windows begin, at equal distances: with the next word, or the next line where this one ends soon."""
    many = max(1, min(MOST_WINDOWS, len(text) // SPACING))
    space = len(text) // (many + 1)
    for at in (number * space for number in range(1, many + 1)):
        line = text.find("\n", at - 1, at + WINDOW) + 1
        yield line or text.find(" ", at - 1, at + WINDOW) + 1 or at


@lru_cache(4096)
def akin(one: str, other: str) -> bool:
    """The same language, or members of one family, in whatever script."""
    first, second = one.split("-")[0], other.split("-")[0]
    relatives = [{name.split("-")[0] for name in (*family.label, *family.labels)} for family in families()]
    return first == second or any({first, second} <= names for names in relatives)


@lru_cache(1024)
def _has_relatives(label: str) -> bool:
    """Whether a second look says which member of a family it is; also of the label for no language at all."""
    return code_of(label) == UNKNOWN or any(
        label in family.labels or code_of(label) in family.label for family in families()
    )


def split(text: str) -> Sequence[tuple[list[str], int]]:
    """(lines, characters) of each piece, in order; every line of the text is in one."""
    lines = text.split("\n")
    counts = [len(line) for line in lines]
    enough = max(LEAST_PIECE, sum(counts) // MOST_PIECES)
    pieces: list[tuple[list[str], int]] = []
    held: list[str] = []
    size = 0
    for line, count in zip(lines, counts, strict=True):
        held.append(line)
        size += count
        if size >= enough:
            pieces.append((held, size))
            held, size = [], 0
    if held and pieces:
        last, before = pieces[-1]
        pieces[-1] = ([*last, *held], before + size)
    elif held:
        pieces.append((held, size))
    return pieces
