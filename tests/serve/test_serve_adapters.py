"""Adapters are models of their own: chosen by name, loaded and unloaded, and no prompt's cache crosses between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tiny_model
from running import Running, serving
from tests.browser import CHROMIUM, browser

from openbook.errors import OpenbookError
from openbook.model import Checkpoint, TransformerConfig
from openbook.serve import Adapter, ServeSettings, serve
from openbook.serve.engine.pytorch import lora
from openbook.serve.engine.slots import Slots, common_beginning

PROMPT = "Il-baħar madwar il-gżira"


@pytest.fixture(scope="module", params=["llama", "pytorch"])
def server(
    request: pytest.FixtureRequest, tiny_gguf: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The tiny model with two adapters, behind either engine."""
    folder = tmp_path_factory.mktemp("adapters")
    adapters = []
    for seed, name in ((7, "first"), (8, "second")):
        if request.param == "llama":
            path = tiny_model.write_adapter(folder / f"{name}.gguf", seed)
        else:
            path = tiny_model.write_peft(folder / name, seed)
        adapters.append({"name": name, "path": str(path)})
    target = tiny_gguf if request.param == "llama" else tiny_folder
    with serving(target, adapters=adapters) as running:
        yield running


@pytest.fixture
def adapted(server: Running) -> Iterator[httpx.Client]:
    with server.client() as found:
        yield found


def logprobs(client: httpx.Client, model: str) -> list[float]:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 0, "echo": True, "logprobs": 1}
    answer = client.post("/v1/completions", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["choices"][0]["logprobs"]["token_logprobs"][1:])


def written(client: httpx.Client, model: str) -> dict[str, Any]:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 12, "temperature": 0}
    return dict(client.post("/v1/completions", json=body).json())


def merged(folder: Path, seed: int, tiny: Path) -> Path:
    """The tiny model with B A added to its matrices: what serving an adapter must equal."""
    from safetensors.numpy import load_file, save_file

    folder.mkdir()
    tensors = load_file(tiny / "model.safetensors")
    for name, (down, up) in tiny_model.adapter_weights(seed).items():
        tensors[tiny_model.huggingface_name(name)] += tiny_model.half_rotation(name, up) @ down
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_bytes((tiny / "config.json").read_bytes())
    return folder


def test_an_adapter_is_listed_with_its_parent(adapted: httpx.Client) -> None:
    cards = {card["id"]: card for card in adapted.get("/v1/models").json()["data"]}
    assert {name: card["parent"] for name, card in cards.items()} == {"tiny": None, "first": "tiny", "second": "tiny"}
    assert len({card["openbook"]["adapter"] for card in cards.values()}) == 3


def test_an_adapter_computes_what_the_merged_model_would(
    adapted: httpx.Client, tiny_folder: Path, tmp_path: Path
) -> None:
    import torch

    ids = adapted.post("/tokenize", json={"prompt": PROMPT}).json()["tokens"]
    for seed, name in ((7, "first"), (8, "second")):
        model = Checkpoint.open(merged(tmp_path / name, seed, tiny_folder)).load()
        with torch.inference_mode():
            expected = torch.log_softmax(model(torch.tensor([ids]))[0].double(), -1)
        expected_ones = expected[range(len(ids) - 1), ids[1:]].numpy()
        assert np.abs(np.array(logprobs(adapted, name)) - expected_ones).max() < 0.05


def test_no_prompts_cache_crosses_between_adapters(adapted: httpx.Client) -> None:
    """llama.cpp by itself goes on from keys that an adapter has computed once it is switched off."""
    alone = {name: written(adapted, name)["choices"] for name in ("tiny", "first", "second")}
    assert len({choices[0]["text"] for choices in alone.values()}) == 3
    for name in ("first", "tiny", "second", "tiny", "first", "second", "first", "tiny"):
        assert written(adapted, name)["choices"] == alone[name], name


def test_answers_of_different_adapters_are_computed_together(server: Running) -> None:
    from concurrent.futures import ThreadPoolExecutor

    names = ["tiny", "first", "second"] * 2

    def ask(name: str) -> list[Any]:
        with server.client() as client:
            return list(written(client, name)["choices"])

    alone = [ask(name) for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(ask, names)) == alone


def test_an_answer_names_its_model_and_its_adapter(adapted: httpx.Client) -> None:
    told = {}
    for name in ("tiny", "first", "second"):
        body = {"model": name, "prompt": "a", "max_tokens": 1}
        plain = adapted.post("/v1/completions", json=body)
        streamed = adapted.post("/v1/completions", json=body | {"stream": True})
        for header in ("openbook-model-sha256", "openbook-adapter-sha256"):
            assert plain.headers.get(header) == streamed.headers.get(header)
        assert plain.json()["system_fingerprint"] in streamed.text
        told[name] = (plain.json()["system_fingerprint"], plain.headers.get("openbook-adapter-sha256"))
    assert told["tiny"][1] is None
    assert len(set(told.values())) == 3


