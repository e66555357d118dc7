"""How the loops over text are compiled: numba, kept on disk, and compiled anew when any kernel they may hold changes.

numba alone looks at a function's own file, and would go on using old copies of the kernels and constants of others.
"""

import hashlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache


def _leave_out_scipy() -> None:
    """numba asks for BLAS by importing all of scipy.linalg, half a second a process. No kernel multiplies matrices.

    A function that does so makes numba ask again.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    from numba.np import linalg

    def absent() -> None:
        raise ImportError

    asked, linalg.ensure_blas = linalg.ensure_blas, absent
    try:
        from numba.np import arraymath

        arraymath.ensure_blas = asked  # type: ignore[attr-defined]
    finally:
        linalg.ensure_blas = asked


_leave_out_scipy()

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


class _Cache(FunctionCache):
    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _SOURCES)  # type: ignore[no-untyped-call]


def kernel(function: Any = None, *, inline: bool = False) -> Any:
    """Decorator: compiled at first use, kept on disk, without the interpreter's lock."""
    if function is None:
        return partial(kernel, inline=inline)
    made: Any = numba.njit(nogil=True, inline="always" if inline else "never")(function)
    made._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return made
