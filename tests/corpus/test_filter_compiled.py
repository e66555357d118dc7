"""An edit in any file of kernels makes all of them be compiled anew, whichever of them hold copies of its code."""

import re
from pathlib import Path

import openbook.corpus
from openbook.corpus import compiled, kernel, statistics

FOLDER = Path(openbook.corpus.__file__).parent


def test_the_key_changes_with_files_of_kernels_and_their_constants_alone(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = compiled.sources(tmp_path)
    assert before == compiled.sources(FOLDER)
    for name, same in (("funnel.py", True), ("kernel.py", False), ("characters.py", False), ("repetition.py", False)):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b"\n# another line\n")
        assert (compiled.sources(tmp_path) == before) is same, name
        (tmp_path / name).write_bytes(content)


def test_the_key_is_part_of_what_is_kept_on_disk() -> None:
    assert compiled._SOURCES in statistics._scan._cache._index_key((), statistics._scan.targetctx.codegen())
    assert kernel.decode._cache is not None


def test_no_kernel_of_another_file_is_called_from_one_that_numba_caches_alone() -> None:
    with_kernels = {path.stem for path in FOLDER.glob("*.py") if "openbook.corpus.compiled import" in path.read_text()}
    assert {"kernel", "repetition", "statistics", "line_rules", "signature"} <= with_kernels
    for path in FOLDER.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^@njit", text, re.MULTILINE):
            used = set(re.findall(r"^from openbook\.corpus\.(\w+) import", text, re.MULTILINE))
            assert not used & with_kernels, f"{path.name}: take `kernel` of compiled.py in place of numba's njit"
