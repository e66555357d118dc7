"""The exposure certificate: how much of a removed text a model was trained on, in which steps, until when not at all.

Nothing is estimated: the order of the data is computed from the run's settings (`openbook.trace.lineage`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openbook.books.record import FILE_NAME, read_record
from openbook.corpus.find import Found
from openbook.errors import OpenbookError

FORMAT = 1
RESUMING = ("training/optimizer.safetensors", "training/state.json")
"""Files of a checkpoint that training can go on from."""


def exposure(run: Path, pages: Sequence[Found], asked: set[str]) -> dict[str, Any]:
    """The certificate's content, for pages of the run's corpus. `asked`: ids that were asked for; the others are
    duplicates. Raises OpenbookError when the model was made from another corpus than is there now."""
    kept = [page for page in pages if page.kept]
    documents = _documents(run, kept, asked)
    steps = sorted({step for one in documents for step in one["steps"]})
    first = steps[0] if steps else None
    return {
        "statement": "openbook exposure certificate",
        "format": FORMAT,
        "run": run.resolve().name,
        "roots": {name: read_record(run / name).root for name in _made(run)},
        "summary": {
            "documents": len(documents),
            "tokens": sum(one["tokens"] or 0 for one in documents),
            "seen": sum(len(one["places"]) for one in documents),
            "tokens_read": sum(one["tokens_read"] for one in documents),
            "steps": steps,
            "held_out": sum(one["split"] == "held-out" for one in documents),
        },
        "documents": documents,
        "dropped": [
            {
                "id": page.id,
                "url": page.url,
                "rejected_by": page.rejected_by,
                "duplicate_of": page.duplicate_of,
                "similarity": page.similarity,
            }
            for page in sorted((page for page in pages if not page.kept), key=lambda page: page.id)
        ],
        "checkpoints": _checkpoints(run, first),
        "tokenizer": {"counted": any(one["split"] == "train" for one in documents) and "tokenizer" in _made(run)},
        "releases": _releases(run, [page.id for page in kept]),
    }


def _made(run: Path) -> list[str]:
    """Steps whose artifacts are there, of those that a removal concerns."""
    return [step for step in ("corpus", "tokenizer", "tokens", "model") if (run / step / FILE_NAME).is_file()]


def _documents(run: Path, kept: Sequence[Found], asked: set[str]) -> list[dict[str, Any]]:
    made = _made(run)
    tokenized = None
    if "tokens" in made:
        if read_record(run / "tokens").inputs.get("corpus") != read_record(run / "corpus").root:
            raise OpenbookError(
                f"{run} holds a model of another version of its corpus than is there now, so nobody can say what it "
                "has seen. Finish the run (openbook run), then ask again; earlier certificates stay true."
            )
        from openbook.tokenizer import TokenizedCorpus

        tokenized = TokenizedCorpus.open(run / "tokens")
    documents = []
    for page in sorted(kept, key=lambda page: page.id):
        span = tokenized.span(page.language, page.id, _split(page)) if tokenized else None
        places: list[tuple[int, int, int, int]] = []
        if "model" in made and page.split == "train":
            from openbook.trace.lineage import seen

            places = seen(run, page.id)
        documents.append(
            {
                "id": page.id,
                "url": page.url,
                "language": page.language,
                "split": page.split,
                "rights": page.rights,
                "asked": page.id in asked,
                "tokens": span[1] - span[0] if span else None,
                "tokens_read": sum(end - start for _, _, start, end in places),
                "steps": sorted({step for step, _, _, _ in places}),
                "places": [list(one) for one in places],
            }
        )
    return documents


def _split(page: Found) -> Any:
    return page.split or "train"


def _checkpoints(run: Path, first: int | None) -> dict[str, Any] | None:
    """Which published checkpoints have seen it; a checkpoint after N steps holds the steps 0 to N - 1."""
    if "model" not in _made(run):
        return None
    from openbook.model import FinalModel

    rows = []
    for folder in FinalModel.open(run / "model").checkpoints:
        step = int(folder.name.removeprefix("step-"))
        can_resume = all((folder / name).is_file() for name in RESUMING)
        rows.append({"step": step, "seen": first is not None and first < step, "can_resume": can_resume})
    clean = [row["step"] for row in rows if not row["seen"]]
    resume = [row["step"] for row in rows if not row["seen"] and row["can_resume"]]
    return {"published": rows, "last_clean": max(clean, default=0), "resume_from": max(resume, default=0)}


def last_clean(run: Path, ids: Sequence[str]) -> int:
    """Steps of the last checkpoint that had seen none of the documents and that training can go on from; 0: the seed.

    Read off the run's own order of the data: what a corpus that was rebuilt since holds makes no difference.
    """
    from openbook.tokenizer import TokenizedCorpus
    from openbook.trace.lineage import order_of

    tokens, order = TokenizedCorpus.open(run / "tokens"), order_of(run)
    spans = [(code, tokens.span(code, id)) for code in tokens.languages for id in ids]
    first = min((one.step for code, span in spans if span for one in order.seen(code, *span)), default=None)
    found = _checkpoints(run, first)
    if found is None:
        raise OpenbookError(f"{run} has no model to go on from: run its recipe.")
    return int(found["resume_from"])


def _releases(run: Path, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The run's release, and which of the documents its list names."""
    from openbook.release import manifest as manifests
    from openbook.trace.standing import IDS, listed

    folder = run / "release"
    if not (folder / manifests.FILE_NAME).is_file():
        return []
    names = folder / IDS
    root = manifests.read(folder).root
    return [{"root": root, "documents": [id for id in ids if names.is_file() and listed(names, id)]}]


