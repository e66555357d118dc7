"""The tiny models of the model room's tests serve here too."""

import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[1] / "model"), str(Path(__file__).parent), str(Path(__file__).parents[2])]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model as transformers writes it."""
    from quantizing import make_model

    return make_model(tmp_path_factory.mktemp("model"))
