"""What the documents of a release promise: every figure stands in a record, nothing is guessed, peers can read them."""

import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from openbook.release import documents
from openbook.release.documents import DOCUMENTS, LANGUAGES
from openbook.release.documents.layout import item, sections, summary_sections
from openbook.release.documents.score import criteria, share
from openbook.release.documents.texts import texts
from openbook.release.fact import Books, Fact
from openbook.release.facts import gather_facts
from openbook.release.tally import listed_domains
from tests.release.folder import CODES, SAID, write_folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose people said all there is to say."""
    folder = write_folder(tmp_path_factory.mktemp("told"), SAID)
    documents.write(folder)
    return folder


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose people said nothing."""
    folder = write_folder(tmp_path_factory.mktemp("silent"), {})
    documents.write(folder)
    return folder


def entries(folder: Path) -> list[dict[str, Any]]:
    """Every fact of evidence.json, those in tables and in sentences included."""
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict) and "anchors" in value:
            found.append(value)
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(one)

    walk(json.loads((folder / "evidence.json").read_bytes()))
    return found


def test_every_value_of_the_evidence_stands_where_its_anchor_leads(told: Path) -> None:
    books, exact = Books(told), 0
    for entry in entries(told):
        for anchor in entry["anchors"]:
            books.resolve(anchor)  # raises when it leads nowhere
        if len(entry["anchors"]) == 1 and entry["value"] is not None and "method" not in entry:
            there = books.resolve(entry["anchors"][0])
            if not isinstance(there, dict):
                assert entry["value"] == there, entry
                exact += 1
    assert exact > 150


def test_no_number_is_without_an_anchor(told: Path) -> None:
    constants = {24}  # official languages of the Union
    for entry in entries(told):
        if isinstance(entry["value"], int | float) and not isinstance(entry["value"], bool):
            assert entry["anchors"] or entry["value"] in constants, entry


