"""The page: it asks nobody but its own server, works by keyboard, and says when a model does not converse."""

import json
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from running import Running, serving
from tests.browser import CHROMIUM, Page, browser

NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
ENTER, CONTROL = 13, 2
READY = "document.getElementById('facts')?.textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_the_policy_allows_this_server_only(client: httpx.Client) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    for file in re.findall(r'(?:src|href)="([^"#]+)"', answer.text):
        assert file.startswith("/page/")
        assert client.get(file).status_code == 200


def test_every_language_has_every_word(client: httpx.Client) -> None:
    folder = files("openbook.serve.page") / "words"
    english = json.loads((folder / "en.json").read_text())
    named = set(
        re.findall(r"^  ([a-z]{2}): |, ([a-z]{2}): ", (files("openbook.serve.page") / "words.js").read_text(), re.M)
    )
    codes = {first or second for first, second in named}
    assert len(codes) >= 11
    for code in codes:
        words = json.loads((folder / f"{code}.json").read_text())
        assert words.keys() == english.keys(), code
        for key, text in words.items():
            assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", english[key]), (code, key)
        same = [key for key, text in words.items() if text == english[key] and len(text) > 12]
        assert code == "en" or not same, (code, same)


@NEEDS_CHROMIUM
def test_a_conversation_by_keyboard(page: Page, tiny_server: Running) -> None:
    page.requests.clear()
    page.size(1100, 800)
    page.open(tiny_server.url, READY)
    page.run("document.getElementById('max_tokens').value = 8")
    assert page.run("document.activeElement.id") == "message"
    page.type("Kif int?")
    page.press("Enter", ENTER, text="\r")
    page.wait("document.querySelector('.message.assistant') && !document.querySelector('.busy')")
    assert page.run("document.querySelector('.message.user .text').textContent") == "Kif int?"
    assert page.run("document.querySelector('.message.assistant .text').textContent")
    assert page.run("getComputedStyle(document.querySelector('.message.user .text')).direction") == "ltr"
    assert {re.match(r"http://[^/]+", url).group(0) for url in page.requests} == {tiny_server.url}  # type: ignore[union-attr]
    assert page.complaints == []


@NEEDS_CHROMIUM
def test_right_to_left_text_runs_right_to_left(page: Page, tiny_server: Running) -> None:
    page.open(tiny_server.url, READY)
    page.run("document.getElementById('max_tokens').value = 4; document.getElementById('message').focus()")
    page.type("שלום")
    page.press("Enter", ENTER, text="\r")
    last = "[...document.querySelectorAll('.message.user .text')].at(-1)"
    page.wait(f"{last}?.textContent === 'שלום' && !document.querySelector('.busy')")
    assert page.run(f"getComputedStyle({last}).direction") == "rtl"


@NEEDS_CHROMIUM
def test_stop_keeps_what_was_written(page: Page, tiny_server: Running) -> None:
    page.open(tiny_server.url, READY)
    page.run("document.querySelector('input[value=complete]').click()")
    page.run("document.getElementById('temperature').value = 0")  # by chance, an answer could end at its first token
    page.run("document.getElementById('max_tokens').value = 400; document.getElementById('beginning').focus()")
    page.type("A")
    page.press("Enter", ENTER, modifiers=CONTROL, text="\r")
    page.wait("document.querySelector('.written').textContent.length > 2")
    page.press("Escape", 27)
    page.wait("!document.querySelector('.busy') && !document.querySelector('#complete-form [type=submit]').hidden")
    assert page.run("document.querySelector('.written').textContent.length") > 2
    assert page.run("document.querySelector('#continuation .failure')") is None


@NEEDS_CHROMIUM
@pytest.mark.parametrize("width", [320, 390, 1100])
def test_nothing_is_wider_than_the_screen(page: Page, tiny_server: Running, width: int) -> None:
    page.size(width, 700)
    page.open(tiny_server.url, READY)
    page.run("document.querySelector('details').open = true")
    assert page.run("document.documentElement.scrollWidth") <= width
    unnamed = page.run(
        "[...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(e => !(e.labels?.length || e.textContent.trim())).map(e => e.outerHTML)"
    )
    assert unnamed == []


@NEEDS_CHROMIUM
def test_a_base_model_says_that_it_completes(page: Page, tiny_gguf: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_gguf, tmp_path / "model.gguf")
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "first-light", "serve": "model.gguf"}))
    with serving(tmp_path) as running:
        page.open(running.url, READY)
        assert page.run("document.querySelector('input[name=mode]:checked').value") == "complete"
        assert "base model" in page.run("document.getElementById('note').textContent")
        assert page.run("document.getElementById('model').textContent") == "first-light"
