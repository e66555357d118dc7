"""A small release, its corpus and keys, made once."""

import shutil
from pathlib import Path

import pytest

from openbook.release.sign import new_key, sign_release
from tests.release.small import make_release, write_corpus


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds corpus/, release/ (signed), key.pem and key.pub.pem."""
    folder = tmp_path_factory.mktemp("small")
    make_release(folder / "release", write_corpus(folder / "corpus"))
    new_key(folder / "key.pem")
    sign_release(folder / "release", folder / "key.pem")
    return folder


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(made / "release", tmp_path / "release"))
