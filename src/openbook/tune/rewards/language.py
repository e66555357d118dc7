"""How much of an answer is in the language that it should be in?

Piece by piece, each about a sentence long, by the identifier that the corpus was made with. Every piece is held to be
in the right language until its words say otherwise: a short text seldom proves anything, and a model is not to be
punished for a name or a number.
"""

import re
from collections.abc import Sequence
from typing import Any

from openbook.corpus.identify import SCRIPTS, UNKNOWN, Identifier, declared_code, identifier, letters_by_script
from openbook.languages import LANGUAGES, language
from openbook.tune.rewards.completion import Completion, Reward, asked, said
from openbook.tune.rewards.settings import LanguageSettings

PIECE = 60
"""Letters of a piece, sentences joined until there are so many."""
SURE = 0.8
"""Score from which on a prompt's language is known."""
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]{1,200}\$|https?://\S+|\S+@\S+\.\w+", re.DOTALL
)
_SENTENCE = re.compile(r"\n+|(?<=[.!?…։;·])\s+")


def consistency(settings: LanguageSettings) -> Reward:
    """The share, 0.0 to 1.0, of each completion's letters that stand in pieces of the right language.

    1.0 where there is nothing to judge: no letters, or a prompt whose language nobody names and nothing tells. 0.0 for
    an empty completion, which is in no language. Raises OpenbookError for a language that is not in the table.
    """
    who = identifier(settings.identifier)
    named = language(settings.language).code if settings.language else None

    def reward(prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any) -> list[float]:
        wanted = columns.get(settings.column) or [None] * len(completions)
        return [
            share(
                said(completion), named or declared_code(own) or _of_prompt(asked(prompt), who, settings), who, settings
            )
            for prompt, completion, own in zip(prompts, completions, wanted, strict=True)
        ]

    return reward


def share(text: str, wanted: str | None, who: Identifier, settings: LanguageSettings) -> float:
    """Share of the letters, from 0 to 1, that stand in pieces of the wanted language; 0 for an empty text, 1 where
    nothing can be told."""
    if not text.strip():
        return 0.0
    pieces = split(prose(text))
    total = sum(letters for _, letters in pieces)
    if wanted is None or total == 0:
        return 1.0
    right = sum(letters for piece, letters in pieces if _holds(piece, letters, wanted, who, settings))
    return right / total


def prose(text: str) -> str:
    """Without code, formulas and addresses, which have no language."""
    return _NOT_PROSE.sub(" ", text)


def split(text: str) -> list[tuple[str, int]]:
    """Pieces and their letters. What is left over at the end goes with the piece before."""
    pieces: list[tuple[str, int]] = []
    held, size = "", 0
    for sentence in _SENTENCE.split(text):
        held, size = f"{held}\n{sentence}" if held else sentence, size + _letters(sentence)
        if size >= PIECE:
            pieces.append((held, size))
            held, size = "", 0
    if size and pieces:
        last, letters = pieces.pop()
        held, size = f"{last}\n{held}", letters + size
    return [*pieces, (held, size)] if size else pieces


def _letters(text: str) -> int:
    return sum(one.isalpha() for one in text)


def _holds(piece: str, letters: int, wanted: str, who: Identifier, settings: LanguageSettings) -> bool:
    script = LANGUAGES[wanted].script
    counts = letters_by_script(piece)
    if script in SCRIPTS and counts[script] * 2 < sum(counts.values()):
        return False
    if letters < settings.least_letters:
        return True
    found = who.identify(piece, wanted)
    return found.language in (wanted, UNKNOWN)


def _of_prompt(prompt: str, who: Identifier, settings: LanguageSettings) -> str | None:
    """None where the prompt is too short or too mixed to tell, or in a language that the table lacks."""
    text = prose(prompt)
    if _letters(text) < settings.least_letters:
        return None
    found = who.identify(text)
    return found.language if found.score >= SURE and found.language in LANGUAGES else None
