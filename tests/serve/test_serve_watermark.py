"""The mark is found in what was written with it, by its key alone, and the stated probabilities are right."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from running import Running, serving
from test_serve_api import ONLY_LETTERS
from test_serve_logprobs import reference_logprobs
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.errors import OpenbookError
from openbook.serve import watermark
from openbook.serve.detection import detect_text
from openbook.serve.watermark import Watermark, detect

BODY = {"prompt": "Il-gżira", "max_tokens": 200, "temperature": 1.0, "seed": 11, "logit_bias": ONLY_LETTERS}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("a secret that is long enough")
    return path


def test_the_numbers_behind_the_colors_are_splitmix64s() -> None:
    """The first outputs for the seed 0, as the reference implementation of Vigna prints them."""
    found = watermark._scattered(0, np.array([0, 1, 2]))
    assert [hex(int(one)) for one in found] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_the_tail_is_the_binomials() -> None:
    assert watermark._tail(5, 5, 0.5) == pytest.approx(1 / 32)
    assert watermark._tail(1, 3, 0.25) == pytest.approx(1 - 0.75**3)
    assert watermark._tail(0, 10, 0.3) == 1
    stats = pytest.importorskip("scipy.stats")
    for least, count in ((260, 1000), (400, 1000), (900, 1000)):
        assert watermark._tail(least, count, 0.25) == pytest.approx(stats.binom.sf(least - 1, count, 0.25), rel=1e-6)


def test_a_text_without_the_mark_is_as_green_as_chance() -> None:
    """200 rows of random tokens: few are below 5 %, and the share of green is the one that was set."""
    random = np.random.Generator(np.random.Philox(3))
    mark = Watermark(b"k" * 16, share=0.25)
    found = [detect(random.integers(0, 5000, 200).tolist(), mark) for _ in range(200)]
    assert sum(one.green for one in found) / sum(one.places for one in found) == pytest.approx(0.25, abs=0.007)
    assert 0.02 < np.mean([one.p_value < 0.05 for one in found]) < 0.08


def test_a_repeated_phrase_counts_once() -> None:
    row = list(range(40))
    once, often = detect(row, Watermark(b"k" * 16)), detect(row * 50, Watermark(b"k" * 16))
    assert often.places == once.places + 1
    with pytest.raises(OpenbookError, match="too short"):
        detect([1, 2, 3], Watermark(b"k" * 16))


def test_what_a_server_writes_carries_the_mark_and_its_log_probabilities_do_not(
    tiny_folder: Path, tiny_gguf: Path, tiny_torch_server: Running, key: Path
) -> None:
    mark = Watermark.read(key)
    with serving(tiny_folder, watermark={"key": str(key)}) as running, running.client() as client:
        assert client.get("/v1/models").json()["openbook"]["watermarked"] is True
        text = client.post("/v1/completions", json=BODY).json()["choices"][0]["text"]
        answer = client.post(
            "/v1/completions", json=BODY | {"logprobs": 1, "max_tokens": 12, "logit_bias": None}
        ).json()
        told = answer["choices"][0]["logprobs"]
        ids = client.post("/tokenize", json={"prompt": BODY["prompt"]}).json()["tokens"]
    with tiny_torch_server.client() as client:
        plain = client.post("/v1/completions", json=BODY).json()["choices"][0]["text"]
    assert detect_text(text, tiny_folder, mark).p_value < 1e-9
    assert detect_text(plain, tiny_folder, mark).p_value > 0.01
    assert detect_text(text, tiny_folder, Watermark(b"another key that is long")).p_value > 0.01
    first = reference_logprobs(tiny_gguf, ids)[-1].max()
    assert max(told["top_logprobs"][0].values()) == pytest.approx(first, abs=0.01)  # the model's own, without the mark


def test_detecting_is_a_verb(tiny_folder: Path, key: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Il-baħar madwar il-gżira hu kalm u sabiħ.")
    said = CliRunner().invoke(app, ["detect", str(text), "--key", str(key), "--tokenizer", str(tiny_folder)])
    assert said.exit_code == 0, said.output
    assert "by chance" in said.output and "z = " in said.output


def test_an_engine_that_cannot_mark_says_so(tiny_gguf: Path, key: Path) -> None:
    from openbook.serve import ServeSettings, WatermarkSettings, serve

    with pytest.raises(OpenbookError, match="cannot be watermarked"):
        serve(tiny_gguf, ServeSettings(port=0, watermark=WatermarkSettings(key=key)))


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    with pytest.raises(OpenbookError, match="openssl rand"):
        Watermark.read(tmp_path / "key")


def test_a_list_of_models_says_that_nothing_is_marked(client: httpx.Client) -> None:
    assert client.get("/v1/models").json()["openbook"]["watermarked"] is False
