"""Are the data files sound, every row of them? They are read whole before any model is: errors name file and line."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.tune.formats import Example, RowError, example
from openbook.tune.judged import settled
from openbook.tune.settings import DataSettings

SHOWN = 20
"""Errors that are told one by one."""


@dataclass(frozen=True)
class Data:
    training: list[Example]
    validation: list[Example]
    left_out: int = 0
    """Rows that somebody called bad, and that have no good one to stand against."""


def files(settings: DataSettings, base: Path) -> list[Path]:
    """All files that the examples come from."""
    named = [*settings.files, *([settings.validation] if isinstance(settings.validation, str) else [])]
    return [base / name for name in named]


def load(settings: DataSettings, method: str, base: Path, seed: int) -> Data:
    """Raises OpenbookError that names file and line of everything that is wrong."""
    problems: list[str] = []
    training = [one for name in settings.files for one in _read(base / name, settings.kind, method, problems)]
    validation: list[Example] = []
    if isinstance(settings.validation, str):
        validation = list(_read(base / settings.validation, settings.kind, method, problems))
    refuse(problems)
    if not training:
        raise OpenbookError(f"{', '.join(settings.files)}: there is no example in it.")
    training, unused = settled(training, method)
    validation, unused_too = settled(validation, method)
    if isinstance(settings.validation, float):
        training, validation = _split(training, settings.validation, seed)
    return Data(training, validation, unused + unused_too)


def refuse(problems: Sequence[str]) -> None:
    """Raises OpenbookError when there are any."""
    if problems:
        more = f"\n... and {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        raise OpenbookError("\n".join(problems[:SHOWN]) + more)


def _split(examples: list[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Some examples drawn for validation, at least one where there are two; both parts keep the order."""
    count = min(max(1, round(share * len(examples))), len(examples) - 1)
    drawn = set(chance.generator(seed, "tune/validation").permutation(len(examples))[:count].tolist())
    kept = [one for at, one in enumerate(examples) if at not in drawn]
    return kept, [one for at, one in enumerate(examples) if at in drawn]


def _read(path: Path, kind: str, method: str, problems: list[str]) -> Iterator[Example]:
    if not path.is_file():
        problems.append(f"{path}: there is no such file.")
        return
    for place, row in rows(path, problems):
        try:
            found = example(row, _kind(kind, method), place)
            _fits(found, method)
        except RowError as error:
            problems.append(f"{place}: {error}.")
        else:
            yield found


def _kind(kind: str, method: str) -> str:
    return "prompt" if method == "grpo" and kind == "auto" else kind


def _fits(found: Example, method: str) -> None:
    if method == "dpo" and found.chosen is None and found.judged is None:
        raise RowError("DPO needs prompt, chosen and rejected, or prompt, completion and label")
    if method == "sft" and found.chosen is not None:
        raise RowError('chosen and rejected are for method.kind = "dpo"')
    if method == "sft" and not found.messages and found.text is None and found.completion is None:
        raise RowError("a prompt without a completion teaches nothing")
    if method == "sft" and found.messages:
        answers = [one for one in found.messages if one["role"] == "assistant"]
        if not any(one.get("weight", 1) for one in answers):
            raise RowError(
                "no message of the assistant is left to learn from"
                + (" (all have weight 0)" if answers else "; add one, or take the row out")
            )


def rows(path: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Each row with its place; what cannot be read becomes a problem."""
    if path.suffix == ".parquet":
        yield from _parquet(path, problems)
    elif path.suffix == ".json":
        yield from _json(path, problems)
    else:
        yield from _lines(path, problems)


def _lines(path: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                yield place, orjson.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except orjson.JSONDecodeError as error:
                problems.append(f"{place}: not JSON ({error}); write one object a line, in UTF-8.")


def _json(path: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    """The objects of one list, each with the line that it begins on."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.append(f"{path}:{line}: not UTF-8; save the file as UTF-8.")
        return
    decoder, at, line = json.JSONDecoder(), 0, 1

    def skip(characters: str) -> None:
        nonlocal at, line
        while at < len(text) and text[at] in characters:
            line += text[at] == "\n"
            at += 1

    skip(" \t\r\n")
    if text[at : at + 1] != "[":
        problems.append(f"{path}:{line}: a .json file must hold one list of objects; name it .jsonl for one a line.")
        return
    at += 1
    skip(" \t\r\n")
    while at < len(text) and text[at] != "]":
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            problems.append(f"{path}:{error.lineno}: not JSON ({error.msg}).")
            return
        yield f"{path}:{line}", value
        line += text.count("\n", at, end)
        at = end
        skip(" \t\r\n,")
    if at >= len(text):
        problems.append(f"{path}:{line}: the list does not end with ].")


def _parquet(path: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    import pyarrow.parquet as parquet
    from pyarrow import ArrowException

    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(256):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
    except (ArrowException, OSError) as error:
        problems.append(f"{path}: not Parquet ({str(error).splitlines()[0]}).")
