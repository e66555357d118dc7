"""The page of the books: what is on it, in which order."""

from collections.abc import Callable
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release.documents.texts import LANGUAGES
from openbook.release.page.chain import RELEASE, Chain, Node, pretty, read_chain
from openbook.release.page.documents import documents_of, links
from openbook.release.page.history import History, asked_of, read_history
from openbook.release.page.picture import TALL, WIDE, lay_out
from openbook.release.standalone.chain import check_chain
from openbook.release.standalone.checks import CHAIN, RECORDS
from openbook.release.verify import Verdict, verify
from openbook.report import Report, number

MOST_FILES = 2000
"""Of an artifact, that the page lists; its record lists all."""
MEANING = {
    "sources": "what was read: files, packages and crawls, each by its digest",
    "parallel": "the same text in every language, to measure by",
    "annotated": "every page with its text, language, license and measures",
    "corpus": "the documents that were kept, and why the others were not",
    "tokenizer": "the vocabulary, counted over the corpus",
    "tokens": "the corpus as the numbers that training reads",
    "model": "the weights, and the log of their training",
    "evaluation": "how well each language is modeled, with intervals",
    "export": "the model in the forms that other programs read",
    "release": "the folder that is handed on, with its manifest",
    "ladder": "small runs that foretell a larger one",
}


def write_page(
    folder: Path,
    out: Path,
    language: str = "en",
    log: Path | None = None,
    key: Path | None = None,
    seen: Callable[[int], None] | None = None,
) -> list[str]:
    """Write the page of a run's or a release's folder; returns what is wrong with its books, a sentence each.

    `seen` is told the bytes of each file that is checked; `key`: the signer's public key (PEM). Raises OpenbookError
    for a folder that is neither, and for a page inside of a release, where it would be a file that was added.
    """
    is_release = (folder / manifests.FILE_NAME).exists()
    place = folder if is_release else folder / RELEASE
    release = place if (place / manifests.FILE_NAME).exists() else None
    if release and out.resolve().is_relative_to(release.resolve()):
        raise OpenbookError(f"{out} is inside of {release}, where it would be a file that was added: choose another.")
    if language not in LANGUAGES:
        raise OpenbookError(f"there are no documents in {language!r}; there are {', '.join(LANGUAGES)}.")
    chain = read_chain(folder)
    checks = own_checks(chain)
    verdict: Verdict | None = None
    said = ""
    if release:
        try:
            verdict = verify(release, seen, key)
            checks += [(f"Release: {sentence[0].lower()}{sentence[1:]}", found) for sentence, found in verdict.checks]
            said = verdict.signed
        except OpenbookError as error:
            checks.append(("Release: the folder is one, and its manifest was not changed", (str(error),)))
    history = read_history(None if is_release else folder, release, log)
    problems = [problem for _, found in checks for problem in found] + list(history.problems)
    _page(folder, release, out, language, chain, checks, said, verdict, history, problems).write(out)
    return list(dict.fromkeys(problems))


def own_checks(chain: Chain) -> list[tuple[str, tuple[str, ...]]]:
    """What the records say of each other, whether or not there is a release."""
    records = {node.id: node.record.model_dump() for node in chain.nodes.values() if node.record and node.id != RELEASE}
    earlier = {one["root"]: one for name, one in records.items() if chain.nodes[name].kind == "earlier"}
    now = {name: one for name, one in records.items() if chain.nodes[name].kind == "step"}
    return [(RECORDS, tuple(chain.problems)), (CHAIN, tuple(check_chain(now, earlier)))]


def _page(
    folder: Path,
    release: Path | None,
    out: Path,
    language: str,
    chain: Chain,
    checks: list[tuple[str, tuple[str, ...]]],
    signed: str,
    verdict: Verdict | None,
    history: History,
    problems: list[str],
) -> Report:
    name = manifests.read(release).name if verdict and release else folder.resolve().name
    report = Report(
        f"The books of {name}",
        "What it was made from, step by step; what was said of it; what was taken out. Digests are SHA-256. "
        "The checks ran when this page was made; to run them yourself: openbook verify, or verify_release.py.",
    )
    report.styles.append("books.css")
    report.scripts.append("books.js")
    failed = sum(bool(found) for _, found in checks)
    steps = [node for node in chain.nodes.values() if node.record]
    report.figures(
        {
            "Checks that hold": f"{len(checks) - failed} of {len(checks)}",
            "Records": number(len(steps)),
            "Files of the release": number(verdict.files) if verdict else "no release",
            "Documents": number(verdict.documents) if verdict else _counted(chain),
            "Removals": number(len(history.removed)),
        }
    )
    report.section("The chain", "From the sources to the release. Choose a step to read its record.")
    picture = lay_out(chain)
    nodes = [_shown(node, chain) for node in chain.nodes.values()]
    report.add("chain.html.jinja", picture=picture, nodes=nodes, wide=WIDE, tall=TALL, meaning=MEANING)
    report.section("Checks", "Each line says what holds. What does not is named below its line.")
    report.add("checks.html.jinja", checks=checks, signed=signed)
    if release and (shown := documents_of(release, language, out)):
        report.section("Documents", "As they lie in the release. A figure's title says which record it came from.")
        report.add("documents.html.jinja", documents=shown, reports=links(release, out), language=language)
    report.section("Removals", "" if history.removed else "Nothing was taken out of this run, as far as its books say.")
    report.add("removals.html.jinja", history=history, asked_of=asked_of, problems=history.problems)
    report.lead += " Everything holds." if not problems else f" {len(set(problems))} things do not hold."
    return report


def _counted(chain: Chain) -> str:
    node = chain.nodes.get("corpus")
    return number(node.record.counts.get("documents")) if node and node.record else "–"


def _shown(node: Node, chain: Chain) -> dict[str, object]:
    record = node.record
    files = list(record.files.items()) if record else []
    return {
        "node": node,
        "meaning": MEANING.get(node.title.removesuffix(" before"), ""),
        "used": [one for one in chain.nodes.values() if any(link.source == node.id for link in one.links)],
        "settings": pretty(record.settings) if record and record.settings else "",
        "measures": pretty(record.measures) if record and record.measures else "",
        "libraries": _table(record.code.get("libraries")) if record else {},
        "git": _table(record.code.get("git")) if record else {},
        "counts": {key: number(value) if isinstance(value, int | float) else pretty(value)
                   for key, value in record.counts.items()} if record else {},
        "machine": {key: number(value) if isinstance(value, int) else ", ".join(map(str, value))
                    if isinstance(value, list) else value for key, value in record.machine.items()} if record else {},
        "seconds": f"{number(record.seconds)} s, {number(record.cpu_seconds)} s of processors" if record else "",
        "files": files[:MOST_FILES],
        "more": max(0, len(files) - MOST_FILES),
        "bytes": number(sum(entry.size for _, entry in files)),
    }  # fmt: skip


def _table(value: object) -> dict[str, object]:
    """What a record holds there, if it is a table: records of strangers may hold anything."""
    return value if isinstance(value, dict) else {}
