"""Which texts of a language calibrate, which the loss is measured on, and which every file must tokenize alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from openbook.errors import OpenbookError
from openbook.evaluate.texts import beginning
from openbook.languages import language
from openbook.model.export.check import LINES
from openbook.quantize.settings import QuantizeSettings
from openbook.tokenizer import stress_texts

if TYPE_CHECKING:
    from openbook.corpus import Corpus
    from openbook.corpus.parallel import ParallelText

BYTES_PER_TOKEN = 8
"""So many bytes of text hold the calibration's tokens in any language."""
DOCUMENTS = 200


@dataclass(frozen=True)
class LanguageTexts:
    language: str
    calibrate: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    source: str = ""
    """What `measured` is: held-out, parallel, or files."""


def of_run(corpus: "Corpus", parallel: "ParallelText", settings: QuantizeSettings) -> list[LanguageTexts]:
    """Languages of the corpus: training text calibrates, held-out text is measured, parallel text where none is held
    out. Languages of the parallel text alone are checked only."""
    found = []
    for code in sorted({*corpus.languages, *parallel.languages}):
        lines = [line for line in parallel.lines(code) if line] if code in parallel.languages else []
        train, held = (_documents(corpus, code, split) for split in ("train", "held-out"))
        trained, source = code in corpus.languages, "held-out" if held else "parallel"
        found.append(
            LanguageTexts(
                code,
                tuple(rounds(train, BYTES_PER_TOKEN * settings.calibration_tokens, settings.document_bytes)),
                tuple(rounds(held or lines, settings.measured_bytes, settings.document_bytes)) if trained else (),
                (*lines[:LINES], *stress_texts(code)),
                source if trained else "",
            )
        )
    return found


def of_lines(lines: Mapping[str, Sequence[str]], settings: QuantizeSettings, source: str) -> list[LanguageTexts]:
    """Of texts without splits every second one calibrates, the others are measured.

    Raises OpenbookError for a language with fewer than two texts.
    """
    found = []
    for code, given in sorted(lines.items()):
        texts = [line for line in given if line.strip()]
        if len(texts) < 2:
            raise OpenbookError(f"{code}: one text calibrates and another is measured; give two at least.")
        found.append(
            LanguageTexts(
                code,
                tuple(rounds(texts[0::2], BYTES_PER_TOKEN * settings.calibration_tokens, settings.document_bytes)),
                tuple(rounds(texts[1::2], settings.measured_bytes, settings.document_bytes)),
                (*texts[:LINES], *stress_texts(code)),
                source,
            )
        )
    return found


def read_folder(folder: Path) -> dict[str, list[str]]:
    """`mt.txt` and so on: paragraphs, with an empty line between them, or lines where no line is empty.

    Raises OpenbookError for a folder without such files and for a name that is no language's code.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise OpenbookError(f"{folder} holds no texts: name a run's folder, or one with files such as mt.txt.")
    found = {}
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise OpenbookError(f"{path} is not UTF-8; save it as UTF-8.") from None
        parts = [part.strip() for part in text.split("\n\n") if part.strip()]
        found[language(path.stem).code] = parts if len(parts) > 1 else text.split("\n")
    return found


def pieces(text: str, most: int) -> Iterator[str]:
    """The text in pieces of at most `most` bytes, cut as `beginning` cuts; white space between them is left out."""
    while text.strip():
        piece = beginning(text, most)
        yield piece
        text = text[len(piece) :].lstrip()


def rounds(documents: Sequence[str], most: int, longest: int) -> list[str]:
    """Beginnings of all documents, then their second pieces and so on, until there are `most` bytes."""
    found: list[str] = []
    size = 0
    for row in zip_longest(*(pieces(text, longest) for text in documents)):
        for piece in row:
            if size >= most:
                return found
            if piece and piece.strip():
                found.append(piece)
                size += len(piece.encode())
    return found


def _documents(corpus: "Corpus", code: str, split: str) -> list[str]:
    texts: list[str] = []
    if code in corpus.languages:
        for row in corpus.documents(code, split=split, columns=["text"]):
            texts.append(row["text"])
            if len(texts) == DOCUMENTS:
                break
    return texts
