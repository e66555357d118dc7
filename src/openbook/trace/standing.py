"""Where a document of a corpus went from there: into which training steps, and into which release."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openbook.books.record import FILE_NAME
from openbook.corpus.find import Found

IDS = "corpus/document-ids.txt"
_LINE = 65
"""64 hex digits and a line feed."""


@dataclass(frozen=True)
class Standing:
    trained: bool
    """Whether the run has a trained model."""
    steps: tuple[int, ...]
    """Training steps that held tokens of the document, ascending, each once."""
    places: int
    """Rows that did."""
    released: bool | None
    """Whether the release's list names it; None where the run has no release."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def standing(run_folder: Path, documents: Sequence[tuple[str, str | None]]) -> list[Standing]:
    """`documents`: id and split (None for one that was not kept). What is not kept stands nowhere."""
    trained = all((run_folder / step / FILE_NAME).is_file() for step in ("model", "tokens"))
    ids = run_folder / "release" / IDS
    found = []
    for id, split in documents:
        sightings: list[tuple[int, int, int, int]] = []
        if trained and split == "train":
            from openbook.trace.lineage import seen  # loads much: only where there is a model to ask

            sightings = seen(run_folder, id)
        steps = tuple(sorted({one[0] for one in sightings}))
        released = listed(ids, id) if ids.is_file() else None
        found.append(Standing(trained, steps, len({one[:2] for one in sightings}), released))
    return found


def listed(path: Path, id: str) -> bool:
    """Whether a release's sorted list of ids holds this one; reads a few lines of it."""
    low, high = 0, path.stat().st_size // _LINE
    with path.open("rb") as file:
        while low < high:
            middle = (low + high) // 2
            file.seek(middle * _LINE)
            line = file.read(_LINE).strip().decode()
            if line == id:
                return True
            low, high = (middle + 1, high) if line < id else (low, middle)
    return False


def describe(page: Found, place: Standing) -> str:
    """A page that was found in a few lines: what became of it, why, where its bytes are, where it went."""
    lines = {
        "became": _became(page),
        "title": page.title or "",
        "URL": page.url,
        "language": page.language + (f", score {page.language_score:.2f}" if page.language_score is not None else ""),
        "duplicates": _original(page),
        "license": f"{page.license or 'not found'} ({page.license_evidence or 'nothing says so'})",
        "rights": (page.rights or "not decided") + _reserved(page),
        "record": f"{page.record['file']}, offset {page.record['offset']:,}, {page.record['length']:,} bytes",
        "stands in": page.stored,
        "training": _training(page, place),
        "release": "" if place.released is None else "in its list of documents" if place.released else "not in it",
        "quote": "" if page.share is None else _agreement(page.share),
    }
    told = [f"  {name:<11}{value}" for name, value in lines.items() if value]
    return "\n".join([f"document {page.id}", *told])


def _became(page: Found) -> str:
    if page.rejected_by is None:
        return "kept" + (", held out of training" if page.split == "held-out" else "")
    why = f"dropped by {page.rejected_by}"
    if page.measure is not None:
        why += f", which measured {page.measure:.4g}"
    return why + (f" ({page.detail})" if page.detail else "")


def _original(page: Found) -> str:
    if not page.duplicate_of:
        return ""
    alike = "" if page.similarity is None else f", similarity {page.similarity:.2f}"
    return f"{page.duplicate_of} ({page.duplicate_url or 'no address'}{alike})"


def _reserved(page: Found) -> str:
    return f", reserved by {', '.join(page.reservations)}" if page.reservations else ""


def _agreement(share: float) -> str:
    return "stands there in these words" if share == 1 else f"{share:.0%} of its fingerprints are there"


def _training(page: Found, place: Standing) -> str:
    if not place.trained or page.split != "train":
        return ""
    if not place.steps:
        return "no step has read it"
    steps = place.steps
    shown = ", ".join(map(str, steps)) if len(steps) <= 8 else f"{steps[0]}, {steps[1]}, {steps[2]} … {steps[-1]}"
    rows = "1 row" if place.places == 1 else f"{place.places:,} rows"
    return f"seen in {rows} of {'step' if len(steps) == 1 else 'steps'} {shown}"
