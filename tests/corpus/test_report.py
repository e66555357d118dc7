"""The page on which one looks at a corpus: it asks for nothing, hides nothing, and works in a real browser."""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.corpus import Corpus, CorpusSettings
from openbook.corpus.filter import RuleOverride
from openbook.corpus.page import histogram, samples
from openbook.corpus.page.samples import Sample, Samples, fit
from openbook.corpus.speakers import speakers
from openbook.languages import LANGUAGES
from openbook.report import Report
from tests.browser import CHROMIUM, Page, browser
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page

NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
HEBREW = "הציפורים יושבות על הגג ומחכות לסירה הראשונה של הבוקר. "
EVIL = "</script><img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("report")
    escaped = EVIL.replace("<", "&lt;")
    told = "The old mill by the river was sold again last year, and the new owner wants to bake bread there from the "
    told += "grain of the valley. His neighbours are glad of it, since the nearest baker is two hours away on foot. "
    evil = page(told * 2 + f" An attack: {escaped} and what follows it.").replace(
        b"<title>Birds</title>", f"<title>{escaped}</title>".encode()
    )
    records = [
        *build.page_records(["de", "el", "fr", "ga", "ka", "mt", "sr-Cyrl"]),
        build.record("https://evil.example/", evil),
        build.record(
            "https://reserved.example/", page(TEXT + " Reserved, so nobody may read it."), {"TDM-Reservation": "1"}
        ),
        build.record("https://copy.example/", page(TEXT + " One more line.")),
        build.record("https://origin.example/", page(TEXT + " One more line. And its end.")),
        build.record("https://empty.example/", b"<html></html>"),
        build.record("https://he.example/", page(HEBREW * 6).replace(b"Birds", "ציפורים".encode())),
    ]
    sources = build.sources(folder / "sources", {"web/a.warc": build.warc(folder / "a.warc", records)})
    wanted = CorpusSettings(profile="documentation", filter={"words": RuleOverride(min=40)})
    return build.corpus(folder / "corpus", build.annotated(folder / "annotated", sources), wanted)


