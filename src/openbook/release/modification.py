"""What a tuning changed, as documents: the modification, its data, its share of the base's compute, languages lost.

Who changes a model reports the change and not the model; its base's own documents hold for the rest.
"""

import json
from pathlib import Path
from typing import Any

from openbook.books.store import write_bytes
from openbook.languages import LANGUAGES as KNOWN
from openbook.release.documents import companions, render
from openbook.release.documents.layout import MODIFICATION
from openbook.release.documents.texts import LANGUAGES
from openbook.release.fact import Books, Fact, Table, anchor, sentence
from openbook.release.facts import Facts

TUNING, FORGETTING = "tuning.json", "forgetting.json"
NOT_RECORDED = "not recorded"
ADAPTERS = {"lora": "LoRA", "qlora": "QLoRA", "dora": "DoRA"}
VERDICTS = {"worse": "verdict_worse", "better": "verdict_better"}


def write(tuned: Path) -> None:
    """Derive the documents from a tuned model's tuning.json and forgetting.json: a page in each language, one tree
    with the places in the records, and the card that model hubs read."""
    facts = gather(Books(tuned))
    for language in LANGUAGES:
        place = tuned / "documents" / language
        write_bytes(place / f"{MODIFICATION}.html", render.html(MODIFICATION, facts, language).encode())
        write_bytes(place / f"{MODIFICATION}.md", render.markdown(MODIFICATION, facts, language).encode())
    tree = render.tree(MODIFICATION, facts)
    text = json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False)
    write_bytes(tuned / "documents" / f"{MODIFICATION}.json", text.encode() + b"\n")
    write_bytes(tuned / "README.md", companions.tuned_readme(facts).encode())


def gather(books: Books) -> Facts:
    facts = {key: _said(books, key) for key in ("name", "description", "provider", "license")}
    facts |= {f"base_{key}": _said(books, "base", key) for key in ("name", "digest", "license", "link")}
    facts["tuning_method"] = _coded(books, "kind", "method_{}")
    facts["tuning_adapter"] = _adapter(books)
    facts["modification_limits"] = Fact(text="modification_limits")
    facts |= {f"data_{key}": _said(books, "data", key) for key in ("description", "license", "examples", "tokens")}
    facts["data_learned"] = _said(books, "data", "learned_tokens")
    rows = books.get(TUNING, "data", "files") or []
    files = tuple(
        tuple(books.fact(TUNING, "data", "files", at, key) for key in ("sha256", "bytes")) for at in range(len(rows))
    )
    facts |= _compute(books)
    facts |= _languages(books)
    return Facts(facts, {"data_files": Table(("sha256", "bytes"), files), "language_changes": _changes(books)})


def _said(books: Books, *where: str) -> Fact:
    """What tuning.json says there; what it calls not recorded is a fact that is not."""
    found = books.fact(TUNING, *where)
    return Fact() if found.value == NOT_RECORDED else found


def _coded(books: Books, key: str, text: str) -> Fact:
    """A word of the recipe as the sentence that the documents have for it."""
    found = books.fact(TUNING, "method", key)
    return Fact(anchors=found.anchors, text=text.format(found.value)) if found.recorded else found


def _adapter(books: Books) -> Fact:
    if books.get(TUNING, "method", "adapter") == "none":
        return _coded(books, "adapter", "adapter_{}")
    kind, rank = (books.fact(TUNING, "method", key) for key in ("adapter", "rank"))
    own = Fact(ADAPTERS.get(str(kind.value)), kind.anchors)
    return sentence("adapter_low_rank", adapter=own, rank=rank)


def _compute(books: Books) -> dict[str, Fact]:
    """The third of the base's training compute from which who modifies becomes the provider."""
    told = {key: _said(books, "compute", key) for key in ("flops", "tokens", "base_flops", "share")}
    known = books.get(TUNING, "compute", "over_threshold")
    if isinstance(known, bool):
        threshold = sentence("threshold_over" if known else "threshold_under", share=told["share"])
    else:
        over = books.get(TUNING, "compute", "over_third_of_general_purpose")
        threshold = sentence("threshold_unknown_over" if over else "threshold_unknown_under", flops=told["flops"])
    return {
        "own_flops": told["flops"], "own_tokens": told["tokens"], "base_flops": told["base_flops"],
        "compute_share": told["share"], "compute_threshold": threshold,
    }  # fmt: skip


def _languages(books: Books) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for key in ("lost", "gained", "unsure"):
        codes = books.get(FORGETTING, key)
        where = (anchor(FORGETTING, key),)
        if not isinstance(codes, list):
            found[key] = Fact()
        else:
            named = tuple(_name(code) for code in codes)
            found[key] = Fact(named, where, "the languages' names") if named else Fact(anchors=where, text="none")
    found["measured_on"] = books.fact(FORGETTING, "source")
    interval = books.fact(FORGETTING, "interval")
    measured = interval.recorded and interval.value != NOT_RECORDED
    found["interval"] = Fact(anchors=interval.anchors, text="interval_paired") if measured else Fact()
    return found


def _changes(books: Books) -> Table:
    """Bits per byte of each language before and after; the languages that lost most first."""
    rows: dict[str, Any] = books.get(FORGETTING, "changes") or {}
    order = sorted(rows, key=lambda code: (-rows[code]["change"], code))
    found = []
    for code in order:
        verdict = books.fact(FORGETTING, "changes", code, "verdict")
        cells = [books.fact(FORGETTING, "changes", code, key) for key in ("before", "after", "change", "low", "high")]
        said = Fact(anchors=verdict.anchors, text=VERDICTS.get(str(verdict.value), "verdict_same"))
        found.append((Fact(_name(code)), *cells, said))
    return Table(("language", "before", "after", "change", "low", "high", "verdict"), tuple(found))


def _name(code: str) -> str:
    return f"{KNOWN[code].own_name} ({code})" if code in KNOWN else code