def test_an_adapter_is_unloaded_and_loaded_while_its_base_goes_on(adapted: httpx.Client) -> None:
    before = written(adapted, "first")["choices"]
    assert adapted.post("/v1/models/first/unload").json()["openbook"]["loaded"] is False
    gone = adapted.post("/v1/completions", json={"model": "first", "prompt": "a"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (503, "model_not_loaded")
    assert written(adapted, "tiny")["choices"]
    assert adapted.post("/v1/models/first/load").json()["openbook"]["loaded"] is True
    assert written(adapted, "first")["choices"] == before


def test_an_adapter_embeds_in_its_own_way(adapted: httpx.Client) -> None:
    vectors = [
        np.array(adapted.post("/v1/embeddings", json={"model": name, "input": PROMPT}).json()["data"][0]["embedding"])
        for name in ("tiny", "first")
    ]
    assert float(vectors[0] @ vectors[1]) < 0.98


def test_an_adapter_that_does_not_fit_is_refused_by_name(tiny_folder: Path, tiny_gguf: Path, tmp_path: Path) -> None:
    peft = tiny_model.write_peft(tmp_path / "peft")
    gguf = tiny_model.write_adapter(tmp_path / "lora.gguf")

    def refused(target: Path, path: Path, said: str) -> None:
        with pytest.raises(OpenbookError, match=said):
            serve(target, ServeSettings(port=0, threads=1, adapters=(Adapter(name="a", path=path),)))

    (tmp_path / "empty").mkdir()
    refused(tiny_gguf, tmp_path / "empty", "not a PEFT adapter")
    refused(tiny_gguf, tiny_gguf, "no adapter")
    refused(tiny_folder, gguf, "not a PEFT adapter")
    with pytest.raises(OpenbookError, match="another model"):
        config = Checkpoint.open(tiny_folder).config
        lora.read(peft, TransformerConfig(**{**vars(config), "feed_forward": 256}))
    (peft / "adapter_config.json").write_text('{"peft_type": "LORA", "use_dora": true}')
    refused(tiny_folder, peft, "use_dora")


def test_a_peft_folder_beside_a_gguf_computes_what_its_gguf_form_does(tiny_gguf: Path, tmp_path: Path) -> None:
    """The tests' own writer of the GGUF form is not the one that the server turns the folder with."""
    peft, gguf = tiny_model.write_peft(tmp_path / "peft", 7), tiny_model.write_adapter(tmp_path / "lora.gguf", 7)
    adapters = [{"name": "folder", "path": str(peft)}, {"name": "file", "path": str(gguf)}]
    with serving(tiny_gguf, adapters=adapters) as running, running.client() as client:
        assert logprobs(client, "folder") == pytest.approx(logprobs(client, "file"), abs=1e-4)
        assert logprobs(client, "folder") != pytest.approx(logprobs(client, "tiny"), abs=1e-2)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_an_adapter_is_chosen_on_the_page(tiny_gguf: Path, tmp_path: Path) -> None:
    adapter = tiny_model.write_adapter(tmp_path / "first.gguf", 7)
    options = "[...document.querySelectorAll('#model option')].map((one) => one.textContent)"
    with (
        serving(tiny_gguf, adapters=[{"name": "first", "path": str(adapter)}]) as running,
        browser(tmp_path / "profile") as page,
    ):
        page.size(1100, 800)
        page.open(running.url, "document.querySelectorAll('#model option').length")
        assert page.run(options) == ["tiny", "tiny + first"]
        page.run("var s = document.querySelector('#model select'); s.value = 'first'")
        page.run("document.querySelector('#model select').dispatchEvent(new Event('change'))")
        page.run("document.querySelector('input[value=complete]').click()")
        page.run("document.getElementById('max_tokens').value = 12; document.getElementById('temperature').value = 0")
        page.run(f"document.getElementById('beginning').value = {PROMPT!r}")
        page.run("document.querySelector('#complete-form').requestSubmit()")
        page.wait("document.querySelector('.written').textContent && !document.querySelector('.busy')")
        with running.client() as client:
            expected = written(client, "first")["choices"][0]["text"]
            assert expected != written(client, "tiny")["choices"][0]["text"]
        assert page.run("document.querySelector('.written').textContent") == expected


def test_a_slot_is_chosen_by_owner_and_by_what_it_has_read() -> None:
    slots = Slots[str](3)
    first, second = slots.take("a", "abcdef"), slots.take("b", "abcxyz")
    assert first is not None and second is not None and {first.number, second.number} == {0, 1}
    slots.give_back(first.number, "a", "abcdef")
    slots.give_back(second.number, "b", "abcxyz")
    again = slots.take("b", "abcdef")
    assert again is not None and (again.number, again.common, again.own) == (second.number, 3, True)
    fresh = slots.take("c", "abcdef")
    assert fresh is not None and (fresh.common, fresh.own) == (0, False) and fresh.number == 2
    taken = slots.take("c", "abcdef")
    assert taken is not None and (taken.number, taken.common, taken.own) == (first.number, 0, False)
    assert slots.take("c", "abc") is None
    for place in range(8):
        assert common_beginning("abcdefgh", "abcdefgh"[:place] + "?") == place
