"""Treebanks in the CoNLL-U format of Universal Dependencies: sentences, words, and each word's place in the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openbook.errors import OpenbookError

COLUMNS = 10


@dataclass(frozen=True)
class Word:
    index: int
    """From 1, as in the file."""
    form: str
    lemma: str
    upos: str
    feats: Mapping[str, str]
    head: int
    """0 for the root."""
    relation: str
    start: int | None
    """Where the form begins in the sentence's text; None inside of a contraction such as French `du`."""

    @property
    def base_relation(self) -> str:
        return self.relation.partition(":")[0]


@dataclass(frozen=True)
class Sentence:
    id: str
    text: str
    words: tuple[Word, ...]
    children: Mapping[int, tuple[Word, ...]] = field(repr=False, compare=False)

    def replaced(self, word: Word, form: str) -> str:
        """The text with another form in the place of a word that stands in it."""
        start = word.start or 0
        return self.text[:start] + form + self.text[start + len(word.form) :]


def read(path: Path) -> Iterator[Sentence]:
    """Sentences in the order of the file. Raises OpenbookError naming file and line for what is not CoNLL-U."""
    comments: dict[str, str] = {}
    rows: list[list[str]] = []
    count = 0
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OpenbookError(f"{path} cannot be read as CoNLL-U: {getattr(error, 'strerror', None) or error}.") from None
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith("#"):
            name, _, value = line[1:].partition("=")
            comments[name.strip()] = value.strip()
        elif line.strip():
            row = line.split("\t")
            if len(row) != COLUMNS:
                raise OpenbookError(f"{path}, line {number}: {len(row)} columns instead of {COLUMNS}; not CoNLL-U.")
            rows.append(row)
        elif rows:
            count += 1
            try:
                yield _sentence(rows, comments.get("sent_id", str(count)), comments.get("text"))
            except ValueError as error:
                raise OpenbookError(f"{path}, sentence before line {number}: {error}.") from None
            comments, rows = {}, []


def _sentence(rows: list[list[str]], name: str, text: str | None) -> Sentence:
    text = text if text is not None else _join(rows)
    words: list[Word] = []
    at, inside = 0, 0
    for row in rows:
        number, form, lemma, upos, _, feats, head, relation = row[:8]
        if "." in number:
            continue  # an empty node of the enhanced graph, not in the text
        if "-" in number:
            at = _place(text, form, at) + len(form)
            inside = int(number.partition("-")[2])
            continue
        start = None
        if int(number) > inside:
            start = _place(text, form, at)
            at = start + len(form)
        words.append(Word(int(number), form, lemma, upos, _features(feats), int(head), relation, start))
    for place, word in enumerate(words, 1):
        if word.index != place or not 0 <= word.head <= len(words):
            what = f"its number is {word.index}" if word.index != place else f"its head is {word.head}"
            raise ValueError(f"word {place} ({word.form!r}): {what}, in a sentence of {len(words)} words")
    children: dict[int, tuple[Word, ...]] = {}
    for word in words:
        children[word.head] = (*children.get(word.head, ()), word)
    return Sentence(name, text, tuple(words), children)


def _place(text: str, form: str, at: int) -> int:
    found = text.find(form, at)
    if found < 0:
        raise ValueError(f"{form!r} does not stand in the text after letter {at}")
    return found


def _features(column: str) -> dict[str, str]:
    if column == "_":
        return {}
    pairs = [part.partition("=") for part in column.split("|")]
    wrong = next((name for name, sign, _ in pairs if not sign), None)
    if wrong is not None:
        raise ValueError(f"the feature {wrong!r} has no value (Name=Value)")
    return {name: value for name, _, value in pairs}


def _join(rows: list[list[str]]) -> str:
    """The text where no comment gives it."""
    parts, inside = [], 0
    for row in rows:
        if "." in row[0] or ("-" not in row[0] and int(row[0]) <= inside):
            continue
        if "-" in row[0]:
            inside = int(row[0].partition("-")[2])
        parts.append(row[1] + ("" if "SpaceAfter=No" in row[9] else " "))
    return "".join(parts).strip()
