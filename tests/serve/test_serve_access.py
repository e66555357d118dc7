"""Who may ask: keys with scopes and rates, TLS, other pages, several models, and what is written down of it."""

import json
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import openai
import pytest
import tiny_model
from running import serving
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.errors import OpenbookError
from openbook.serve import ServeSettings, read_limits, serve
from openbook.serve.keys import digest_of, new_key, read_keys

ASK = {"prompt": "a", "max_tokens": 2}
ROUTES = ["/", "/v1/models", "/v1/models/tiny", "/version", "/metrics", "/tokenizer_info", "/page/main.js", "/nothing"]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    rows = [
        ("all", ["generate", "read", "metrics", "admin"], ""),
        ("reader", ["read"], ""),
        ("slow", ["generate", "read"], "requests_per_minute = 2"),
        ("frugal", ["generate", "read"], "tokens_per_minute = 30"),
    ]
    path.write_text(
        "\n".join(
            f'[[key]]\nname = "{name}"\nsha256 = "{digest_of(name + "-key")}"\nscopes = {json.dumps(scopes)}\n{rest}'
            for name, scopes, rest in rows
        )
    )
    return path


def test_every_route_but_health_needs_a_key(tiny_gguf: Path, keys: Path) -> None:
    with serving(tiny_gguf, keys=str(keys)) as running, running.client() as client:
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        for route in ROUTES:
            refused = client.get(route)
            assert refused.status_code == 401, route
            assert refused.headers["www-authenticate"] == "Bearer"
        for route in ("/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/tokenize", "/detokenize"):
            assert client.post(route, json=ASK).status_code == 401, route
        assert client.get("/v1/models", headers=bearer("wrong")).status_code == 401
        assert client.get("/v1/models", headers=bearer("reader-key")).status_code == 200
        # a browser asks its user, and the page works with what they type
        assert client.get("/", headers={"Accept": "text/html"}).headers["www-authenticate"].startswith("Basic")
        assert client.get("/", auth=("anyone", "all-key")).status_code == 200
        # scopes
        assert client.post("/v1/completions", json=ASK, headers=bearer("reader-key")).status_code == 403
        assert client.get("/metrics", headers=bearer("reader-key")).status_code == 403
        assert client.post("/v1/models/tiny/unload", headers=bearer("slow-key")).status_code == 403
        text = client.get("/metrics", headers=bearer("all-key")).text
        assert 'openbook_requests_total{route="/v1/completions",status="403"} 1.0' in text
        # rates
        codes = [client.post("/v1/completions", json=ASK, headers=bearer("slow-key")).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        long = ASK | {"max_tokens": 60, "logit_bias": {"0": -100, "2": -100}}
        assert client.post("/v1/completions", json=long, headers=bearer("frugal-key")).status_code == 200
        late = client.post("/v1/completions", json=ASK, headers=bearer("frugal-key"))
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 30
        official = openai.OpenAI(base_url=f"{running.url}/v1", api_key="all-key", max_retries=0)
        assert official.completions.create(model="tiny", prompt="a", max_tokens=2).usage


def test_a_new_key_fits_the_file_it_is_written_to(tmp_path: Path) -> None:
    key, lines = new_key("team")
    path = tmp_path / "keys.toml"
    path.write_text(lines)
    caller = read_keys(path).caller(key)
    assert caller is not None and caller.name == "team"
    assert key not in lines
    assert read_keys(path).caller(key + "x") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [("[[key]", "not valid TOML"), ("", "key"), ('[[key]]\nname = "a"\nsha256 = "x"', "key.0.sha256"),
     ('[[key]]\nname = "a"\nsha256 = "' + "a" * 64 + '"\nscope = 1', "key.0.scope")],
)  # fmt: skip
def test_a_key_file_with_a_mistake_stops_the_server(tiny_gguf: Path, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(content)
    with pytest.raises(OpenbookError, match=said):
        serve(tiny_gguf, ServeSettings(port=0, keys=path))


def test_tls_is_served_and_a_bad_certificate_is_a_sentence(tiny_gguf: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    with serving(tiny_gguf, certificate=str(certificate), certificate_key=str(key)) as running:
        assert running.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=running.url, verify=trusted, trust_env=False) as client:
            assert client.post("/v1/completions", json=ASK).status_code == 200
    with pytest.raises(OpenbookError, match="certificate"):
        serve(tiny_gguf, ServeSettings(port=0, certificate=tiny_gguf))


def test_other_pages_may_ask_only_where_that_is_set(tiny_gguf: Path) -> None:
    friend = {"Origin": "https://friend.example"}
    with serving(tiny_gguf, origins=["https://friend.example"]) as running, running.client() as client:
        preflight = client.options("/v1/completions", headers=friend | {"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://friend.example"
        answer = client.post("/v1/completions", json=ASK, headers=friend)
        assert answer.headers["access-control-allow-origin"] == "https://friend.example"
        stranger = client.post("/v1/completions", json=ASK, headers={"Origin": "https://stranger.example"})
        assert stranger.status_code == 403
        assert "access-control-allow-origin" not in stranger.headers


def test_several_models_are_served_loaded_and_unloaded(tiny_gguf: Path, tmp_path: Path) -> None:
    other = tiny_model.write(tmp_path / "other.gguf", seed=2)
    with serving(tiny_gguf, more=[str(other)]) as running, running.client() as client:
        assert [card["id"] for card in client.get("/v1/models").json()["data"]] == ["tiny", "other"]
        texts = {}
        for name in ("tiny", "other"):
            body = ASK | {"model": name, "max_tokens": 20, "temperature": 0}
            texts[name] = client.post("/v1/completions", json=body).json()["choices"][0]["text"]
        assert texts["tiny"] != texts["other"]
        assert client.post("/v1/models/other/unload").json()["openbook"]["loaded"] is False
        gone = client.post("/v1/completions", json=ASK | {"model": "other"})
        assert (gone.status_code, gone.json()["error"]["code"]) == (503, "model_not_loaded")
        assert client.post("/v1/completions", json=ASK).status_code == 200
        assert client.post("/v1/models/other/load").json()["openbook"]["loaded"] is True
        body = ASK | {"model": "other", "max_tokens": 20, "temperature": 0}
        assert client.post("/v1/completions", json=body).json()["choices"][0]["text"] == texts["other"]
    with pytest.raises(OpenbookError, match="Two models are called tiny"):
        serve(tiny_gguf, ServeSettings(port=0, more=(tiny_gguf,)))


@pytest.mark.parametrize("with_content", [False, True])
def test_the_audit_log_says_who_and_how_much_and_content_only_when_told(
    tiny_gguf: Path, tmp_path: Path, keys: Path, with_content: bool
) -> None:
    path = tmp_path / "audit.jsonl"
    settings = {"audit": str(path), "audit_content": with_content, "keys": str(keys)}
    with serving(tiny_gguf, **settings) as running, running.client(headers=bearer("all-key")) as client:
        client.post("/v1/completions", json=ASK | {"prompt": "Sliema-4711"})
        listed = client.get("/v1/models").json()
        assert listed["openbook"]["content_logged"] is with_content
        with client.stream("POST", "/v1/completions", json=ASK | {"max_tokens": 400, "stream": True}) as answer:
            next(answer.iter_lines())
        end = time.monotonic() + 60
        while len(path.read_text().splitlines()) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["caller"] == "all"
    assert (lines[0]["model"], lines[0]["outcome"], lines[0]["completion_tokens"]) == ("tiny", "answered", 2)
    assert ("Sliema-4711" in path.read_text()) is with_content
    assert path.stat().st_mode & 0o077 == 0


def test_limits_and_kept_content_are_set_on_the_command_line(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server is started with is what the command line says; the page reads `content_logged` from there."""
    given: list[ServeSettings] = []
    monkeypatch.setattr("openbook.serve.serve", lambda target, settings: given.append(settings))
    (tmp_path / "limits.toml").write_text("characters = 5000\nwaiting = 2\n")
    words = ["serve", str(tiny_gguf), "--limits", str(tmp_path / "limits.toml"), "--audit", str(tmp_path / "log")]
    assert CliRunner().invoke(app, [*words, "--audit-content"]).exit_code == 0
    assert CliRunner().invoke(app, ["serve", str(tiny_gguf)]).exit_code == 0
    assert (given[0].limits.characters, given[0].limits.waiting, given[0].limits.choices) == (5000, 2, 16)
    assert (given[0].audit_content, given[1].audit_content) == (True, False)
    assert given[1].limits == ServeSettings().limits
    alone = CliRunner().invoke(app, ["serve", str(tiny_gguf), "--audit-content"])
    assert isinstance(alone.exception, OpenbookError) and "--audit FILE" in str(alone.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("characters = 9\nwaiting = -1", "line 2: waiting: input should be greater than or equal to 0"),
        ("waitin = 1", "line 1: .*'waitin'.*'waiting'"),
        ("[", "not TOML"),
    ],
)
def test_a_file_of_limits_with_a_mistake_is_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "limits.toml").write_text(content)
    with pytest.raises(OpenbookError, match=said):
        read_limits(tmp_path / "limits.toml")
    with pytest.raises(OpenbookError, match="there is no file of limits"):
        read_limits(tmp_path / "nothing.toml")
