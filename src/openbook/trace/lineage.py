"""Which document stood in a row of training, which page it came from, and in which rows a document stood.

Nothing is looked up in a log: the order is computed from the run's settings and the sizes of its tokenized corpus.
"""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from openbook.books.record import read_record
from openbook.corpus import Corpus
from openbook.corpus.sources import SourceFile, Sources
from openbook.errors import OpenbookError
from openbook.model import FinalModel
from openbook.model.checkpoint import read_json
from openbook.tokenizer import TokenizedCorpus
from openbook.train import CANARY, Order, Sighting, TrainSettings


@dataclass(frozen=True)
class Place:
    """One document in one row: its tokens [start, end) of the row, 0-based, `<|endoftext|>` before it included."""

    step: int
    row: int
    start: int
    end: int
    epoch: int
    """How often the language had been read before, whole."""
    document: str
    language: str
    title: str | None
    url: str
    source: str
    package: str | None
    version: str | None
    license: str | None
    license_evidence: str | None
    reservations: tuple[str, ...]
    rights: str
    file: str
    offset: int
    length: int
    record_id: str
    date: str
    payload_digest: str
    trained: bool = True
    """False where the step changed no weight: its loss jumped, or a roll-back left its batch out."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def place(run_folder: Path, step: int, row: int, token: int | None = None) -> list[Place]:
    """The documents of a row in the order in which they stand there; with `token`, the one at that position.

    A row has `sequence` + 1 tokens; the last is only predicted. Raises OpenbookError for a place that the run lacks.
    """
    order = order_of(run_folder)
    draw = order.draw(step, row)
    size = order.size(draw)
    if token is not None and not 0 <= token < size:
        raise OpenbookError(f"Row {row} of step {step} has the tokens 0 to {size - 1}, not {token}.")
    first, last = (0, size) if token is None else (token, token + 1)
    found, trained = order.canary(draw), step not in without_effect(run_folder)
    until = found[1] if found else size
    tokens, corpus = TokenizedCorpus.open(run_folder / "tokens"), Corpus.open(run_folder / "corpus")
    files = {file.name: file for file in Sources.open(run_folder / "sources").files}
    places = []
    before = 0
    for start, end in order.pieces(draw):
        position = start
        while position < end:
            document, begins, ends = tokens.document_at(draw.language, position)
            span = (max(begins, start) - start + before, min(min(ends, end) - start + before, until))
            if span[0] < min(last, until) and span[1] > first:
                places.append(_place(corpus.document(document), files, step, row, span, draw.epoch, trained))
            position = ends
        before += end - start
    if found and last > until:
        places.append(_canary(found[0].name, draw.language, step, row, found[1:], draw.epoch, trained))
    return places


def seen(run_folder: Path, document: str) -> list[tuple[int, int, int, int]]:
    """Every (step, row, start, end) of the run that held tokens of a document, in the order of the run. Steps that
    changed no weight are not among them."""
    if document.startswith(CANARY):
        return _canary_places(order_of(run_folder), document, without_effect(run_folder))
    language = str(Corpus.open(run_folder / "corpus").document(document)["language"])
    span = TokenizedCorpus.open(run_folder / "tokens").span(language, document)
    if span is None:
        return []
    found: list[Sighting] = sorted(order_of(run_folder).seen(language, *span))
    skipped = without_effect(run_folder)
    return [(one.step, one.row, one.start, one.end) for one in found if one.step not in skipped]


def without_effect(run_folder: Path) -> frozenset[int]:
    """The steps of a run that changed no weight: their loss jumped, or a roll-back left their batches out."""
    state = FinalModel.open(run_folder / "model").final.folder / "training" / "state.json"
    return frozenset(read_json(state).get("watch", {}).get("skipped", ())) if state.exists() else frozenset()


def _canary_places(order: Order, name: str, skipped: Set[int]) -> list[tuple[int, int, int, int]]:
    canary = next((one for one in order.canaries or () if one.name == name), None)
    if canary is None:
        raise OpenbookError(f"The run has no {name}.")
    found = []
    for step, row in order.canary_places(canary):
        placed = order.canary(order.draw(step, row))
        if placed and step not in skipped:
            found.append((step, row, placed[1], placed[2]))
    return found


def page_text(run_folder: Path, document: str) -> str:
    """The page's record as it stands in its file, and the main text that training saw of it."""
    if document.startswith(CANARY):
        return "A canary comes from no page."
    row = Corpus.open(run_folder / "corpus").document(document)
    record = row["record"]
    body = Sources.open(run_folder / "sources").open_record(record["file"], record["offset"])
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if digest != record["payload_digest"]:
        raise OpenbookError(
            f"{record['file']} holds another page at offset {record['offset']:,} than the corpus was made from "
            f"({digest}, not {record['payload_digest']}). Put the file back, or build the sources again."
        )
    head = f"--- {record['file']}, offset {record['offset']:,}: the record as it stands there"
    return (
        f"{head}\n{body.decode('utf-8', 'replace').strip()}\n\n--- its text as training saw it\n{row['text'].strip()}"
    )


