"""Answers that show their sources: the route, who may ask it, for which models; the page; what is told of a model."""

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from running import Running, serving
from tests.browser import CHROMIUM, Page, browser
from tests.trace.small_index import ROOT, document, index_of

from openbook.errors import OpenbookError
from openbook.serve import ServeSettings, serve
from openbook.serve.keys import digest_of

NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
READY = "document.getElementById('facts')?.textContent"
CONTROL = 2
PROMPT = {"prompt": "A", "max_tokens": 60, "temperature": 0}
SAID = "Il-baħar illum hu kalm u sabiħ ħafna."
SEALED = "Dan hu sigriet kbir li ħadd ma jaf."


@pytest.fixture(scope="module")
def release(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    shutil.copy(tiny_gguf, folder / "model.gguf")
    files = ["documents/en/summary.html", "evidence.json", "model.gguf", "../outside.json", "documents/en/gone.html"]
    facts = {"name": "small", "serve": "model.gguf", "root": "cd" * 32, "corpus_root": ROOT}
    facts |= {"files": {name: {} for name in files}}
    (folder.parent / "outside.json").write_text("{}")
    (folder / "manifest.json").write_text(json.dumps(facts))
    cells = {"language": "Malti (mt)", "bits_per_byte": 1.5, "low": 1.4, "high": 1.6, "baseline": 2.0}
    evidence = {
        "facts": {"provider": {"value": "Somebody"}, "limits": {"value": None}},
        "tables": {"evaluation": {"columns": list(cells), "rows": [[{"value": cell} for cell in cells.values()]]}},
    }
    (folder / "evidence.json").write_text(json.dumps(evidence))
    loss = {"files": {"q4.gguf": {"bytes": 2**20, "languages": {"mt": {"mean_divergence": {"value": 0.0123}}}}}}
    (folder / "reports").mkdir()
    (folder / "reports" / "loss.json").write_text(json.dumps(loss))
    (folder / "documents" / "en").mkdir(parents=True)
    (folder / "documents" / "en" / "summary.html").write_text("<title>Public summary</title><script>alert(1)</script>")
    (folder / "documents" / "secret.html").write_text("not in the manifest")
    return folder


@pytest.fixture(scope="module")
def answered(tiny_server: Running) -> str:
    with tiny_server.client() as client:
        return str(client.post("/v1/completions", json=PROMPT).json()["choices"][0]["text"])


@pytest.fixture(scope="module")
def traced(release: Path, answered: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("index")
    index_of(folder, [SAID, SEALED, answered], rights=["open", "sealed", "open"])
    with serving(release, trace=str(folder / "trace")) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_a_text_is_traced_to_its_documents(traced: Running) -> None:
    text = f"🙂 Issa: {SAID} U wkoll: {SEALED}"
    with traced.client() as client:
        told = client.post("/v1/trace", json={"text": text, "model": "small"}).json()
    first, second = told["spans"]
    assert text[first["start"] : first["end"]] == first["text"] == SAID[:-1]
    assert (first["documents"][0]["id"], first["documents"][0]["url"]) == (document(0), "https://a.example/0")
    assert second["text"] == SEALED[:-1]
    assert {name: value for name, value in second["documents"][0].items() if value} == {
        "id": document(1), "language": "mt", "rights": "sealed", "removal": "none",
    }  # fmt: skip
    assert told["index"]["corpus_root"] == ROOT


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"text": 3}, 400),
        ({"text": "a", "least_words": 0}, 400),
        ({"text": "a" * 50_001}, 422),
        ({"text": "a", "more": 1}, 400),
        ({"text": "a", "model": "other"}, 404),
        ({"text": "a", "proof": True}, 400),
    ],
)
def test_what_cannot_be_traced_is_refused(traced: Running, body: dict[str, object], status: int) -> None:
    with traced.client() as client:
        answer = client.post("/v1/trace", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_a_server_without_an_index_says_so(client: httpx.Client) -> None:
    answer = client.post("/v1/trace", json={"text": SAID})
    assert answer.status_code == 501
    assert "--trace" in answer.json()["error"]["message"]
    assert client.get("/about").json() == {"model": "tiny", "base": None, "traced": False, "release": None}
    assert client.get("/about/tiny/evidence.json").status_code == 404


def test_a_model_of_another_corpus_is_not_traced(tiny_gguf: Path, traced: Running, tmp_path: Path) -> None:
    index_of(tmp_path, [SAID])
    with serving(tiny_gguf, trace=str(tmp_path / "trace")) as running, running.client() as client:
        answer = client.post("/v1/trace", json={"text": SAID})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "other_corpus")
    with pytest.raises(OpenbookError, match="no index to trace in"):
        serve(tiny_gguf, ServeSettings(trace=tmp_path / "corpus", port=0))


