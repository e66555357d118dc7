"""A page that a list of others blocks is rejected by the list's category; compiled lists answer as a set would."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.corpus import CorpusSettings, outside
from openbook.corpus.blocklists import Blocklist, BlocklistSettings, ListFile, compile_lists, files
from openbook.errors import OpenbookError
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page


def write(folder: Path, category: str, name: str, lines: list[str]) -> Path:
    path = folder / category / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "\n".join(lines).encode() + b"\n"
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


def compiled(tmp_path: Path, found: list[ListFile]) -> Blocklist:
    compile_lists(found, tmp_path / "list.hashes")
    return Blocklist(tmp_path / "list.hashes")


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "ut1"
    write(folder, "gambling", "domains", ["# a comment", "Bets.Example", "", "münze.example", "192.0.2.7"])
    write(folder, "gambling", "urls", ["portal.example/games/slots", "http://other.example/a/?page=2"])
    write(folder, "phishing", "domains.gz", ["trick.example", "bets.example"])
    return folder


@pytest.mark.parametrize(
    ("url", "category"),
    [
        ("https://bets.example/", "gambling"),
        ("http://www.BETS.example.:8080/x?y", "gambling"),
        ("https://alphabets.example/", None),
        ("https://a.b.trick.example/x", "phishing"),
        ("https://xn--mnze-0ra.example/", "gambling"),
        ("https://münze.example/", "gambling"),
        ("http://192.0.2.7/x", "gambling"),
        ("https://portal.example/games/slots", "gambling"),
        ("https://www.portal.example/games/slots/3?x=1", "gambling"),
        ("https://portal.example/games/slotsofun", None),
        ("https://portal.example/games", None),
        ("https://sub.portal.example/games/slots", None),
        ("https://other.example/a?page=2", None),
        ("https://other.example/a/?page=2", "gambling"),
        ("not an address", None),
    ],
)
def test_a_domain_blocks_all_below_it_and_an_address_all_below_its_path(
    lists: Path, tmp_path: Path, url: str, category: str | None
) -> None:
    found = compiled(tmp_path, files([BlocklistSettings(path="ut1")], tmp_path))
    expected = [category]
    if url == "https://other.example/a?page=2":  # a slash before the question mark makes no difference
        expected = ["gambling"]
    assert found.categories_of([url]) == expected


def test_of_two_categories_the_first_of_the_recipe_is_named(lists: Path, tmp_path: Path) -> None:
    turned = BlocklistSettings(path="ut1", categories=("phishing", "gambling"))
    assert compiled(tmp_path, files([turned], tmp_path)).categories_of(["https://bets.example"]) == ["phishing"]
    single = BlocklistSettings(path="ut1/gambling")
    assert compiled(tmp_path, files([single], tmp_path)).categories_of(["https://trick.example"]) == [None]


def test_a_list_that_is_not_there_is_named(lists: Path, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no folder"):
        files([BlocklistSettings(path="nowhere")], tmp_path)
    with pytest.raises(OpenbookError, match="no malware; it has: gambling, phishing"):
        files([BlocklistSettings(path="ut1", categories=("malware",))], tmp_path)


labels = st.text("ab1-", min_size=1, max_size=2).map(lambda text: f"x{text}x")
hosts = st.lists(labels, min_size=1, max_size=3).map(".".join)
paths = st.lists(st.sampled_from(["", "a", "b", "c.html"]), max_size=4).map("/".join)


@settings(max_examples=60, deadline=None)
@given(st.sets(hosts, max_size=12), st.sets(st.tuples(hosts, paths), max_size=12), st.lists(st.tuples(hosts, paths)))
def test_compiled_lists_answer_as_a_set_of_python_does(
    tmp_path_factory: pytest.TempPathFactory,
    domains: set[str],
    urls: set[tuple[str, str]],
    asked: list[tuple[str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    write(folder, "c", "domains", sorted(domains))
    write(folder, "c", "urls", sorted("/".join(url) for url in urls))
    found = compiled(folder, files([BlocklistSettings(path="c")], folder))
    blocked = {(host, path.rstrip("/")) for host, path in urls}

    def expected(host: str, path: str) -> bool:
        labels = host.split(".")
        if any(".".join(labels[at:]) in domains for at in range(len(labels))):
            return True
        pieces = path.rstrip("/").split("/")
        beginnings = {"/".join(pieces[:count]).rstrip("/") for count in range(len(pieces) + 1)}
        return any((host, beginning) in blocked for beginning in beginnings)

    answers = found.categories_of([f"https://{host}/{path}" for host, path in asked])
    assert [answer is not None for answer in answers] == [expected(host, path) for host, path in asked]


def test_the_corpus_names_the_category_and_reads_no_page_again(
    lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbook.corpus.build.write_report", lambda *_: None, raising=False)  # tested elsewhere
    records = [
        build.record("https://www.bets.example/1", page(TEXT + " One.")),
        build.record("https://birds.example/1", page(TEXT + " Two.")),
    ]
    found = build.sources(tmp_path / "sources", {"web/1.warc": build.warc(tmp_path / "1.warc", records)})
    annotated = build.annotated(tmp_path / "annotated", found)
    (tmp_path / "1.warc").unlink()
    settings = CorpusSettings(profile="messages", blocklists=(BlocklistSettings(path=str(lists)),))
    corpus = build.corpus(tmp_path / "corpus", annotated, settings)
    (row,) = corpus.rejected("en")
    assert (row["rejected_by"], row["url"]) == ("blocklist:gambling", "https://www.bets.example/1")
    assert [row["url"] for row in corpus.documents("en", split=None)] == ["https://birds.example/1"]


def test_a_changed_list_is_another_identity(lists: Path, tmp_path: Path) -> None:
    settings = CorpusSettings(blocklists=(BlocklistSettings(path="ut1"),))
    before = outside.evidence(settings, tmp_path)
    assert set(before) == {"blocklists"} and len(outside.local_files(settings, tmp_path)) == 3
    write(lists, "phishing", "domains.gz", ["trick.example"])
    assert outside.evidence(settings, tmp_path) != before
    assert outside.evidence(CorpusSettings(), tmp_path) == {}
