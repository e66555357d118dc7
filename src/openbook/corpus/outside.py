"""Which files from outside of the run decide over its pages, besides those of the sources: policies, blocklists.

Their digests are part of the corpus step's identity: a list that changed makes it run again.
"""

from pathlib import Path

from openbook.books.digest import sha256_bytes, sha256_file
from openbook.corpus import blocklists, snapshots
from openbook.corpus.settings import CorpusSettings


def blocklist_digest(settings: CorpusSettings, base: Path) -> str:
    """Over the category, name and content of every list file; empty where there is no list."""
    rows = [
        f"{one.category} {one.path.name} {sha256_file(one.path)}" for one in blocklists.files(settings.blocklists, base)
    ]
    return sha256_bytes("\n".join(rows).encode()) if rows else ""


def snapshot_digest(settings: CorpusSettings, base: Path) -> str:
    """Over the place and content of every file of the snapshots; empty where there is none."""
    rows = [f"{name} {sha256_file(path)}" for name, path in snapshots.files(settings.rights.snapshots, base)]
    return sha256_bytes("\n".join(rows).encode()) if rows else ""


def evidence(settings: CorpusSettings, base: Path) -> dict[str, str]:
    """What a record notes under `inputs`."""
    digests = {"blocklists": blocklist_digest(settings, base), "policy snapshots": snapshot_digest(settings, base)}
    return {name: digest for name, digest in digests.items() if digest}


def local_files(settings: CorpusSettings, base: Path) -> list[Path]:
    """The blocklists and snapshots of rights that the settings name. Raises OpenbookError for one that is not there."""
    return [
        *(one.path for one in blocklists.files(settings.blocklists, base)),
        *(path for _, path in snapshots.files(settings.rights.snapshots, base)),
    ]
