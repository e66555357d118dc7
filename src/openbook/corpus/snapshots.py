"""What sites said of models at other times: policy files handed in beside the crawl, as folders or as WARC files.

In a folder the policy of a site lies under its host: `example.org/robots.txt`, `example.org/.well-known/tdmrep.json`.
"""

from collections.abc import Sequence
from pathlib import Path

from openbook.corpus.addresses import ascii_host, site_of
from openbook.corpus.robots import PolicyFile, path_of
from openbook.corpus.sources.media import POLICY_FILES
from openbook.errors import OpenbookError

_WARC = (".warc", ".warc.gz", ".warc.zst")


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


def read(paths: Sequence[str], base: Path) -> dict[str, list[PolicyFile]]:
    """Host -> its policy files; a text that cannot be read is None."""
    from openbook.corpus.sources import SourceFile
    from openbook.corpus.sources import read as read_pages

    found: dict[str, list[PolicyFile]] = {}
    for name, path in files(paths, base):
        placed = _site_and_path(name)
        if placed:
            found.setdefault(placed[0], []).append((placed[1], path.read_bytes().decode("utf-8", "replace")))
            continue
        for page in read_pages(SourceFile(name, "snapshots", "warc", "", path.stat().st_size), path):
            if path_of(page.url) in POLICY_FILES:
                text = None if page.error else page.text or page.body.decode("utf-8", "replace")
                found.setdefault(site_of(page.url), []).append((path_of(page.url), text))
    return found
