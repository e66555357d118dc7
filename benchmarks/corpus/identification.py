"""How often is the language right: by source and language, whole documents and ~100 characters, declared and not.

python benchmarks/corpus/identification.py TEXTS [--model MODEL.bin] [--scores] [--mixed] [--json OUT]
TEXTS: a folder with SOURCE/CODE.txt (documents parted by an empty line), or a run's folder: there the truth is what
each page or package declares of itself, and the identifier is not told.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openbook.corpus.identify import Identifier, declared_code, identifier
from openbook.corpus.paragraphs import akin, mixture
from openbook.corpus.varieties import families
from openbook.languages import LANGUAGES

SHORT = 100
"""Characters of a short sample, cut at a space."""
MIDDLE = 300
"""Characters of the samples whose scores the cut-offs in filters/languages.toml come from."""
MOST_DOCUMENTS = 100
"""Of one source and language."""
MOST_SHORT = 300
SIZES = (2000, 5000, 10_000)
"""Characters of the pages that are made of two languages."""
PLACES = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Of the block in the second language: the share of the first one's text that stands before it."""
SHARES = (0.1, 0.3)
"""Of the second language."""
PARTNERS = (1, 7, 19)
"""How many languages further in the alphabet the second ones are."""
CLOSE = (("nb", "nn"), ("hr", "sr-Latn"), ("gl", "pt"), ("nb", "da"), ("cs", "sk"), ("es", "ca"))
"""Measured apart."""
PARAGRAPH = 300
ENOUGH = 40_000
"""Characters kept of a language; shorter ones are used from the start again."""


@dataclass
class Tally:
    documents: int = 0
    right: int = 0
    declared: int = 0
    placed: int = 0
    """Right where the page's address names the country of the language, and nothing is declared."""
    short: int = 0
    short_right: int = 0
    short_declared: int = 0
    short_placed: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    short_answers: Counter[str] = field(default_factory=Counter)
    scores: list[float] = field(default_factory=list)
    """Of the samples of MIDDLE characters that were answered right without a declaration."""


def texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(source, code, document)."""
    if (folder / "annotated").is_dir():
        yield from run_texts(folder)
        return
    for path in sorted(folder.glob("*/*.txt")):
        for text in path.read_text(encoding="utf-8").split("\n\n"):
            if text.strip():
                yield path.parent.name, path.stem, text.strip()


def run_texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    import pyarrow.parquet as pq

    from openbook.corpus import Annotated

    for part in Annotated.open(folder / "annotated").parts:
        for row in pq.read_table(part, columns=["source", "declared_language", "text", "rejected_by"]).to_pylist():
            code = declared_code(row["declared_language"])
            if row["text"] and not row["rejected_by"] and code:
                yield row["source"], code, row["text"]


def address(code: str) -> str:
    """Of a page in the country of the language, where a family of near relatives has it."""
    countries = (row for family in families() for row in family.countries.items())
    return next((f"https://www.example.{top}/" for top, member in countries if member == code), "")


def pieces(text: str, size: int = SHORT) -> Iterator[str]:
    """Runs of whole words of about `size` characters."""
    piece = ""
    for word in text.split():
        piece = f"{piece} {word}" if piece else word
        if len(piece) >= size:
            yield piece
            piece = ""


def measure(found: Iterator[tuple[str, str, str]], model: Path | None) -> tuple[dict[tuple[str, str], Tally], float]:
    """(source, code) -> tally, and documents a CPU second."""
    who = identifier(str(model)) if model else identifier()
    tallies: dict[tuple[str, str], Tally] = {}
    spent, asked = 0.0, 0
    for source, code, text in found:
        tally = tallies.setdefault((source, code), Tally())
        if tally.documents >= MOST_DOCUMENTS:
            continue
        began = time.process_time()
        answer = who.identify(text)
        spent, asked = spent + time.process_time() - began, asked + 1
        tally.documents += 1
        tally.right += answer.language == code
        tally.declared += who.identify(text, code).language == code
        tally.placed += who.identify(text, url=address(code)).language == code
        tally.answers.update(() if answer.language == code else (answer.language,))
        middle = (who.identify(piece) for piece in pieces(text, MIDDLE)) if len(tally.scores) < MOST_SHORT else ()
        tally.scores += [one.score for one in middle if one.language == code]
        for piece in pieces(text):
            if tally.short >= MOST_SHORT:
                break
            short = who.identify(piece).language
            tally.short += 1
            tally.short_right += short == code
            tally.short_declared += who.identify(piece, code).language == code
            tally.short_placed += who.identify(piece, url=address(code)).language == code
            if short != code:
                tally.short_answers[short] += 1
    return tallies, asked / spent if spent else 0.0


class Shelf:
    """Text by language, in paragraphs of PARAGRAPH characters; each call goes on where the last one ended."""

    def __init__(self, found: Iterator[tuple[str, str, str]]) -> None:
        held: dict[str, list[str]] = {}
        for _, code, text in found:
            if sum(map(len, held.setdefault(code, []))) < ENOUGH:
                held[code] += pieces(text, PARAGRAPH)
        self._texts = {code: "\n\n".join(rows) for code, rows in held.items() if sum(map(len, rows)) > SIZES[-1]}
        self.codes = sorted(self._texts)
        self._at = dict.fromkeys(self.codes, 0)

    def take(self, code: str, size: int) -> str:
        text, at = self._texts[code], self._at[code]
        at = at if at + size < len(text) else 0
        self._at[code] = at + size
        return text[at : at + size].strip()


def two_languages(shelf: Shelf, first: str, second: str, size: int, share: float, place: float) -> str:
    """A page of `size` characters in `first` with one block in `second`."""
    main, block = shelf.take(first, round(size * (1 - share))), shelf.take(second, round(size * share))
    at = main.rfind(" ", 0, round(len(main) * place)) + 1 if 0 < place < 1 else round(len(main) * place)
    return "\n\n".join(part for part in (main[:at].strip(), block, main[at:].strip()) if part)


def measure_mixed(shelf: Shelf, who: Identifier) -> str:
    """Of pages in two languages, how many are found; of pages in one, how many are taken for mixed."""
    codes, close = shelf.codes, [pair for pair in CLOSE if set(pair) <= set(shelf.codes)]
    distant = [(one, codes[(at + step) % len(codes)]) for at, one in enumerate(codes) for step in PARTNERS]
    groups = {"all": [(one, other) for one, other in distant if not akin(one, other) and (one, other) not in close]}
    groups |= {f"{one}, {other}": [(one, other), (other, one)] * 3 for one, other in close}
    lines = [
        "| languages | characters | block of | pages | start % | middle % | end % | share off by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, pairs in groups.items():
        for size in SIZES:
            for share in SHARES if name == "all" else SHARES[-1:]:
                found, off = dict.fromkeys(PLACES, 0), []
                for first, second in pairs:
                    for place, before in PLACES.items():
                        text = two_languages(shelf, first, second, size, share, before)
                        mixed = dict(mixture(text, who.identify(text), who).shares)
                        named = sum(part for code, part in mixed.items() if akin(code, second))
                        hit = len(mixed) > 1 and 0.0 < named < 1.0
                        found[place] += hit
                        off += [abs(named - share)] if hit else []
                cells = " | ".join(percent(count, len(pairs)) for count in found.values())
                mean = f"{sum(off) / len(off):.3f}" if off else "–"
                lines.append(f"| {name} | {size:,} | {share:.0%} | {len(pairs)} | {cells} | {mean} |")
    lines += ["", "| in one language, characters | pages | taken for mixed |", "|---|---|---|"]
    for size in SIZES:
        wrong: Counter[str] = Counter()
        for code in codes * 3:
            text = shelf.take(code, size)
            wrong[code] += len(mixture(text, who.identify(text), who).shares) > 1
        lines.append(f"| {size:,} | {3 * len(codes)} | {wrong.total()} {confusions(+wrong)} |")
    return "\n".join(lines)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def confusions(answers: Mapping[str, int]) -> str:
    ranked = sorted(answers.items(), key=lambda row: (-row[1], row[0]))[:3]
    return ", ".join(f"{code} {count}" for code, count in ranked)


def table(tallies: Mapping[tuple[str, str], Tally]) -> str:
    lines = [
        "| language | source | documents | right % | declared % | country % | ~100 characters | "
        "right % | declared % | country % | taken for |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    order = {code: at for at, code in enumerate(LANGUAGES)}
    for (source, code), one in sorted(tallies.items(), key=lambda row: (order.get(row[0][1], 999), row[0])):
        wrong = confusions(one.answers + one.short_answers)
        lines.append(
            f"| {code} | {source} | {one.documents} | {percent(one.right, one.documents)} | "
            f"{percent(one.declared, one.documents)} | {percent(one.placed, one.documents)} | {one.short} | "
            f"{percent(one.short_right, one.short)} | {percent(one.short_declared, one.short)} | "
            f"{percent(one.short_placed, one.short)} | {wrong} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--model", type=Path, help="a fastText model in place of py3langid's")
    parser.add_argument("--languages", nargs="*", help="only these codes")
    parser.add_argument("--scores", action="store_true", help="percentiles of the scores of right answers")
    parser.add_argument("--mixed", action="store_true", help="only pages made of two languages: how many are found")
    parser.add_argument("--json", type=Path, help="the counts, to keep")
    asked = parser.parse_args(arguments)
    found = (row for row in texts(asked.texts) if not asked.languages or row[1] in asked.languages)
    if asked.mixed:
        print(measure_mixed(Shelf(found), identifier(str(asked.model)) if asked.model else identifier()))
        return
    tallies, speed = measure(found, asked.model)
    print(table(tallies))
    right, all_ = sum(one.right for one in tallies.values()), sum(one.documents for one in tallies.values())
    print(f"\n{all_:,} documents, {percent(right, all_)} % right undeclared; {speed:,.0f} documents a CPU second")
    if asked.scores:
        by_code: dict[str, list[float]] = {}
        for (_, code), one in tallies.items():
            by_code.setdefault(code, []).extend(one.scores)
        for code, scores in sorted(by_code.items()):
            ranked = sorted(scores)
            low = [f"{ranked[int(len(ranked) * at)]:.3f}" for at in (0.01, 0.02, 0.05, 0.5)] if ranked else []
            print(f"{code}: {len(ranked)} scores; percentiles 1, 2, 5, 50: {', '.join(low)}")
    if asked.json:
        rows = [
            {"source": source, "language": code, **{k: v for k, v in vars(one).items() if k != "scores"}}
            for (source, code), one in sorted(tallies.items())
        ]
        asked.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
