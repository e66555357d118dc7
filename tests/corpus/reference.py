"""The measures once more, in plain Python from the published definitions: what the compiled kernel is checked against.

Gopher: Rae et al. 2021, A.1.1. C4: Raffel et al. 2020, 2.2. FineWeb: Penedo et al. 2024, 3.6.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import regex

IDEOGRAPH = (
    "\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48f"
    "\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
NO_SPACES = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f"
    "\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaa7f"
)
LETTERS = rf"[\p{{L}}\p{{M}}\p{{N}}--[{IDEOGRAPH}{NO_SPACES}]]"
JOINERS = "['’\\-‐‑·\u00ad\u200c\u200d]"
WORD = rf"{LETTERS}+(?:(?:{JOINERS}|(?<=\p{{N}})[.,:](?=\p{{N}})){LETTERS}+)*"
TOKEN = regex.compile(
    rf"(?P<one>[\p{{L}}\p{{M}}\p{{N}}&&[{IDEOGRAPH}]])|(?P<four>[\p{{L}}\p{{M}}\p{{N}}&&[{NO_SPACES}]]{{1,4}})"
    rf"|(?P<word>{WORD})|(?P<symbol>(\S)\5*)",
    regex.V1,
)

MARKS = "(?:[.!?…։؟۔؞।॥။።፧፨។៕᙮᠃᠉‼‽⁇⁈⁉。﹒﹖﹗！．？｡⸮჻՞՜᱾᱿꯫᥄᥅꧉܀܁܂\u037e]|(?<=[\u0370-\u03ff\u1f00-\u1fff]);)"
CLOSERS = "[\"'”’“»«›‹)\\]}]"
ENDS = regex.compile(rf"{MARKS}{CLOSERS}*$")
SENTENCE = regex.compile(rf"[。！？｡](?:{MARKS}|{CLOSERS})*|{MARKS}(?:{MARKS}|{CLOSERS})*(?=\s|$)")


@dataclass(frozen=True)
class Token:
    text: str
    kind: str


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for chunk in text.split():
        mine = [Token(match.group(), str(match.lastgroup)) for match in TOKEN.finditer(chunk)]
        kept: list[Token] = []
        for at, token in enumerate(mine):
            before = [one for one in mine[:at] if one.kind != "symbol"][-1:]
            after = [one for one in mine[at:] if one.kind != "symbol"][:1]
            inner = [one.kind for one in before + after] == ["word", "word"]
            if token.kind != "symbol" or not inner:
                kept.append(token)
        found += kept
    return found


def repeats(items: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    again = characters = 0
    for item in items:
        if item in seen:
            again, characters = again + 1, characters + len(item)
        seen.add(item)
    return again, characters


def top_gram(words: list[str], n: int) -> int:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    if not grams:
        return 0
    gram, count = Counter(grams).most_common(1)[0]
    return len(" ".join(gram)) * count if count > 1 else 0


def duplicate_grams(words: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = at = 0
    while at + n <= len(words):
        gram = tuple(words[at : at + n])
        if gram in seen:
            characters += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters


def c4(lines: list[str]) -> dict[str, float]:
    """The line rules without the phrases, which are data: three words or more, none over 1,000 characters, no word that
    begins with "javascript"; sentences in the lines that are left, what stands behind the last mark being one."""
    split = [[token.text.lower() for token in tokens(line) if token.kind != "symbol"] for line in lines]
    scripts = [any(word.startswith("javascript") for word in words) for words in split]
    left = [
        line
        for line, words, script in zip(lines, split, scripts, strict=True)
        if len(words) >= 3 and not script and max(map(len, line.split())) <= 1000
    ]
    every = [word for words in split for word in words]
    return {
        "brace_lines": sum("{" in line for line in lines),
        "script_lines": sum(scripts) / len(lines),
        "left_lines": len(left) / len(lines),
        "lorem_ipsum": sum(pair == ("lorem", "ipsum") for pair in pairwise(every)),
        "sentences": sum(len(SENTENCE.findall(line.strip())) + (not ENDS.search(line.strip())) for line in left),
    }


def measures(text: str) -> dict[str, float]:
    found = tokens(text)
    all_words = [token.text for token in found]
    words = [token.text for token in found if token.kind != "symbol"]
    lines = [line for line in text.split("\n") if line.strip()]
    paragraphs = [one.strip("\n") for one in regex.split(r"\n{2,}", text) if one.strip("\n")]
    size, count, rows = len(text), len(all_words), len(lines)
    values = {
        "characters": size,
        "words": len(words),
        "word_length": sum(map(len, words)) / len(words) if words else 0,
        "hash_ratio": text.count("#") / count if count else 0,
        "ellipsis_ratio": (text.count("...") + text.count("…")) / count if count else 0,
        "alpha_words": sum(any(c.isalpha() for c in word) for word in all_words) / count if count else 0,
        "digits": sum(c.isnumeric() for c in text) / size if size else 0,
        "distinct_words": len({word.lower() for word in words}) / len(words) if words else 0,
    }
    if rows:
        values |= {
            "bullet_lines": sum(line.lstrip()[0] in "•-*‣◦▪●–" for line in lines) / rows,
            "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in lines) / rows,
            "duplicate_lines": repeats(lines)[0] / rows,
            "duplicate_line_characters": repeats(lines)[1] / size,
            "duplicate_paragraphs": repeats(paragraphs)[0] / len(paragraphs),
            "duplicate_paragraph_characters": repeats(paragraphs)[1] / size,
            "repeated_characters": repeats(lines)[1] / len(text.replace("\n", "")),
            "short_lines": sum(len(line) <= 30 for line in lines) / rows,
            "line_feeds": (rows - 1) / count,
            "terminal_lines": sum(bool(ENDS.search(line.strip())) for line in lines) / rows,
            **c4(lines),
        }
    for n in (2, 3, 4):
        values[f"top_{n}_gram"] = top_gram(all_words, n) / size if size else 0
    for n in (5, 6, 7, 8, 9, 10):
        values[f"duplicate_{n}_gram"] = duplicate_grams(all_words, n) / size if size else 0
    return values
