"""A file of a release is its release's model, however it is named to the server; and no pickle is ever read."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
import small_release
import tiny_model
from running import serving
from tests.trace.small_index import ROOT, index_of

from openbook.errors import OpenbookError
from openbook.serve import ServeSettings, serve
from openbook.serve.target import find

SAID = "Il-baħar illum hu kalm u sabiħ ħafna."


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours") / "release"
    return small_release.write_release(folder, corpus_root=ROOT)


def test_files_of_a_release_are_traced_and_told_about_as_the_release_is(release: Path, tmp_path: Path) -> None:
    index_of(tmp_path, [SAID])
    first, other, folder = release / "gguf" / "model-f16.gguf", release / "gguf" / "model-q8_0.gguf", release / "model"
    served = {"more": [str(other), str(folder)], "trace": str(tmp_path / "trace")}
    with serving(first, **served) as running, running.client() as client:
        for name in ("model-f16", "model-q8_0", "model"):
            traced = client.post("/v1/trace", json={"text": SAID, "model": name})
            assert traced.status_code == 200, traced.text
            assert traced.json()["spans"][0]["text"] == SAID[:-1]
            told = client.get("/about", params={"model": name}).json()
            assert (told["traced"], told["base"], told["release"]["facts"]["provider"]) == (True, None, "Somebody")
            card = client.get(f"/v1/models/{name}").json()["openbook"]
            assert (card["release"], card["converses"]) == (find(release).release, False)


def test_a_changed_file_is_no_longer_its_releases(release: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(release, tmp_path / "release"))
    path = copy / "gguf" / "model-q8_0.gguf"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert find(path).release is None
    assert find(copy / "gguf" / "model-f16.gguf").release == find(release).release
    shutil.copy(copy / "gguf" / "model-f16.gguf", copy / "gguf" / "unlisted.gguf")
    assert find(copy / "gguf" / "unlisted.gguf").release is None


def test_the_figures_told_of_an_adapter_are_its_bases(release: Path, tmp_path: Path) -> None:
    adapter = {"name": "legal", "path": str(tiny_model.write_peft(tmp_path / "legal"))}
    with serving(release / "model", adapters=[adapter]) as running, running.client() as client:
        told = client.get("/about", params={"model": "legal"}).json()
        assert (told["model"], told["base"]) == ("legal", "model")
        assert told["release"]["facts"]["provider"] == "Somebody"
        assert client.get("/about", params={"model": "model"}).json()["base"] is None


class _Loud:
    """What a pickle could do to whoever reads it: leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_pickles_beside_a_model_are_never_read(tiny_folder: Path, tmp_path: Path) -> None:
    """As old Hugging Face folders have them: weights, optimizer, arguments of the training."""
    folder, mark = Path(shutil.copytree(tiny_folder, tmp_path / "tiny")), tmp_path / "executed"
    for name in ("pytorch_model.bin", "optimizer.pt", "training_args.bin", "tokenizer.pkl", "adapter_model.bin"):
        (folder / name).write_bytes(pickle.dumps(_Loud(mark)))
    with serving(folder) as running, running.client() as client:
        assert client.post("/v1/completions", json={"prompt": "a", "max_tokens": 2}).status_code == 200
        assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 200
    (folder / "model.safetensors").unlink()
    with pytest.raises(OpenbookError, match=r"model\.safetensors"):
        serve(folder, ServeSettings(port=0))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.safetensors"])
def test_an_adapter_as_a_pickle_is_refused(tiny_folder: Path, tmp_path: Path, name: str) -> None:
    """Under its own name or under that of the safe format."""
    adapter, mark = tiny_model.write_peft(tmp_path / "adapter"), tmp_path / "executed"
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / name).write_bytes(pickle.dumps(_Loud(mark)))
    with pytest.raises(OpenbookError, match=r"adapter_model|The adapter .* cannot be read"):
        serve(tiny_folder, ServeSettings(port=0, adapters=({"name": "legal", "path": adapter},)))  # type: ignore[arg-type]
    assert not mark.exists()
