"""What does a GBNF grammar say? Reads it as llama.cpp's parser does (its `grammars/README.md`) into a tree of rules."""

from dataclasses import dataclass, field

DEEPEST = 32  # brackets within brackets
MOST_REPEATED = 2000  # letters and rules that one repetition may stand for: where llama.cpp's own bound lies
ESCAPES = {"x": 2, "u": 4, "U": 8}  # letter after the backslash -> hexadecimal digits
PLAIN_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"} | {letter: letter for letter in '\\"[]'}


class GrammarError(ValueError):
    """What is wrong, and where."""


@dataclass(frozen=True)
class Reference:
    """A rule's name where it is used."""

    name: str


@dataclass(frozen=True)
class Letters:
    """So many letters, each given or one of a class."""

    count: int


@dataclass
class Choice:
    """One of several sequences."""

    ways: "list[list[Item]]" = field(default_factory=list)


@dataclass(frozen=True)
class Repeated:
    """An item as often as is allowed."""

    item: "Item"
    least: int
    most: int | None


Item = Reference | Letters | Choice | Repeated


def parse(grammar: str) -> dict[str, Choice]:
    """The rules by name; GrammarError where something is malformed or repeated too often."""
    return _Parser(grammar).rules()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def rules(self) -> dict[str, Choice]:
        found: dict[str, Choice] = {}
        self._space(lines=True)
        while self._at < len(self._text):
            name = self._name()
            self._space(lines=False)
            self._expect("::=")
            self._space(lines=True)
            if name in found:
                raise self._error(f"the rule {name} is defined twice")
            found[name] = self._choice(0)
            if self._at < len(self._text) and self._next() not in "\r\n":
                raise self._error("a rule should end here")
            self._space(lines=True)
        return found

    def _choice(self, depth: int) -> Choice:
        found = Choice([self._sequence(depth)])
        while self._next() == "|":
            self._at += 1
            self._space(lines=True)
            found.ways.append(self._sequence(depth))
        return found

    def _sequence(self, depth: int) -> list[Item]:
        found: list[Item] = []
        while (letter := self._next()) and (letter in '"[(.' or _is_of_name(letter)):
            item = self._item(letter, depth)
            self._space(lines=depth > 0)
            if self._next() and self._next() in "*+?{":
                item = self._repeated(item)
                self._space(lines=depth > 0)
            found.append(item)
        return found

    def _item(self, letter: str, depth: int) -> Item:
        if letter == '"':
            return self._literal()
        if letter == "[":
            return self._class()
        if letter == ".":
            self._at += 1
            return Letters(1)
        if letter != "(":
            return Reference(self._name())
        if depth == DEEPEST:
            raise self._error(f"brackets are nested more than {DEEPEST} levels deep")
        self._at += 1
        self._space(lines=True)
        found = self._choice(depth + 1)
        self._expect(")")
        return found

    def _literal(self) -> Letters:
        self._at += 1
        count = 0
        while self._next() != '"':
            self._letter("the text")
            count += 1
        self._at += 1
        return Letters(count)

    def _class(self) -> Letters:
        self._at += 1
        if self._next() == "^":
            self._at += 1
        count = 0
        while self._next() != "]":
            low = self._letter("the class")
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                if self._letter("the class") < low:
                    raise self._error("a range of letters ends before it begins")
            count += 1
        if not count:
            raise self._error("a class of letters is empty")
        self._at += 1
        return Letters(1)

    def _letter(self, where: str) -> str:
        letter = self._next()
        if not letter:
            raise self._error(f"{where} does not end")
        self._at += 1
        if letter != "\\":
            return letter
        kind = self._next()
        self._at += 1
        if kind in PLAIN_ESCAPES:
            return PLAIN_ESCAPES[kind]
        digits = self._text[self._at : self._at + ESCAPES.get(kind, 0)]
        if kind not in ESCAPES or len(digits) < ESCAPES[kind] or not all(one in HEXADECIMAL for one in digits):
            raise self._error(f"\\{kind}{digits} is no escape")
        self._at += len(digits)
        number = int(digits, 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise self._error(f"\\{kind}{digits} is no character")
        return chr(number)

    def _repeated(self, item: Item) -> Repeated:
        sign = self._next()
        self._at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1), "{": (0, None)}[sign]
        if sign == "{":
            least, most = self._times()
        if max(least, most or 0) * max(1, size(item)) > MOST_REPEATED:
            raise self._error(f"a repetition stands for more than {MOST_REPEATED:,} letters and rules")
        return Repeated(item, least, most)

    def _times(self) -> tuple[int, int | None]:
        """`m}`, `m,}` or `m,n}`."""
        self._space(lines=True)
        least = self._number()
        most: int | None = least
        self._space(lines=True)
        if self._next() == ",":
            self._at += 1
            self._space(lines=True)
            most = None if self._next() == "}" else self._number()
            self._space(lines=True)
        self._expect("}")
        if most is not None and most < least:
            raise self._error("a repetition ends before it begins")
        return least, most

    def _number(self) -> int:
        start = self._at
        while self._next() and self._next() in "0123456789" and self._at - start < 9:
            self._at += 1
        if self._at == start:
            raise self._error("a number should stand here")
        return int(self._text[start : self._at])

    def _name(self) -> str:
        start = self._at
        while self._next() and _is_of_name(self._next()):
            self._at += 1
        if self._at == start:
            raise self._error("a rule's name (letters, digits, hyphens) should stand here")
        return self._text[start : self._at]

    def _space(self, *, lines: bool) -> None:
        while self._next() and self._next() in (" \t\r\n#" if lines else " \t#"):
            if self._next() == "#":
                while self._next() and self._next() not in "\r\n":
                    self._at += 1
            else:
                self._at += 1

    def _expect(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            raise self._error(f"{text} should stand here")
        self._at += len(text)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _error(self, text: str) -> GrammarError:
        before = self._text[: self._at]
        line, column = before.count("\n") + 1, self._at - before.rfind("\n")
        return GrammarError(f"{text} (line {line}, column {column})")


HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def _is_of_name(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == "-")


def size(item: Item) -> int:
    """Letters and rules that it stands for with its repetitions written out."""
    if isinstance(item, Choice):
        return sum(size(one) for way in item.ways for one in way)
    if isinstance(item, Repeated):
        return max(1, item.least, item.most or 0) * size(item.item)
    return item.count if isinstance(item, Letters) else 1
