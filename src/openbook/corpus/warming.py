"""Compiling the kernels once: on a fresh machine the first worker does it while the others wait for it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import openbook.corpus
from openbook import __version__
from openbook.books.digest import canonical_json, sha256_bytes
from openbook.corpus import mapped

SAMPLE = b"""<!doctype html><html lang="en"><head><title>Kernels</title></head><body><main><h1>Kernels</h1>
<p>The first page that a machine sees takes half a minute, because <a href="/k">kernels</a> are compiled for it.</p>
<ul><li>one list</li><li>another one</li></ul><table><tr><td>a table</td><td>of two cells</td></tr></table>
<p>The second one takes some milliseconds, and it is the same for all that come after it on this machine.</p></main>
</body></html>"""


def compile_kernels() -> None:
    """One page through all that a page passes. Loads what was compiled before."""
    from openbook.corpus.annotation import annotate_page
    from openbook.corpus.settings import AnnotateSettings
    from openbook.corpus.sources import RawPage, SourceFile

    page = RawPage("", 0, 0, "", "", "", "", "text/html", "utf-8", (), SAMPLE, None, None, None)
    annotate_page(page, SourceFile("", "", "warc", "", 0), AnnotateSettings())


def compile_apart() -> None:
    """In a process of its own, which takes the compiler and what it holds with it: a worker that compiled has taken
    680 MB and keeps most of it. What goes wrong there is done here, and told as ever."""
    command = [sys.executable, "-c", f"from {__name__} import compile_kernels; compile_kernels()"]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if subprocess.run(command, env=surroundings, capture_output=True, check=False).returncode:
        compile_kernels()


def warm_up(cache: Path, work: Callable[[], None] = compile_apart) -> None:
    """Do the work unless a mark in the cache folder says that it was done for this code; only one process at a time.

    Tables are kept in the same folder from then on."""
    mapped.keep_in(cache)
    mark = cache / f"kernels-{_code_digest()[:16]}"
    if mark.exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".kernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            work()
            mark.touch()


def prepare(cache: Path, which: str) -> None:
    """Load what annotating needs: kernels, tables, the identifier."""
    from openbook.corpus.identify import identifier

    warm_up(cache)
    identifier(which)
    compile_kernels()


@cache
def _code_digest() -> str:
    """Over what numba's own cache asks for: its version and when the modules were written."""
    room = Path(openbook.corpus.__file__).parent
    stamps = [[path.name, path.stat().st_mtime_ns, path.stat().st_size] for path in sorted(room.rglob("*.py"))]
    return sha256_bytes(canonical_json([__version__, version("numba"), stamps]))