def test_tracing_needs_a_key_where_keys_are_set(release: Path, tmp_path: Path) -> None:
    index_of(tmp_path, [SAID])
    rows = [f'[[key]]\nname = "{n}"\nsha256 = "{digest_of(n)}"\nscopes = ["{n}"]\n' for n in ("generate", "read")]
    (tmp_path / "keys.toml").write_text("\n".join(rows))
    settings = {"trace": str(tmp_path / "trace"), "keys": str(tmp_path / "keys.toml")}
    with serving(release, **settings) as running, running.client() as client:

        def status(method: str, route: str, key: str | None) -> int:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return client.request(method, route, headers=headers, json={"text": SAID}).status_code

        assert [status("POST", "/v1/trace", key) for key in (None, "read", "generate")] == [401, 403, 200]
        for route in ("/about", "/about/small/evidence.json"):
            assert [status("GET", route, key) for key in (None, "generate", "read")] == [401, 403, 200]


def test_what_a_release_tells_of_its_model(traced: Running) -> None:
    with traced.client() as client:
        told = client.get("/about").json()
        assert told["traced"] is True
        assert told["release"]["facts"] == {"provider": "Somebody"}
        assert told["release"]["evaluation"][0]["bits_per_byte"] == 1.5
        assert told["release"]["loss"] == {
            "files": [{"name": "q4.gguf", "bytes": 2**20}],
            "languages": {"mt": [0.0123]},
        }
        assert told["release"]["papers"] == [
            {"language": "en", "path": "documents/en/summary.html", "title": "Public summary"}
        ]
        paper = client.get("/about/small/documents/en/summary.html")
        policy = paper.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
        assert client.get("/about/small/evidence.json").headers["content-type"] == "application/json"
        for other in (
            "documents/secret.html",
            "manifest.json",
            "model.gguf",
            "..%2Foutside.json",
            "documents/en/gone.html",
        ):
            assert client.get(f"/about/small/{other}").status_code == 404
        assert client.get("/about/other/evidence.json").status_code == 404


@NEEDS_CHROMIUM
def test_the_answer_is_underlined_and_its_source_opens_by_keyboard(page: Page, traced: Running, answered: str) -> None:
    page.requests.clear()
    page.size(1100, 800)
    page.open(traced.url, READY)
    page.run("document.getElementById('temperature').value = 0; document.getElementById('max_tokens').value = 60")
    page.run("document.getElementById('beginning').focus()")
    page.type("A")
    page.press("Enter", 13, modifiers=CONTROL, text="\r")
    page.wait("document.querySelector('.trace:disabled')")
    assert page.run("document.querySelector('.written').textContent") == answered
    assert page.run("document.querySelectorAll('mark').length") >= 1
    assert page.run("document.getElementById('announce').textContent").endswith(": 1")
    page.run("document.querySelector('mark').focus()")
    page.press("Enter", 13)
    assert page.run("document.activeElement.className") == "sources"
    assert page.run("document.querySelector('.sources a').href") == "https://a.example/2"
    assert page.run("document.querySelector('mark').getAttribute('aria-controls')") == page.run(
        "document.querySelector('.sources').id"
    )
    page.press("Escape", 27)
    assert page.run("[document.activeElement.tagName, document.querySelectorAll('.sources').length]") == ["MARK", 0]
    page.press(" ", 32)
    page.run("document.getElementById('beginning').focus()")
    page.press("Escape", 27)
    assert page.run("[document.activeElement.tagName, document.querySelectorAll('.sources').length]") == ["MARK", 0]
    assert all(url.startswith(traced.url) for url in page.requests)
    assert page.complaints == []


@NEEDS_CHROMIUM
def test_what_stands_below_an_answer_follows_the_language_of_the_page(page: Page, traced: Running) -> None:
    page.size(1100, 800)
    page.open(traced.url, READY)
    page.run("document.getElementById('temperature').value = 0; document.getElementById('max_tokens').value = 60")
    page.run(
        "document.getElementById('beginning').value = 'A'; document.querySelector('#complete-form').requestSubmit()"
    )
    page.wait("document.querySelector('.trace:disabled')")
    marks = page.run("document.querySelectorAll('mark').length")
    page.run("var s = document.getElementById('language'); s.value = 'hu'; s.dispatchEvent(new Event('change'))")
    page.wait("document.documentElement.lang === 'hu' && !document.getElementById('announce').textContent")
    words = json.loads((files("openbook.serve.page") / "words" / "hu.json").read_text())
    shown = page.run(
        "[document.querySelector('#complete .speed').textContent, document.querySelector('.trace').textContent]"
    )
    assert words["speed"].split("}")[-1] in shown[0] and shown[1].startswith(words["traced"].split("{")[0])
    assert page.run("document.querySelectorAll('mark').length") == marks
    page.run("localStorage.clear()")


