"""Which lines of a text C4's rules leave, which of its language's words it holds, and the keys of its lines.

One walk over the words of the text."""

from typing import Any

import numpy as np

from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import BLANK, BRACE, HAS_WORD, SPACE, TABLE_SIZE, mix
from openbook.corpus.line_keys import LEAST_WORDS
from openbook.corpus.repetition import prefixes

C4_WORDS = 3
C4_WORD_LENGTH = 1000
PHRASE_WORDS = 4
STOP_WORDS, SENTENCES = 8, 26
"""Places of what is written in the measures: `stop_words`, and the six from `sentences` on."""
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


@kernel
def _phrase_ends(window: Any, recent: Any, phrases: Any, heads: Any, sizes: Any) -> Any:
    """Whether one of the phrases ends with the last word of the window."""
    for k in range(phrases.size):
        size = sizes[k]
        if recent >= size and window[PHRASE_WORDS - size] == heads[k]:
            prefix = np.empty(PHRASE_WORDS + 1, np.uint64)
            prefixes(window[PHRASE_WORDS - size :], size, prefix)
            if prefix[size] == phrases[k]:
                return True
    return False


@kernel
def _begins(points: Any, begin: Any, end: Any, lower: Any, words: Any) -> Any:
    """Whether one of the words (folded, a row each, filled up with zeros) begins here: endings of cases may follow."""
    for k in range(words.shape[0]):
        at = 0
        while at < words.shape[1] and words[k, at]:
            point = points[begin + at] if begin + at < end else 0
            if (lower[point] if point < TABLE_SIZE else point) != words[k, at]:
                break
            at += 1
        if at and (at == words.shape[1] or words[k, at] == 0):
            return True
    return False


@kernel
def line_rules(
    points: Any,
    kinds: Any,
    line_flags: Any,
    starts: Any,
    ends: Any,
    lines: Any,
    lower: Any,
    folded: Any,
    begins: Any,
    flags: Any,
    tokens: Any,
    lists: Any,
    keys: Any,
    out: Any,
) -> Any:
    """C4's line rules (Raffel et al. 2020, 2.2), the language's phrases and stop words, in one walk over the words.

    `keys`: [lines], as line_keys has them; returns how many lines have one, those first.
    """
    stop_words, phrases, heads, sizes, scripting, dummies = lists
    stops = np.uint64(0)
    sentences, left, filled, braces, scripts, policies, lorems = 0, 0, 0, 0, 0, 0, 0
    word, keyed = 0, 0
    n = starts[lines]
    window = np.empty(PHRASE_WORDS, np.uint64)
    for line in range(lines):
        end = starts[line + 1] - 1 if line + 1 < lines else n
        in_line, longest = 0, 0
        has_script, has_policy = False, False
        previous = np.uint64(0)
        recent = 0
        i = starts[line] if end - starts[line] > C4_WORD_LENGTH else end
        while i < end:
            if kinds[i] & SPACE:
                i += 1
                continue
            j = i
            while j < end and not kinds[j] & SPACE:
                j += 1
            longest = max(longest, j - i)
            i = j
        key = _SEED
        while word < tokens and begins[word] < end:
            begin = begins[word]
            h = folded[word]
            wordy = flags[word] & HAS_WORD
            word += 1
            if not wordy:
                continue
            in_line += 1
            key = (key ^ h) * _PRIME
            has_script |= _begins(points, begin, end, lower, scripting)
            for s in range(stop_words.size):
                if stop_words[s] == h:
                    stops |= np.uint64(1) << np.uint64(s)
            for d in range(dummies.shape[0]):
                lorems += previous == dummies[d, 0] and h == dummies[d, 1]
            previous = h
            for k in range(PHRASE_WORDS - 1):
                window[k] = window[k + 1]
            window[PHRASE_WORDS - 1] = h
            recent += 1
            if phrases.size:
                has_policy |= _phrase_ends(window, recent, phrases, heads, sizes)
        if in_line >= LEAST_WORDS:
            keys[keyed] = mix(key)
            keyed += 1
        if line_flags[line] & BLANK:
            continue
        filled += 1
        scripts += has_script
        policies += has_policy
        braces += (line_flags[line] & BRACE) != 0
        if in_line >= C4_WORDS and longest <= C4_WORD_LENGTH and not has_script and not has_policy:
            left += 1
            sentences += ends[line]
    count = 0
    while stops:
        stops &= stops - np.uint64(1)
        count += 1
    out[STOP_WORDS] = count
    out[SENTENCES] = sentences
    out[SENTENCES + 1] = left / filled if filled else 0.0
    out[SENTENCES + 2] = braces
    out[SENTENCES + 3] = lorems
    out[SENTENCES + 4] = scripts / filled if filled else 0.0
    out[SENTENCES + 5] = policies / filled if filled else 0.0
    return keyed
