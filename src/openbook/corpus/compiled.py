"""How the loops over text are compiled: numba, kept on disk, and compiled anew when any kernel they may hold changes.

numba alone looks at a function's own file, and would go on using old copies of the kernels and constants of others.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numba
from numba.core import environment
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

from openbook.corpus.absent import absent

_CONSTANTS = ("characters.py",)
"""Files without kernels whose constants are compiled into some."""


def sources(folder: Path) -> str:
    """Digest over the files of a folder that hold kernels, and those that their constants come from."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        content = path.read_bytes()
        if path.name in _CONSTANTS or b"openbook.corpus.compiled import" in content:
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


_SOURCES = sources(Path(__file__).parent)


class Cache(FunctionCache):
    """Kernels on disk, found by their own signature and by `sources`, the digest over all that they may hold."""

    def __init__(self, function: Any, sources: str) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._sources = sources

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), self._sources)  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled needs numba's run time alone. Its declarations of all that may be compiled, a third of a
        second of imports, are loaded only where something is, and without all of scipy.linalg, which it asks for BLAS:
        no kernel multiplies matrices. A function that does so makes numba ask again."""
        rtsys.initialize(target_context)
        with absent("scipy.linalg"):
            with self._guard_against_spurious_io_errors(), _environments():
                found = self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            if found is None:
                target_context.refresh()
        return found


@contextmanager
def _environments() -> Iterator[None]:
    """What is loaded names the modules of numba whose functions are compiled into it. Only code that goes back to the
    interpreter looks up globals there, and no kernel does: a quarter of a second of imports is left out."""
    rebuild: Any = environment._rebuild_env

    def known(module: str, constants: Any, name: str) -> Any:
        found = environment.lookup_environment(name)  # type: ignore[no-untyped-call]
        if found is None and module.startswith("numba.") and module not in sys.modules and not constants:
            found = environment.Environment({"__name__": module})
            found.env_name = name
            environment.Environment._memo[name] = found
        return rebuild(module, constants, name) if found is None else found

    environment._rebuild_env = known
    try:
        yield
    finally:
        environment._rebuild_env = rebuild


def kernel(function: Any = None, *, inline: bool = False) -> Any:
    """Decorator: compiled at first use, kept on disk, without the interpreter's lock."""
    if function is None:
        return partial(kernel, inline=inline)
    made: Any = numba.njit(nogil=True, inline="always" if inline else "never")(function)
    made._cache = Cache(function, _SOURCES)
    return made
