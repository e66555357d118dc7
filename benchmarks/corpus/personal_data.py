"""How much of the personal data is found, and how much of what is found is personal data: by kind and by language.

python benchmarks/corpus/personal_data.py [--half even|odd] [--errors]: over tests/corpus/personal_data/, whose lines
hold the true spans as `⟦kind:value⟧`. A span counts as found only if kind, start and end are right.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openbook.corpus.redact import KINDS, Span, find

FOLDER = Path(__file__).parents[2] / "tests" / "corpus" / "personal_data"
_MARK = re.compile(r"⟦(\w+):([^⟧]*)⟧")


@dataclass(frozen=True)
class Sentence:
    language: str
    number: int
    """Line of the file, from 1."""
    text: str
    spans: tuple[Span, ...]


@dataclass
class Score:
    true: int = 0
    found: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0


def unmark(line: str) -> tuple[str, tuple[Span, ...]]:
    """The sentence without its marks, and the spans that they marked."""
    parts: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for match in _MARK.finditer(line):
        parts += [line[position : match.start()], match[2]]
        length += match.start() - position
        spans.append(Span(match[1], length, length + len(match[2])))
        length, position = spans[-1].end, match.end()
    return "".join([*parts, line[position:]]), tuple(spans)


def sentences(half: str = "all") -> Iterator[Sentence]:
    """`odd` lines were looked at while the rules were made, `even` ones not before their figures stood."""
    for path in sorted(FOLDER.glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if half == "all" or (number % 2 == 1) == (half == "odd"):
                yield Sentence(path.stem, number, *unmark(line))


def measure(chosen: Sequence[Sentence]) -> tuple[dict[str, Score], dict[str, Score], list[str]]:
    """Scores by kind and by language, and a line for each error."""
    by_kind = {kind: Score() for kind in KINDS}
    by_language: dict[str, Score] = {}
    errors = []
    for one in chosen:
        true, found = set(one.spans), set(find(one.text, language=one.language))
        for span in true | found:
            for score in (by_kind[span.kind], by_language.setdefault(one.language, Score())):
                score.true += span in true
                score.found += span in found
                score.right += span in true and span in found
        for span in sorted(true ^ found, key=lambda span: span.start):
            what = "missed" if span in true else "wrong "
            errors.append(f"{one.language}:{one.number} {what} {span.kind}: {one.text[span.start : span.end]!r}")
    return by_kind, by_language, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("all", "odd", "even"), default="all")
    parser.add_argument("--errors", action="store_true")
    asked = parser.parse_args()
    chosen = list(sentences(asked.half))
    by_kind, by_language, errors = measure(chosen)
    print(f"{len(chosen)} sentences, {sum(len(one.spans) for one in chosen)} spans\n")
    for title, scores in (("kind", by_kind), ("language", by_language)):
        print(f"| {title} | true | found | precision | recall |\n|---|---|---|---|---|")
        for name, score in scores.items():
            print(f"| {name} | {score.true} | {score.found} | {score.precision:.3f} | {score.recall:.3f} |")
        print()
    if asked.errors:
        print("\n".join(errors))


if __name__ == "__main__":
    main()
