"""The verifier that every release carries: one file for Python alone, put together from the modules that check here."""

import ast
import importlib
import inspect
from pathlib import Path

from openbook.books.store import write_bytes

FILE_NAME = "verify_release.py"
PARTS = (
    "openbook.errors",
    "openbook.books.digest",
    "openbook.books.merkle",
    "openbook.books.signature",
    "openbook.books.note",
    "openbook.books.tree",
    "openbook.books.presence",
    "openbook.books.tiles",
    "openbook.release.standalone.bundle_signature",
    "openbook.release.standalone.listing",
    "openbook.release.standalone.chain",
    "openbook.release.standalone.lists",
    "openbook.release.standalone.checks",
    "openbook.release.standalone.command",
)
"""In this order: each uses only those before it, and the standard library."""
HEAD = '''#!/usr/bin/env python3
"""Checks a release of Openbook, offline: python3 verify_release.py [FOLDER] [--key KEY.pem]. Needs Python 3.11 alone.

This file lies in the release that it checks, so whoever changed the release may have changed it, too. Take it from
Openbook itself (src/openbook/release/standalone), or compare its SHA-256 with that of another release.
SPDX-License-Identifier: Apache-2.0
"""
'''


def verifier_source() -> str:
    """The one file: the parts without what they import from each other."""
    whole: set[str] = set()
    from_modules: dict[str, set[str]] = {}
    bodies = []
    for part in PARTS:
        source = inspect.getsource(importlib.import_module(part))
        lines = source.splitlines()
        for node in reversed(ast.parse(source).body):
            if isinstance(node, ast.Import):
                whole.update(ast.unparse(ast.Import([one])) for one in node.names)
            elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith("openbook"):
                from_modules.setdefault(str(node.module), set()).update(one.name for one in node.names)
            if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
                del lines[node.lineno - 1 : node.end_lineno]
        bodies.append(f"# {part}\n\n" + "\n".join(lines).strip() + "\n")
    named = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(from_modules.items())]
    end = 'if __name__ == "__main__":\n    sys.exit(verify_main())\n'
    return "\n\n".join([HEAD + "\n" + "\n".join([*sorted(whole), *named]) + "\n", *bodies, end])


def _is_docstring(node: ast.stmt) -> bool:
    return node.lineno == 1 and isinstance(node, ast.Expr)


def write_verifier(release: Path) -> None:
    write_bytes(release / FILE_NAME, verifier_source().encode())
