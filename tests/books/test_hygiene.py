"""Nothing in the program runs what it reads: no pickle, no eval, no shell; looked for in the syntax tree."""

import ast
from pathlib import Path

import pytest

import openbook

SOURCES = sorted(Path(openbook.__file__).parent.rglob("*.py"))
MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib", "cloudpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("yaml", "load"), ("os", "system"), ("os", "popen")}
PICKLES = {"compute/parcel.py"}
"""Carries functions to the same user's jobs on other machines and their results back, as Ray and submitit do."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_module_runs_what_it_reads(path: Path) -> None:
    place = path.relative_to(Path(openbook.__file__).parent).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom) and place not in PICKLES:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            assert not {name.split(".")[0] for name in names} & MODULES, where
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in CALLS, where
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            loads_arrays = owner in {"np", "numpy"} and node.func.attr == "load"
            if loads_arrays:
                keywords = {one.arg: one.value for one in node.keywords}
                allowed = keywords.get("allow_pickle")
                assert allowed is None or (isinstance(allowed, ast.Constant) and allowed.value is False), where
            else:
                assert (owner, node.func.attr) not in METHODS, where
            for one in node.keywords:
                assert not (one.arg == "shell" and isinstance(one.value, ast.Constant) and one.value.value), where


TESTS = sorted(Path(__file__).parents[1].rglob("*.py"))


def test_what_tests_compress_does_not_hold_the_second_in_which_it_was_made() -> None:
    """Two test processes that collect in different seconds would not find the same tests, and none would be run."""
    found = 0
    for path in TESTS:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = [node for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node) == "gzip.compress"]
        calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
        calls = [node for node in calls if "gzip.compress" in (ast.unparse(node.func), ast.unparse(node.args[0]))]
        stamped = [node for node in calls if "mtime" in [one.arg for one in node.keywords]]
        assert len(stamped) == len(named), path
        found += len(named)
    assert found > 20


def test_the_search_finds_what_it_looks_for() -> None:
    bad = ast.parse("eval('1')").body[0]
    assert isinstance(bad, ast.Expr)
    assert isinstance(bad.value, ast.Call)
    assert isinstance(bad.value.func, ast.Name)
    assert bad.value.func.id in CALLS
    assert len(SOURCES) > 200
