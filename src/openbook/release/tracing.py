"""A traced text with all that a run says of the documents: removal asked for or not, released or not, and the proof."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.corpus.optouts import OptOuts
from openbook.errors import OpenbookError
from openbook.release.receipt import make_receipt
from openbook.release.removal import FOLDER, optouts
from openbook.trace.index import TraceIndex
from openbook.trace.lookup import DOCUMENTS, trace
from openbook.trace.reading import Reading
from openbook.trace.spans import LEAST_WORDS
from openbook.trace.standing import IDS, listed


@dataclass
class Tracer:
    """An index, and the run that it lies in if it still lies in one: without it, what only a run knows is left null."""

    index: TraceIndex
    run: Path | None
    reading: Reading | None
    _removals: tuple[object, OptOuts] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: Path) -> "Tracer":
        """`folder`: a run, or its trace folder. Raises OpenbookError when it holds no index."""
        index = TraceIndex.open(folder)
        return cls(index, index.run, Reading.of(index.run))

    def trace(
        self,
        text: str,
        least: int = LEAST_WORDS,
        most: int | None = None,
        documents: int = DOCUMENTS,
        proof: bool = False,
    ) -> dict[str, Any]:
        """What stands word for word in the training data, as JSON values; docs/trace.md names the fields.

        Raises OpenbookError when a proof is asked for and there is no release to prove it by.
        """
        if proof and not self._released:
            raise OpenbookError("an inclusion proof needs the run's release: there is none beside this index.")
        spans = trace(self.index, text, least, most, documents, self.reading.steps if self.reading else None)
        told = [span.as_dict() for span in spans]
        for span in told:
            span["documents"] = [self._standing(one, proof) for one in span["documents"]]
        facts = self.index.facts
        return {
            "spans": told,
            "index": {name: facts[name] for name in ("corpus_root", "documents", "words", "tokens")},
        }

    def _standing(self, document: dict[str, Any], proof: bool) -> dict[str, Any]:
        id = document["id"]
        removal = None
        if self.run is not None:
            rule = self._optouts().reason(id, document["url"] or "")
            removal = rule.replace("optout:", "asked by ") if rule else "none"
        released = listed(self.run / "release" / IDS, id) if self.run and self._released else None
        told = document | {"removal": removal, "released": released}
        return told | {"receipt": make_receipt(self.run, "documents", id).decode()} if proof and self.run else told

    @property
    def _released(self) -> bool:
        return self.run is not None and (self.run / "release" / IDS).is_file()

    def _optouts(self) -> OptOuts:
        """What the books of removals leave out now; read again when an entry was added."""
        assert self.run is not None
        state = sorted(path.name for path in (self.run / FOLDER).glob("*.json"))
        if self._removals is None or self._removals[0] != state:
            self._removals = (state, OptOuts(optouts(self.run)))
        return self._removals[1]


def describe(told: dict[str, Any], text: str) -> str:
    """A traced text in a few lines for each span."""
    lines = []
    covered = [False] * len(text)
    for span in told["spans"]:
        covered[span["start"] : span["end"]] = [True] * (span["end"] - span["start"])
        times = "once" if span["occurrences"] == 1 else f"{span['occurrences']:,} times"
        lines.append(f"“{' '.join(span['text'].split())}”")
        lines.append(f"  {span['words']} words, found {times} in the training text")
        for one in span["documents"]:
            lines += _document(one)
    count = len(told["spans"])
    share = sum(covered) / len(text) if text else 0.0
    spans = "no span" if not count else "1 span" if count == 1 else f"{count} spans"
    index = told["index"]
    size = f"{index['documents']:,} documents of {index['words']:,} words"
    lines.append(f"{spans} found in {size}; {share:.0%} of the text")
    return "\n".join(lines)


def _document(one: dict[str, Any]) -> list[str]:
    reserved = f", reserved by {', '.join(one['reservations'])}" if one["reservations"] else ""
    told = {
        "document": one["id"],
        "title": one["title"],
        "URL": one["url"],
        "license": one["license"] and f"{one['license']} ({one['license_evidence'] or 'not recorded'})",
        "rights": one["rights"] + reserved,
        "removal": one["removal"] if one["removal"] != "none" else None,
        "steps": _steps(one["steps"]),
        "release": {None: None, True: "in its list of documents", False: "not in it"}[one["released"]],
    }
    if one["before"] is not None:
        told["stands in"] = f"…{one['before'][-40:]}[…]{one['after'][:40]}…"
    return [f"    {name:<10}{value}" for name, value in told.items() if value]


def _steps(steps: list[int] | None) -> str | None:
    if steps is None:
        return None
    if not steps:
        return "no step has read it"
    return ", ".join(map(str, steps[:8])) + (f" … {steps[-1]} ({len(steps)} in all)" if len(steps) > 8 else "")