class Links(html.parser.HTMLParser):
    """Numbers of a page that stand outside of a link, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.facts: list[tuple[str, str]] = []
        self.loose: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "style", "title", "h1", "h2", "h3", "th", "dt", "p"):
            self.inside.append(tag)
        given = dict(attrs)
        if given.get("class") == "fact":
            self.facts.append((str(given["href"]), str(given["title"])))

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside and re.search(r"\d", data):
            self.loose.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_of_every_page_links_to_its_record(told: Path, language: str) -> None:
    books = Books(told)
    for document in DOCUMENTS:
        page = told / f"documents/{language}/{document}.html"
        links = Links()
        links.feed(page.read_text())
        assert len(links.facts) > 5
        for href, title in links.facts:
            assert (page.parent / href).resolve().is_file(), href
            for anchor in re.findall(r"[\w./-]+\.json#\S*", title.split(" (")[0]):
                books.resolve(anchor)
        own = texts(language).tables["sentences"]
        fixed = " ".join(own.values()) + " 24 "  # numerals of the interface: "5 %", "1 billion"
        loose = [n for text in links.loose for n in re.findall(r"\d+", text) if n not in fixed]
        assert not loose, (document, loose)


def test_a_changed_record_changes_the_documents_and_nothing_else_does(told: Path, tmp_path: Path) -> None:
    again = write_folder(tmp_path / "again", SAID)
    documents.write(again)
    assert (again / "evidence.json").read_bytes() == (told / "evidence.json").read_bytes()
    page = "documents/de/form-office.html"
    assert (again / page).read_bytes() == (told / page).read_bytes()
    changed = json.loads((again / "records/model.json").read_text())
    changed["counts"]["weights"] = 91_234
    (again / "records/model.json").write_text(json.dumps(changed))
    documents.write(again)
    assert "91.234" in (again / page).read_text() and "91.234" not in (told / page).read_text()


def test_what_nobody_said_prints_not_recorded_and_is_listed(silent: Path, told: Path) -> None:
    evidence = json.loads((silent / "evidence.json").read_bytes())
    assert {"provider", "contact", "intended_use", "illegal_content"} <= set(evidence["missing"])
    assert "parameters" not in evidence["missing"] and "documents" not in evidence["missing"]
    assert "nicht erfasst" in (silent / "documents/de/summary.html").read_text()
    assert json.loads((told / "evidence.json").read_bytes())["missing"] == []


def test_nothing_that_a_book_can_tell_is_open_and_the_grades_are_beaten(silent: Path, told: Path) -> None:
    """Grades of the best public summaries by the AIAL framework: 92.9 for transparency, 97.1 for usefulness."""
    asked = criteria()
    derivable = [one for one in asked if not one.said]
    assert [one.asks for one in derivable if not one.met(gather_facts(silent))] == []
    for kind, grade in (("transparency", 92.9), ("usefulness", 97.1)):
        assert share([one for one in asked if one.kind == kind], gather_facts(told)) > grade
    assert share(asked, gather_facts(silent)) < 80


def test_every_field_of_the_template_is_asked_for_and_a_link_is_no_measure(told: Path, tmp_path: Path) -> None:
    asked = criteria()
    keys = {key for one in asked for key in (*one.facts, one.table)}
    nobody_owes = {"comments"}
    whole = {"licensed_sources", "third_party_sources", "crawled_sources", "synthetic_sources", "other_sources"}
    assert set(summary_sections()) - keys - nobody_owes - whole == set()
    assert {one.section for one in asked if one.kind == "transparency"} >= {"1.1", "1.3", "2.1", "2.3", "2.6", "3.2"}
    [plain] = [one for one in asked if one.plain]
    assert plain.met(gather_facts(told))
    linked = write_folder(tmp_path, SAID | {"illegal_content": "https://example.org/paper.pdf"})
    assert not plain.met(gather_facts(linked))


def test_operations_are_counted_and_energy_names_its_method(told: Path) -> None:
    facts = gather_facts(told).facts
    # A layer: queries and output 64 x 64 each, keys and values 64 x 32 each, three of 64 x 128; head 500 x 64.
    by_hand = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128) + 500 * 64
    assert facts["flops"].value == (6 * by_hand + 6 * 2 * 2 * 32 * 64) * 15_360
    assert facts["energy"].value == pytest.approx(7 * 20.0 * 10 / 3.6e9)
    assert facts["energy_method"].text == "energy_estimated"
    text = (told / "documents/en/form-office.html").read_text()
    assert "Estimated, not measured" in text


def test_measured_energy_is_preferred(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SAID)
    for path in (folder / "records").glob("*.json"):
        record = json.loads(path.read_text())
        record["measures"]["energy"] = {"rapl_joules": 3.6e6, "nvml_joules": 3.6e6}
        path.write_text(json.dumps(record))
    facts = gather_facts(folder).facts
    assert facts["energy"].value == pytest.approx(7 * 2e-3)
    assert facts["energy_method"].text == "energy_measured"


def test_energy_of_a_device_is_never_guessed_from_processor_seconds(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SAID)
    path = folder / "records/model.json"
    record = json.loads(path.read_text())
    record["measures"]["arithmetic"]["device"] = "a device"
    path.write_text(json.dumps(record))
    facts = gather_facts(folder).facts
    assert not facts["energy"].recorded and not facts["energy_method"].recorded
    assert facts["processor"].value == ("a processor", "a device")


def test_the_three_redactions_show_what_their_readers_may_see(told: Path) -> None:
    facts = gather_facts(told)
    shown = {
        document: {each.key for section in sections(document, facts) for each, _ in section.fields}
        for document in ("form-office", "form-authority", "form-downstream")
    }
    assert "parameters" in shown["form-office"] and "parameters" not in shown["form-authority"]
    assert "parameter_band" in shown["form-authority"] & shown["form-downstream"]
    assert "flops" in shown["form-office"] and not {"flops", "energy"} & shown["form-downstream"]
    assert item("used = public_used @on").readers == "on"


def test_domains_are_listed_by_the_rule_of_the_template() -> None:
    many = {f"{at:05}.example": {"documents": 1, "bytes": 100_000 - at} for at in range(30_000)}
    assert len(listed_domains(many, small=False)["listed"]) == 3000
    assert len(listed_domains(many, small=True)["listed"]) == 1000
    few = dict(list(many.items())[:40])
    assert [one["domain"] for one in listed_domains(few, small=True)["listed"]] == ["00000.example", "00001.example"]
    assert len(listed_domains(few, small=False)["listed"]) == 4


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_translation_has_the_same_keys_and_places(language: str) -> None:
    english, other = texts("en").tables, texts(language).tables
    assert {name: set(table) for name, table in english.items()} == {name: set(table) for name, table in other.items()}
    same = 0
    for name, table in english.items():
        for key, text in table.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", other[name][key])), key
            same += text == other[name][key]
    assert same < 30, "a translation that is still English"


def test_figures_are_written_as_each_language_writes_them() -> None:
    assert texts("en").number(1234567) == "1,234,567" and texts("de").number(1234567) == "1.234.567"
    assert texts("fr").number(2.5) == "2,500" and texts("en").number(4.345e-6) == "4.345 × 10⁻⁶"
    assert texts("pl").number(1.081e14) == "1,081 × 10¹⁴" and texts("it").number(0) == "0"


def test_text_of_a_recipe_cannot_break_out_of_a_page(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SAID | {"limits": '<script>alert("x")</script> | [a](b)'})
    documents.write(folder)
    assert "<script>" not in (folder / "documents/en/model-card.html").read_text()
    assert "<script>" not in (folder / "README.md").read_text()


def test_front_matter_and_mof_are_yaml_with_the_right_class(told: Path, silent: Path) -> None:
    front = yaml.safe_load((told / "README.md").read_text().split("---")[1])
    assert front["license"] == "apache-2.0" and front["language"] == ["en", "ga", "mt"]
    release = yaml.safe_load((told / "mof.yml").read_text())["release"]
    assert release["class"] == "Class III, open model" and release["missing_for_next_class"] == "Evaluation data"
    assert {"Model card", "Training code"} <= {one["name"] for one in release["components"]}
    release = yaml.safe_load((silent / "mof.yml").read_text())["release"]
    assert release["class"] == "none of the classes" and "open license" in release["missing_for_next_class"]


def test_croissant_is_read_by_mlcroissant(told: Path, silent: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    for folder in (told, silent):
        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        assert dataset.metadata.ctx.issues.errors == set()
        rows = [row["documents/id"] for row in dataset.records("documents")]
        assert rows[0] == b"0" * 64 and len(rows) == 70


def test_the_bill_of_materials_is_valid_by_the_schema_of_cyclonedx(told: Path, silent: Path) -> None:
    pytest.importorskip("cyclonedx")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for folder in (told, silent):
        assert validator.validate_str((folder / "documents/mlbom.cdx.json").read_text()) is None


def test_companions_have_an_anchor_for_every_figure_from_the_books(told: Path) -> None:
    books = Books(told)
    for name, plain in (("croissant", "croissant.json"), ("mlbom.cdx", "documents/mlbom.cdx.json")):
        anchors = json.loads((told / f"documents/{name}.anchors.json").read_text())
        assert len(anchors) > 10
        for place, where in anchors.items():
            books.resolve(f"{plain}#{place}")
            for anchor in where:
                books.resolve(anchor)


def test_a_fact_that_was_never_recorded_has_neither_value_nor_anchor(silent: Path) -> None:
    assert Books(silent).fact("records/model.json", "counts", "nothing") == Fact()


def test_minimal_pairs_stand_in_the_model_card(told: Path) -> None:
    tree = json.loads((told / "documents/model-card.json").read_bytes())
    table = next(one for section in tree["sections"] for one in section["tables"] if one["key"] == "pairs")
    assert [cell["value"] for cell in table["rows"][0][1:]] == [400, 0.71, 0.664, 0.752]
    assert [cell["anchors"] for cell in table["rows"][0][1:3]] == [
        [f"reports/pairs.json#/languages/{CODES[0]}/all/{key}"] for key in ("n", "accuracy")
    ]


def test_what_was_read_how_often_and_what_a_limit_held_stands_in_the_model_card(told: Path) -> None:
    tree = json.loads((told / "documents/model-card.json").read_bytes())
    table = next(one for section in tree["sections"] for one in section["tables"] if one["key"] == "readings")
    assert table["rows"][0][0]["value"].endswith(f"({CODES[0]}/wiki)")
    assert [cell["value"] for cell in table["rows"][0][1:]] == [900, 8.0, 40.0, 8.0, True]
    assert table["rows"][0][2]["anchors"] == ["reports/repeats.json#/readings/0/times"]
    assert "held at the limit" in (told / "README.md").read_text()


def test_memorization_stands_in_the_model_card_with_every_prefix_and_the_canaries(told: Path) -> None:
    tree = json.loads((told / "documents/model-card.json").read_bytes())
    tables = {one["key"]: one["rows"] for section in tree["sections"] for one in section["tables"]}
    assert [row[0]["value"] for row in tables["prefixes"]] == [32, 64, 128]
    assert tables["memorization"][0][1]["value"] == 128
    assert [(row[0]["value"], row[2]["value"]) for row in tables["canaries"]] == [(1, 1.5), (4, 1.5), (16, 1.5)]
