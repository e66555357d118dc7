"""The words of a quoted text and the fingerprints that an index holds of it, in plain Python.

The same values as the compiled kernel's (corpus.kernel, find.winnow), for one text, without the second that loading
a compiler and its tables takes.
"""

from functools import lru_cache

from openbook.corpus import characters as c

GRAM = 8
"""Words in a run that is hashed."""
WINDOW = 18
"""Of so many runs in a row the one with the least hash is kept (winnowing, Schleimer, Wilkerson and Aiken 2003)."""
LEAST_WORDS = GRAM
"""A quote of fewer words is not searched for."""
SURE_WORDS = GRAM + WINDOW - 1
"""A quote of so many words, copied exactly, is always found."""

SEED, PRIME = 0xCBF29CE484222325, 0x100000001B3
_MIX1, _MIX2, _MASK = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53, (1 << 64) - 1


def mix(h: int) -> int:
    """The finalizer of MurmurHash3."""
    h ^= h >> 33
    h = h * _MIX1 & _MASK
    h ^= h >> 33
    h = h * _MIX2 & _MASK
    return h ^ (h >> 33)


@lru_cache(4096)
def _kind(character: str) -> int:
    point = ord(character)
    if point < c.TABLE_SIZE:
        return c.classify(character)
    return c.WORD | c.ALPHA | c.SINGLE if point < 0x40000 else 0


@lru_cache(4096)
def _lower(character: str) -> str:
    capital = ord(character) < c.TABLE_SIZE and (character.isupper() or character.istitle())
    return character.lower()[0] if capital else character


def words(text: str) -> list[str]:
    """The folded words, those of symbols left out."""
    kinds = [_kind(character) for character in text]
    found, i, n = [], 0, len(text)
    while i < n:
        if not kinds[i] & c.WORD:
            i += 1
            continue
        j = _word_end(text, kinds, i, n)
        found.append("".join(map(_lower, text[i:j])))
        i = j
    return found


def _word_end(text: str, kinds: list[int], i: int, n: int) -> int:
    j = i + 1
    if kinds[i] & c.SINGLE:
        return j
    if kinds[i] & c.QUAD:
        while j < n and j < i + 4 and kinds[j] & c.QUAD:
            j += 1
        return j
    lone = c.SINGLE | c.QUAD
    while j < n:
        if kinds[j] & c.WORD:
            if kinds[j] & lone:
                break
            j += 1
        elif j + 1 < n and kinds[j + 1] & c.WORD and not kinds[j + 1] & lone:
            number = text[j] in c.NUMBER_JOINERS and kinds[j - 1] & c.DIGIT and kinds[j + 1] & c.DIGIT
            if not (kinds[j] & c.JOINER or number):
                break
            j += 2
        else:
            break
    return j


def hashes(text: str) -> list[int]:
    """One 64-bit hash a word: those of word_lists.word_hashes."""
    found = []
    for word in words(text):
        h = SEED
        for character in word:
            h = (h ^ ord(character)) * PRIME & _MASK
        found.append(mix(h))
    return found


def whole(of_words: list[int]) -> int:
    """The key of a whole text: equal for equal words in equal order."""
    h = SEED
    for one in of_words:
        h = (h ^ one) * PRIME & _MASK
    return mix(h)


def grams(of_words: list[int]) -> list[int]:
    """One hash for each run of GRAM words."""
    return [whole(of_words[at : at + GRAM]) for at in range(len(of_words) - GRAM + 1)]


def winnowed(runs: list[int]) -> set[int]:
    """Of each WINDOW runs in a row the least; of fewer runs than that the least of them."""
    count = max(len(runs) - WINDOW + 1, 1) if runs else 0
    return {min(runs[at : at + WINDOW]) for at in range(count)}
