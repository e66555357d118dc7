"""How often is the language right: by source and language, whole documents and ~100 characters, declared and not.

python benchmarks/corpus/identification.py TEXTS [--model MODEL.bin] [--scores] [--json OUT]
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

from openbook.corpus.identify import declared_code, identifier
from openbook.languages import LANGUAGES

SHORT = 100
"""Characters of a short sample, cut at a space."""
MIDDLE = 300
"""Characters of the samples whose scores the cut-offs in filters/languages.toml come from."""
MOST_DOCUMENTS = 100
"""Of one source and language."""
MOST_SHORT = 300


@dataclass
class Tally:
    documents: int = 0
    right: int = 0
    declared: int = 0
    short: int = 0
    short_right: int = 0
    short_declared: int = 0
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
            if short != code:
                tally.short_answers[short] += 1
    return tallies, asked / spent if spent else 0.0


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def confusions(answers: Mapping[str, int]) -> str:
    ranked = sorted(answers.items(), key=lambda row: (-row[1], row[0]))[:3]
    return ", ".join(f"{code} {count}" for code, count in ranked)


def table(tallies: Mapping[tuple[str, str], Tally]) -> str:
    lines = [
        "| language | source | documents | right % | declared % | ~100 characters | right % | declared % | taken for |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    order = {code: at for at, code in enumerate(LANGUAGES)}
    for (source, code), one in sorted(tallies.items(), key=lambda row: (order.get(row[0][1], 999), row[0])):
        wrong = confusions(one.answers + one.short_answers)
        lines.append(
            f"| {code} | {source} | {one.documents} | {percent(one.right, one.documents)} | "
            f"{percent(one.declared, one.documents)} | {one.short} | {percent(one.short_right, one.short)} | "
            f"{percent(one.short_declared, one.short)} | {wrong} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--model", type=Path, help="a fastText model in place of py3langid's")
    parser.add_argument("--languages", nargs="*", help="only these codes")
    parser.add_argument("--scores", action="store_true", help="percentiles of the scores of right answers")
    parser.add_argument("--json", type=Path, help="the counts, to keep")
    asked = parser.parse_args(arguments)
    found = (row for row in texts(asked.texts) if not asked.languages or row[1] in asked.languages)
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
