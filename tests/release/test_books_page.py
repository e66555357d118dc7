"""The page of the books in a real browser: it tells the chain, names what is broken, asks for nothing, fits a phone."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.books.store import write_bytes
from openbook.cli.app import app
from openbook.errors import OpenbookError
from openbook.release import documents
from openbook.release.page import write_page
from openbook.release.page.chain import Chain, Link, Node, read_chain
from openbook.release.page.documents import within
from openbook.release.page.picture import TALL, WIDE, lay_out
from tests.browser import CHROMIUM, Page, browser
from tests.corpus.test_report import CONTRAST
from tests.release.folder import SAID, write_folder
from tests.release.small import CHAIN, make_records, make_release, write_corpus

NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
EVIL = "</script><img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a record of every step, and a release with documents."""
    folder = tmp_path_factory.mktemp("books") / "run"
    corpus = write_corpus(folder / "corpus")
    (folder / "release").mkdir()
    told = write_folder(folder.parent / "told", SAID)
    documents.write(told)
    shutil.copytree(told / "documents", folder / "release" / "documents")
    make_release(folder / "release", corpus)
    for step, record in make_records(corpus).items():
        for name, entry in record.files.items():
            write_bytes(folder / step / name, b"x" * entry.size)
        write_bytes(folder / step / "record.json", record.model_dump_json().encode())
    return folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def spoil(run: Path, folder: Path) -> Path:
    """A copy whose tokens were made from another corpus, and whose tokenizer cannot be read."""
    shutil.copytree(run, folder)
    path = folder / "tokens" / "record.json"
    record = json.loads(path.read_text())
    record["inputs"]["corpus"] = "ab" * 32
    record["settings"]["note"] = EVIL
    path.write_text(json.dumps(record))
    (folder / "tokenizer" / "record.json").write_text("{}")
    return folder


def test_a_sound_run_has_no_problem_and_its_page_says_so(run: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["books", str(run), "--out", str(tmp_path / "page.html"), "--json"])
    assert told.exit_code == 0, told.exception
    assert json.loads(told.stdout) == {"page": str(tmp_path / "page.html"), "problems": []}
    html = (tmp_path / "page.html").read_text()
    assert "Everything holds" in html and "does not hold" not in html.split("<main>")[1].split("</svg>")[1]
    for step, record in make_records_of(run).items():
        assert f'id="node-{step}"' in html and html.count(record["root"]) >= 3
    assert str(run) not in html


def make_records_of(run: Path) -> dict[str, dict[str, str]]:
    return {step: json.loads((run / step / "record.json").read_text()) for step in CHAIN}


def test_the_same_books_give_the_same_page_and_a_release_is_not_written_into(run: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert write_page(run / "release", tmp_path / name) == []
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(OpenbookError, match="a file that was added"):
        write_page(run, run / "release" / "books.html")
    copy = tmp_path / "handed"
    shutil.copytree(run / "release", copy)
    told = CliRunner().invoke(app, ["books", str(copy)])
    assert told.stdout == f"{tmp_path / 'handed.books.html'}\n"
    with pytest.raises(OpenbookError, match="neither a run nor a release"):
        write_page(tmp_path, tmp_path / "c.html")
    with pytest.raises(OpenbookError, match="no documents in 'xx'"):
        write_page(run, tmp_path / "c.html", "xx")


def test_broken_links_changed_files_and_forged_manifests_are_named(run: Path, tmp_path: Path) -> None:
    folder = spoil(run, tmp_path / "run")
    (folder / "model" / "model.bin").write_text("longer than it was")
    (folder / "release" / "README.md").write_text("changed")
    found = write_page(folder, tmp_path / "page.html")
    assert "tokens: it was made from another version of corpus than is here" in found
    assert "tokens: its identity is not that of its settings and inputs" in found
    assert "model: model.bin was changed" in found
    assert any(one.startswith("tokenizer: tokenizer cannot be read") for one in found)
    assert "README.md was changed" in found
    html = (tmp_path / "page.html").read_text()
    assert 'class="link broken" data-from="corpus" data-to="tokens"' in html
    assert EVIL not in html and "&lt;img src=x" in html
    (folder / "release" / "manifest.json").write_text("{}")
    assert any("manifest" in one for one in write_page(folder, tmp_path / "page.html"))


def test_no_node_stands_on_another_and_every_line_leads_down(run: Path) -> None:
    chain = read_chain(run)
    picture = lay_out(chain)
    boxes = [(place.x, place.y) for place in picture.places]
    for at, (x, y) in enumerate(boxes):
        assert 0 <= x <= picture.width - WIDE and 0 <= y <= picture.height - TALL
        assert all(abs(x - a) >= WIDE or abs(y - b) >= TALL for a, b in boxes[at + 1 :])
    spots = {place.node.id: place.y for place in picture.places}
    assert all(spots[line.start] < spots[line.end] for line in picture.lines)
    told = {(name, step) for step, inputs in CHAIN.items() for name in inputs}
    assert told <= {(line.start, line.end) for line in picture.lines}
    direct = {(line.start, line.end) for line in picture.lines if not line.implied}
    assert ("tokens", "model") in direct and ("corpus", "tokens") not in direct


def test_a_circle_that_a_forger_makes_is_drawn_all_the_same() -> None:
    nodes = {name: Node(name, name, "step", links=[Link(other, "", other)]) for name, other in ("ab", "bc", "ca")}
    assert len(lay_out(Chain(nodes)).places) == 3


def test_a_document_that_is_shown_keeps_its_words_and_leads_nowhere() -> None:
    html = '<header class="bar"><a href="x">y</a></header><p><a class="fact" href="../a.json" title="a.json#/b">7</a>'
    assert within(html) == '<p><a class="fact" title="a.json#/b">7</a>'


@NEEDS_CHROMIUM
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_the_screen_is_legible_and_asks_for_nothing(
    tab: Page, run: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    folder = spoil(run, tmp_path / "run")
    write_page(folder, tmp_path / "page.html")
    tab.requests.clear()
    tab.complaints.clear()
    tab.size(width, 900, dark=dark)
    tab.open((tmp_path / "page.html").as_uri())
    tab.run("(document.querySelectorAll('details').forEach(one => one.open = true), 0)")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert tab.run("document.title") == "The books of small", "no script of a record has run"
    assert tab.run(CONTRAST) >= 4.5
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, light.removeprefix("rgb(").removesuffix(")").split(",")[:3])) < 150) == dark
    if width < 600:
        tab.run(
            "(document.querySelector('[data-node=corpus] rect').dispatchEvent(new Event('click', {bubbles: true})), 0)"
        )
        sizes = tab.run("[...document.querySelectorAll('.record.open .copy')].map(one => one.offsetHeight)")
        assert sizes and min(sizes) >= 24, "a finger's width (WCAG 2.2, 2.5.8)"
    assert [one for one in tab.requests if not one.startswith(("file:", "about:"))] == []
    assert tab.complaints == []