def describe(place: Place) -> str:
    """A place in a few lines."""
    head = f"step {place.step}, row {place.row}, tokens {place.start} to {place.end - 1} (epoch {place.epoch})"
    head += "" if place.trained else ": this step changed no weight"
    if place.document.startswith(CANARY):
        return f"{head}\n  {place.document}: random tokens put there to measure memorization, from no document"
    package = f"{place.package} {place.version or ''}".strip() if place.package else "not recorded"
    lines = {
        "document": place.document,
        "title": place.title or "not recorded",
        "language": place.language,
        "URL": place.url,
        "source": f"{place.source}, package {package}",
        "license": f"{place.license or 'not recorded'} ({place.license_evidence or 'not recorded'})",
        "rights": place.rights + (f", reserved by {', '.join(place.reservations)}" if place.reservations else ""),
        "record": f"{place.file}, offset {place.offset:,}, {place.length:,} bytes, {place.date or 'not dated'}",
    }
    return "\n".join([head, *(f"  {name:<10}{value}" for name, value in lines.items())])


def order_of(run_folder: Path) -> Order:
    """The order in which a run's model was trained."""
    record = read_record(run_folder / "model")
    tokens = TokenizedCorpus.open(run_folder / "tokens")
    return _order(json.dumps(record.settings["train"]), tokens.folder, read_record(tokens.folder).root)


@lru_cache(maxsize=4)
def _order(settings: str, tokens: Path, root: str) -> Order:
    """`root` says which version of the tokens lies in the folder."""
    return Order.of(TokenizedCorpus.open(tokens), TrainSettings.model_validate_json(settings))


def _place(
    found: Mapping[str, Any],
    files: Mapping[str, SourceFile],
    step: int,
    row: int,
    span: tuple[int, int],
    epoch: int,
    trained: bool,
) -> Place:
    record = found["record"]
    file = files.get(record["file"])
    return Place(
        step=step,
        row=row,
        start=span[0],
        end=span[1],
        epoch=epoch,
        document=found["id"],
        language=found["language"],
        title=found.get("title") or None,
        url=found["url"],
        source=found["source"],
        package=file.package if file else None,
        version=file.version if file else None,
        license=found["license"],
        license_evidence=found["license_evidence"],
        reservations=tuple(found["reservations"] or ()),
        rights=found["rights"],
        file=record["file"],
        offset=record["offset"],
        length=record["length"],
        record_id=record["warc_record_id"],
        date=record["date"],
        payload_digest=record["payload_digest"],
        trained=trained,
    )


def _canary(name: str, language: str, step: int, row: int, span: tuple[int, int], epoch: int, trained: bool) -> Place:
    """Tokens that come from no page."""
    return Place(
        step=step,
        row=row,
        start=span[0],
        end=span[1],
        epoch=epoch,
        document=name,
        language=language,
        title=None,
        url="",
        source="",
        package=None,
        version=None,
        license=None,
        license_evidence=None,
        reservations=(),
        rights="",
        file="",
        offset=0,
        length=0,
        record_id="",
        date="",
        payload_digest="",
        trained=trained,
    )
