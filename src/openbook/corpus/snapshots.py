"""What sites said of models at other times: policy files handed in beside the crawl, as folders or as WARC files.

In a folder the policy of a site lies under its host: `example.org/robots.txt`, `example.org/.well-known/tdmrep.json`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openbook.corpus import policies
from openbook.corpus.addresses import ascii_host
from openbook.corpus.policies import Answer
from openbook.corpus.sources.media import POLICY_FILES
from openbook.errors import OpenbookError

_WARC = (".warc", ".warc.gz", ".warc.zst")
MOST_BYTES = 16 << 20
"""Of a policy file in a folder; a longer one cannot be read."""


def files(paths: Sequence[str], base: Path) -> list[tuple[str, Path]]:
    """(name, file) of all policy files and WARC files. Raises OpenbookError for a path that holds none."""
    found: list[tuple[str, Path]] = []
    for one in paths:
        path = base / one
        if path.is_file() and path.name.endswith(_WARC):
            mine = [(path.name, path)]
        elif path.is_dir():
            inside = [(file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file()]
            mine = [(name, file) for name, file in inside if name.endswith(_WARC) or _site_and_path(name)]
        else:
            mine = []
        if not mine:
            raise OpenbookError(
                f"[corpus.rights] snapshots: {path} is no WARC file, and no folder with policy files such as "
                "example.org/robots.txt."
            )
        found += mine
    return found


def _site_and_path(name: str) -> tuple[str, str] | None:
    """`example.org/robots.txt` -> host, `/robots.txt`."""
    host, _, rest = name.partition("/")
    return (ascii_host(host), f"/{rest}") if f"/{rest}" in POLICY_FILES else None


@dataclass
class Snapshots:
    answers: list[Answer] = field(default_factory=list)
    files: int = 0
    damaged: dict[str, int] = field(default_factory=dict)
    """Name of a WARC file -> places in it that cannot be read; what lies between them was read."""


def read(paths: Sequence[str], base: Path) -> Snapshots:
    """What all of them answer. Raises OpenbookError for a file in which nothing can be read."""
    found = Snapshots()
    for name, path in files(paths, base):
        found.files += 1
        placed = _site_and_path(name)
        if placed:
            host, at = placed
            found.answers.append(Answer(f"https://{host}{at}", _text(path, at)))
        else:
            _read_warc(name, path, found)
    return found


def _text(path: Path, at: str) -> str | None:
    try:
        with path.open("rb") as file:
            body = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OpenbookError(
            f"[corpus.rights] snapshots: {path} cannot be read ({error.strerror}): mend it or take it out."
        ) from None
    return None if len(body) > MOST_BYTES else policies.text_of(body, at.endswith(".json"))


def _read_warc(name: str, path: Path, found: Snapshots) -> None:
    from openbook.corpus.sources import SourceFile
    from openbook.corpus.sources import read as read_pages

    problems: list[str] = []
    records, before = Counter[str](), len(found.answers)
    pages = 0
    try:
        for page in read_pages(SourceFile(name, "snapshots", "warc", "", path.stat().st_size), path, records):
            pages += 1
            if policies.is_answer(page):
                found.answers.append(Answer(page.url, policies.read(page), page.error))
            elif page.error and not page.url:
                problems.append(page.error)
    except OSError as error:
        problems.append(error.strerror or str(error))
    if problems:
        found.damaged[name] = len(problems)
    if len(found.answers) == before:
        why = f": {problems[0]}" if problems else f" among its {pages + records.total():,} records"
        raise OpenbookError(
            f"[corpus.rights] snapshots: {path} holds no policy file that can be read{why}. Mend it or take it out."
        )
