"""Is this a grammar that an engine can hold to? Says what is wrong with it before an engine sees it.

llama.cpp ends its process on some malformed grammars (`[z-a]`), and with it everybody's answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from openbook.serve.gbnf import Choice, GrammarError, Item, Letters, Reference, Repeated, parse, size

LARGEST = 50_000
"""Letters and rules of a whole grammar with its repetitions written out."""


def check(grammar: str) -> None:
    """Raises GrammarError for a grammar that is malformed, begins without end, or is too large."""
    rules = parse(grammar)
    if "root" not in rules:
        raise GrammarError("it has no rule called root")
    for name, rule in rules.items():
        for item in _items(rule):
            if isinstance(item, Reference) and item.name not in rules:
                raise GrammarError(f"the rule {name} names {item.name}, which is not defined")
    empty = _possibly_empty(rules)
    for name, rule in rules.items():
        for item in _items(rule):
            if (
                isinstance(item, Repeated)
                and item.most is None
                and (_may_lack(item.item) or _needed(item.item) in empty)
            ):
                raise GrammarError(f"the rule {name} repeats without end what may be nothing")
    looped = _looped({name: sorted(set(_first(rule, empty))) for name, rule in rules.items()})
    if looped is not None:
        raise GrammarError(f"the rule {looped} begins with itself (left recursion), so that it never ends")
    if sum(map(size, rules.values())) > LARGEST:
        raise GrammarError(f"with its repetitions it stands for more than {LARGEST:,} letters and rules")


def _items(item: Item) -> Iterator[Item]:
    """It and all that it is made of."""
    yield item
    if isinstance(item, Repeated):
        yield from _items(item.item)
    elif isinstance(item, Choice):
        for way in item.ways:
            for one in way:
                yield from _items(one)


@dataclass
class _Way:
    """One sequence of a rule or choice, and how many of its items must still be found to be possibly empty."""

    of: str | int
    missing: int


def _possibly_empty(rules: Mapping[str, Choice]) -> set[str | int]:
    """What may stand for no text at all: rules by name, choices by identity.

    In a time linear in the grammar (Dowling and Gallier 1984), because whoever asks may have made it to take long.
    """
    waiting: dict[str | int, list[_Way]] = {}
    ready: list[str | int] = []

    def enter(name: str | int, choice: Choice) -> None:
        for items in choice.ways:
            needed = {_needed(item) for item in items if not _may_lack(item)}
            if None not in needed:
                way = _Way(name, len(needed))
                for one in needed:
                    assert one is not None
                    waiting.setdefault(one, []).append(way)
                if not needed:
                    ready.append(name)
            for item in items:
                inner = item.item if isinstance(item, Repeated) else item
                if isinstance(inner, Choice):
                    enter(id(inner), inner)

    for name, rule in rules.items():
        enter(name, rule)
    found: set[str | int] = set()
    while ready:
        one = ready.pop()
        if one not in found:
            found.add(one)
            for way in waiting.get(one, ()):
                way.missing -= 1
                if way.missing == 0:
                    ready.append(way.of)
    return found


def _may_lack(item: Item) -> bool:
    """Whether it may stand for nothing whatever the rules say."""
    if isinstance(item, Repeated):
        return item.least == 0 or _may_lack(item.item)
    return isinstance(item, Letters) and item.count == 0


def _needed(item: Item) -> str | int | None:
    """What must be possibly empty for this item to be; None where it never is."""
    if isinstance(item, Repeated):
        return _needed(item.item)
    if isinstance(item, Reference):
        return item.name
    return id(item) if isinstance(item, Choice) else None


def _first(item: Item, empty: set[str | int]) -> Iterator[str]:
    """The rules that it may begin with."""
    if isinstance(item, Reference):
        yield item.name
    elif isinstance(item, Repeated):
        yield from _first(item.item, empty)
    elif isinstance(item, Choice):
        for way in item.ways:
            for one in way:
                yield from _first(one, empty)
                if not _may_lack(one) and _needed(one) not in empty:
                    break


def _looped(edges: Mapping[str, Sequence[str]]) -> str | None:
    """A name from which its own is reached; None where there is none. Without recursion, so that no length can hurt."""
    done: set[str] = set()
    for start in edges:
        path, open_names = [(start, iter(edges[start]))], {start}
        while path:
            name, left = path[-1]
            following = next((one for one in left if one not in done), None)
            if following is None:
                path.pop()
                open_names.discard(name)
                done.add(name)
            elif following in open_names:
                return following
            else:
                path.append((following, iter(edges[following])))
                open_names.add(following)
    return None