@NEEDS_CHROMIUM
def test_short_passages_are_shown_where_there_are_no_longer_ones(page: Page, traced: Running) -> None:
    page.open(traced.url, READY)
    script = """(async () => {{
        const {{ passages }} = await import('/page/trace.js');
        return (await passages('small', {text})).map((span) => span.text.trim());
    }})()"""
    short, both = "xyz illum hu kalm xyz", f"{SAID} xyz illum hu kalm xyz"
    assert page.run(script.format(text=json.dumps(short))) == ["illum hu kalm"]
    assert [one.split()[0] for one in page.run(script.format(text=json.dumps(both)))] == ["Il-baħar"]


@NEEDS_CHROMIUM
def test_a_passage_may_begin_in_what_was_given(page: Page, traced: Running) -> None:
    page.open(traced.url, READY)
    script = """(async () => {
        const { underlineAll } = await import('/page/trace.js');
        const box = document.createElement('div'), text = document.createElement('p');
        const made = (said) => Object.assign(document.createElement('span'), { textContent: said });
        const places = ['one two ', 'three four'].map(made);
        text.className = 'text'; text.append(...places); box.append(text); document.getElementById('main').append(box);
        underlineAll(places, [{ start: 4, end: 13, bits: 5, text: '', occurrences: 1, documents: [] }]);
        return places.map((place) => [place.textContent, place.querySelector('mark').textContent]);
    })()"""
    assert page.run(script) == [["one two ", "two "], ["three four", "three"]]


@NEEDS_CHROMIUM
def test_passages_are_counted_in_code_points_and_run_right_to_left(page: Page, traced: Running) -> None:
    page.open(traced.url, READY)
    script = """(async () => {
        const { underline } = await import('/page/trace.js');
        const box = document.createElement('div'), text = document.createElement('p');
        text.className = 'text'; text.dir = 'auto'; box.append(text); document.getElementById('main').append(box);
        const span = (start, end, bits) => ({ start, end, bits, text: '', occurrences: 1, documents: [] });
        underline(text, '🙂 שלום עולם טוב 🙂 וגם', [span(2, 11, 5), span(7, 15, 9)]);
        return [text.textContent, [...text.querySelectorAll('mark')].map((m) => m.textContent),
            getComputedStyle(text).direction];
    })()"""
    assert page.run(script) == ["🙂 שלום עולם טוב 🙂 וגם", ["שלום ", "עולם טוב"], "rtl"]


@NEEDS_CHROMIUM
@pytest.mark.parametrize("width", [390, 1100])
def test_the_page_tells_about_the_model(page: Page, traced: Running, width: int) -> None:
    page.size(width, 800)
    page.open(traced.url, READY)
    page.run("document.querySelector('input[value=about]').click()")
    shown = page.run("document.getElementById('about').innerText")
    for text in ("Somebody", "Public summary", "Maltese", "1.50", "1.40–1.60", "0.0123", "1 MiB", "cd" * 32):
        assert text in shown
    assert page.run("document.documentElement.scrollWidth") <= width
    assert (
        page.run("document.querySelector('#about a').getAttribute('href')") == "/about/small/documents/en/summary.html"
    )
    assert page.run("document.getElementById('complete').hidden && document.getElementById('parameters').hidden")
    page.run("document.querySelector('input[value=complete]').click()")
    assert page.run("document.getElementById('about').hidden")


@NEEDS_CHROMIUM
def test_nothing_is_wider_than_a_phone_in_any_language(page: Page, traced: Running) -> None:
    page.size(320, 700)
    page.open(traced.url, READY)
    for code in page.run("[...document.getElementById('language').options].map((one) => one.value)"):
        page.run(
            f"var s = document.getElementById('language'); s.value = '{code}'; s.dispatchEvent(new Event('change'))"
        )
        page.wait(f"document.documentElement.lang === '{code}' && document.querySelector('#about-model dl')")
        for view in ("complete", "about"):
            page.run(f"document.querySelector('input[value={view}]').click()")
            assert page.run("document.documentElement.scrollWidth") <= 320, (code, view)
    page.run("localStorage.clear()")


@NEEDS_CHROMIUM
def test_one_of_several_models_is_chosen(page: Page, tiny_gguf: Path, tmp_path: Path) -> None:
    other = shutil.copy(tiny_gguf, tmp_path / "other.gguf")
    with serving(tiny_gguf, more=[str(other)]) as running:
        page.size(1100, 800)
        page.open(running.url, READY)
        page.run(
            "var s = document.querySelector('#model select'); s.value = 'other'; s.dispatchEvent(new Event('change'))"
        )
        assert page.run("document.querySelector('#model select').selectedOptions[0].textContent") == "other"
        page.run("document.getElementById('max_tokens').value = 3; document.getElementById('message').focus()")
        page.type("a")
        page.press("Enter", 13, text="\r")
        page.wait("document.querySelector('.message.assistant') && !document.querySelector('.busy')")
        page.wait("(JSON.parse(localStorage['openbook.messages'] ?? '[]')).length > 1")
        assert page.run("JSON.parse(localStorage['openbook.messages']).at(-1).model") == "other"