@pytest.fixture(scope="module")
def html(built: Corpus) -> str:
    return (built.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_the_page_asks_for_no_other_file_and_lets_no_other_script_run(html: str) -> None:
    assert re.findall(r"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/=]+'\"", unescape(html))
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    assert "url(" not in html and "@import" not in html


def test_what_a_page_says_is_text_and_never_markup(html: str) -> None:
    assert EVIL not in html and "<img" not in html
    assert "&lt;img src=x onerror" in html
    assert html.count("</script>") == html.count("<script")


def test_what_is_reserved_is_counted_and_its_text_is_not_shown(html: str) -> None:
    assert "https://reserved.example/" in html and "rights:reserved" in html
    assert "Reserved, so nobody" not in html
    assert "The text is not shown." in html


def test_near_duplicates_stand_side_by_side_with_their_differences_marked(html: str) -> None:
    [pair] = re.findall(r'<div class="pair">.*?</div></div>', html, re.S)
    left, right = re.findall(r"<pre.*?</pre>", pair, re.S)
    assert "One more line." in left and "<mark>And its end.</mark>" in right


def test_texts_say_their_language_and_find_their_direction(html: str) -> None:
    assert '<pre dir="auto" lang="mt">' in html and '<pre dir="auto" lang="ka">' in html
    assert "<bdi" in html


@NEEDS_CHROMIUM
def test_a_text_that_runs_from_right_to_left_is_shown_so(tab: Page, built: Corpus) -> None:
    tab.size(1280, 800)
    tab.open(f"file://{built.folder / 'report.html'}")
    hebrew = "[...document.querySelectorAll('pre')].find(one => one.textContent.includes('הציפורים'))"
    assert tab.run(f"getComputedStyle({hebrew}).direction") == "rtl"
    assert tab.run(f"{hebrew}.lang") == "he"


def test_the_verb_makes_the_same_page_from_the_artifact_alone(built: Corpus, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(built.folder, run / "corpus")
    (run / "corpus" / "report.html").unlink()
    settings = CorpusSettings(profile="documentation", filter={"words": RuleOverride(min=40)}).model_dump(mode="json")
    write_plain_record(run / "corpus", settings)
    out = tmp_path / "page.html"
    said = CliRunner().invoke(app, ["report", "corpus", str(run), "--out", str(out)], catch_exceptions=False)
    assert said.stdout == f"{out}\n"
    assert out.read_bytes() == (built.folder / "report.html").read_bytes()


def write_plain_record(folder: Path, settings: object) -> None:
    import orjson

    facts = {
        "step": "corpus",
        "version": 1,
        "settings": {"corpus": settings},
        "inputs": {},
        "identity": "0" * 64,
        "code": {},
        "machine": {},
        "started": "2026-01-02T03:04:05Z",
        "seconds": 1.0,
        "cpu_seconds": 1.0,
        "files": {},
        "unrooted": [],
        "root": "0" * 64,
        "roots": {},
        "counts": {},
        "measures": {},
    }
    (folder / "record.json").write_bytes(orjson.dumps(facts))


@NEEDS_CHROMIUM
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_screen_and_is_legible(tab: Page, built: Corpus, width: int, dark: bool) -> None:
    tab.requests.clear()
    tab.size(width, 800, dark=dark)
    tab.open(f"file://{built.folder / 'report.html'}")
    tab.run("(document.querySelectorAll('details').forEach(one => one.open = true), 0)")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert tab.run("document.querySelectorAll('.drawn:empty').length") == 0
    assert tab.run("document.title") == "Corpus", "no script of a page has run"
    assert tab.complaints == []
    assert [one for one in tab.requests if not one.startswith(("file:", "about:"))] == []
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", light)[:3])) < 150) == dark
    assert tab.run(CONTRAST) >= 4.5


CONTRAST = """(() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = one => {
    while (one) {
      const color = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$|^transparent$|color\\(|\\/ /.test(color)) return color;
      one = one.parentElement;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = 21;
  for (const one of document.querySelectorAll("p, td, th button, summary, small, pre, mark, caption, label, li, " +
      "h1, h2, h3, h4, dt, dd, .value, .label, .why")) {
    if (!one.textContent.trim() || !one.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    worst = Math.min(worst, (a + .05) / (b + .05));
  }
  return worst;
})()"""


@NEEDS_CHROMIUM
def test_tables_are_sorted_by_keyboard(tab: Page, built: Corpus) -> None:
    tab.size(1280, 800)
    tab.open(f"file://{built.folder / 'report.html'}")
    table = "[...document.querySelectorAll('table')][0]"
    column = f"[...{table}.tBodies[0].rows].map(row => +row.cells[1].dataset.value)"
    tab.run(f"({table}.tHead.rows[0].cells[1].querySelector('button').focus(), 0)")
    assert tab.run("document.activeElement.matches(':focus-visible') || true")
    for key, order in (("descending", True), ("ascending", False)):
        tab.press("Enter", 13, text="\r")
        assert tab.run(f"{table}.tHead.rows[0].cells[1].getAttribute('aria-sort')") == key
        values = tab.run(column)
        assert values == sorted(values, reverse=order) and len(values) > 5
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"


@NEEDS_CHROMIUM
def test_a_language_and_a_rule_can_be_chosen_and_the_colors(tab: Page, built: Corpus) -> None:
    tab.size(1280, 800)
    tab.open(f"file://{built.folder / 'report.html'}")
    choose = (
        "(({0}) => {{ {0}.value = '{1}'; {0}.dispatchEvent(new Event('change')); }})(document.getElementById('{0}'))"
    )
    tab.run(choose.format("language", "mt"))
    shown = (
        "[...document.querySelectorAll('.sample')].filter(one => one.checkVisibility()).map(one => one.dataset.group)"
    )
    assert set(tab.run(shown)) == {"mt"}
    assert "Maltese (mt)" in tab.run("document.querySelector('[data-panel=funnel] h3').textContent")
    assert "Maltese (mt)" in tab.run("document.querySelector('[data-panel=domains] h3').textContent")
    assert "Maltese (mt)" in tab.run("document.querySelector('[data-panel=distributions] h3').textContent")
    assert tab.run("document.querySelector('#domain-table tbody').textContent").startswith("mt.example")
    assert "bounds of the rule: 40" in tab.run("document.querySelector('[data-panel=distributions]').textContent")
    tab.run(choose.format("language", ""))
    assert {"mt", "ka", "el"} <= set(tab.run("[...document.querySelectorAll('.sample')].map(one => one.dataset.group)"))
    tab.run(choose.format("rule", "duplicates:near"))
    rules = (
        "[...document.querySelectorAll('.judged')].filter(one => one.checkVisibility()).map(one => one.dataset.rule)"
    )
    assert tab.run(rules) == ["", "duplicates:near"]
    before = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.run(choose.format("theme", "dark"))
    after = tab.run("getComputedStyle(document.body).backgroundColor")
    assert before != after
    tab.run(choose.format("theme", ""))
    assert tab.run("getComputedStyle(document.body).backgroundColor") == before
    assert tab.complaints == []


def test_the_page_stays_small_with_any_number_of_languages_and_rules() -> None:
    found = Samples(3)
    rules = ["", *(f"stage:{at}" for at in range(50)), samples.NEAR]
    for rule in rules:
        for group in LANGUAGES:
            found.found[rule, group] = [
                Sample(
                    rule,
                    group,
                    group,
                    "0" * 64,
                    "https://x.example/",
                    "&" * 80,
                    "ж<" * 800,
                    original="&" * 1600 * (rule == samples.NEAR),
                )
                for _ in range(3)
            ]
    chosen = found.chosen()
    assert {(one.rule, one.group) for one in chosen} == set(found.found)
    report = Report("Size")
    from openbook.corpus.page.shown import _group

    report.add("judged.html.jinja", groups=[_group("stage:0", chosen, 1)], chooser=True)
    assert len(report.html().encode()) < 3_000_000


def test_an_excerpt_keeps_to_its_room() -> None:
    assert fit("short", 100) == "short"
    for text in ("ж" * 1000, "<&>" * 500, "word " * 300):
        cut = fit(text, 200)
        assert cut.endswith(" […]") and text.startswith(cut.removesuffix(" […]"))
        assert 150 < len(samples.html.escape(cut).encode()) <= 200


def test_histograms_count_everything_in_bars_that_fit() -> None:
    draw = np.random.default_rng(1)
    for values, logarithmic in (
        (draw.beta(2, 5, 10_000), False),
        (np.ones(10), False),
        (draw.lognormal(6, 1.5, 10_000), True),
        (draw.normal(0, 5, 10_000), True),
        (np.zeros(5), False),
    ):
        counts = histogram.count(values)
        assert counts.sum() == values.size
        shape = histogram.bars(counts)
        shown = np.array(shape.of(counts))
        assert shown.sum() == values.size and 1 <= shown.size <= histogram.BARS
        assert shape.logarithmic == logarithmic
        assert len(shape.edges) == shown.size + 1 and shape.edges == sorted(set(shape.edges))
        inner = np.histogram(values, [-np.inf, *shape.edges[1:-1], np.inf])[0]
        assert np.abs(inner - shown).max() <= 1 + values.size // 500, "as numpy counts, but for rounding at edges"
        [middle] = histogram.quantiles(counts, [0.5])
        assert middle is not None
        assert abs(middle - np.quantile(values, 0.5, method="lower")) <= 0.01 + 0.05 * abs(middle)


def test_the_speakers_are_known_of_every_language_and_named_with_their_source() -> None:
    table = speakers()
    assert set(table) == set(LANGUAGES)
    assert all(one.source and 2000 < one.year < 2030 for one in table.values())
    assert 350 <= table["mt"].thousands <= 600, "the census of Malta 2021 counts 519,562 residents"
    assert 600 <= table["cy"].thousands <= 1000, "the census of Wales 2021: 538,300; the annual survey: 851,700"
    assert table["de"].thousands > table["cs"].thousands > table["sl"].thousands > table["fo"].thousands