@NEEDS_CHROMIUM
def test_a_step_opens_its_record_by_key_and_the_digest_is_copied_whole(tab: Page, run: Path, tmp_path: Path) -> None:
    write_page(run, tmp_path / "page.html")
    tab.size(1100, 900)
    tab.open((tmp_path / "page.html").as_uri())
    shown = "[...document.querySelectorAll('.record')].filter(one => one.checkVisibility()).map(one => one.id)"
    assert tab.run(shown) == ["node-release"]
    tab.run("(document.querySelector('[data-node=corpus]').focus(), 0)")
    tab.press("Enter", 13, text="\r")
    assert tab.run(shown) == ["node-corpus"]
    assert tab.run("document.activeElement.id") == "title-corpus", "a screen reader reads on there"
    assert tab.run("document.querySelector('[aria-current]').dataset.node") == "corpus"
    drawn = "[...document.querySelectorAll('.link.chosen')].map(one => one.dataset.from + ' ' + one.dataset.to)"
    assert {"annotated corpus", "corpus tokens", "corpus release"} <= set(tab.run(drawn))
    tab.run("(document.querySelector('#node-corpus .inputs a').click(), 0)")
    assert tab.run(shown) == ["node-annotated"]
    root = make_records_of(run)["annotated"]["root"]
    tab.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    tab.run("(document.querySelector('#node-annotated .copy').click(), 0)")
    tab.wait("document.querySelector('.copied').textContent.startsWith('Copied')")
    assert tab.run("navigator.clipboard.readText()") == root
    assert tab.run("document.querySelector('#node-annotated .copy').getAttribute('aria-label')").startswith("Copy the")


@NEEDS_CHROMIUM
def test_documents_are_shown_in_a_sandbox_and_follow_the_colors(tab: Page, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    path = folder / "release" / "documents" / "en" / "model-card.html"
    path.write_text(path.read_text().replace("</main>", f"{EVIL.removeprefix('</script>')}</main>"))
    write_page(folder, folder / "books.html")
    tab.requests.clear()
    tab.complaints.clear()
    tab.size(1100, 900)
    tab.open((folder / "books.html").as_uri())
    frames = "[...document.querySelectorAll('iframe')]"
    assert tab.run(f"{frames}.every(one => one.getAttribute('sandbox') === '')")
    assert tab.run(f"{frames}.filter(one => !one.hidden).map(one => one.title)") == [
        "Public summary of training content"
    ]
    tab.run(
        "((one) => { one.value = '4'; one.dispatchEvent(new Event('change')); })(document.getElementById('document'))"
    )
    assert tab.run(f"{frames}.filter(one => !one.hidden).map(one => one.title)") == ["Model card"]
    tab.run(
        "((one) => { one.value = 'dark'; one.dispatchEvent(new Event('change')); })(document.getElementById('theme'))"
    )
    assert tab.run(f"{frames}.find(one => !one.hidden).srcdoc.includes('data-theme=\"dark\"')")
    link = tab.run("[...document.querySelectorAll('a.open')].find(one => !one.hidden).getAttribute('href')")
    assert (folder / link) == path
    assert tab.run("document.title") == "The books of small"
    assert [one for one in tab.requests if not one.startswith(("file:", "about:"))] == []