def sentence(certificate: Mapping[str, Any]) -> str:
    """What the certificate says, in one sentence."""
    told = certificate["summary"]
    what = "1 document" if told["documents"] == 1 else f"{told['documents']:,} documents"
    if certificate["checkpoints"] is None:
        return f"{what} in the corpus; no model has been trained on it in this run."
    if not told["seen"]:
        return f"{what} in the corpus; no training step has read it."
    times = "once" if told["seen"] == 1 else f"{told['seen']:,} times"
    word = "step" if len(told["steps"]) == 1 else "steps"
    clean = certificate["checkpoints"]["last_clean"]
    until = f"the checkpoint after step {clean} had not seen it" if clean else "every checkpoint has seen it"
    return f"{what}, seen {times}, {word} {_numbers(told['steps'])}; {told['tokens_read']:,} tokens read; {until}."


def _numbers(steps: Sequence[int]) -> str:
    shown = ", ".join(map(str, steps[:12]))
    return shown if len(steps) <= 12 else f"{shown} … {steps[-1]} ({len(steps):,} in all)"


def markdown(certificate: Mapping[str, Any], removal: Mapping[str, Any]) -> str:
    """The certificate for people to read."""
    asked = removal["asked"]
    roots = certificate["roots"]
    lines = [
        f"# Exposure certificate {removal['number']:04d} of {certificate['run']}",
        "",
        sentence(certificate),
        "",
        f"- Asked: {asked['kind']} {asked.get('value') or asked.get('site') or 'sha256 ' + asked['sha256']}",
        f"- Reason: {removal['reason']}",
        f"- By: {removal['by'] or 'not recorded'}; date: {removal['date']}",
        f"- Duplicates: {'kept, as asked' if removal['keep_duplicates'] else 'removed too'}",
        *(f"- Root of {name}: `{root}`" for name, root in roots.items()),
        "",
        "| document | address | tokens | seen | steps | found as |",
        "|---|---|---:|---:|---|---|",
    ]
    for one in certificate["documents"]:
        steps = "held out of training" if one["split"] == "held-out" else _numbers(one["steps"]) or "none"
        cells = (f"`{one['id'][:16]}`", _cell(one["url"]), one["tokens"] or "–", len(one["places"]), steps)
        lines.append(f"| {' | '.join(map(str, cells))} | {'asked' if one['asked'] else 'duplicate'} |")
    if certificate["dropped"]:
        lines += ["", "Pages that were never trained on, and stay away:", ""]
        lines += [f"- `{one['id'][:16]}` {_cell(one['url'])}: {one['rejected_by']}" for one in certificate["dropped"]]
    checkpoints = certificate["checkpoints"]
    if checkpoints:
        lines += ["", "| checkpoint after step | has seen it | training can go on from it |", "|---:|---|---|"]
        for row in checkpoints["published"]:
            lines.append(f"| {row['step']} | {_yes(row['seen'])} | {_yes(row['can_resume'])} |")
        lines += ["", f"Training without it can begin at step {checkpoints['resume_from']}."]
    if certificate["tokenizer"]["counted"]:
        lines += ["", "The tokenizer's vocabulary was counted over a corpus that holds these documents."]
    for one in certificate["releases"]:
        lines += ["", f"The release with the root `{one['root']}` lists {len(one['documents'])} of the documents."]
    return "\n".join(lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _cell(text: str) -> str:
    return text.replace("|", "%7C").replace("\n", " ")[:120]
