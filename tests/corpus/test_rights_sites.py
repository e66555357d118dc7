"""What a site says of all its pages holds for all of them, and what is left out by name leaves no words behind."""

from pathlib import Path

import pytest

from openbook.corpus import CorpusSettings
from openbook.corpus.addresses import site_of
from openbook.corpus.optouts import OptOuts, OptOutSettings
from openbook.corpus.rights import RightsPolicy
from openbook.corpus.robots import Site, parse
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page

ROBOTS = """# RFC 9309, 5.1 and 5.2, with an agent of ours
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: GPTBot
User-Agent: CCBot/2.0
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$

User-agent: quxbot
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", []),
        ("/example/", ["robots:*"]),
        ("/private", ["robots:ccbot", "robots:gptbot"]),
        ("/private/x?y=1", ["robots:ccbot", "robots:gptbot"]),
        ("/private/open/x", []),
        ("/a/b.pdf", ["robots:ccbot", "robots:gptbot"]),
        ("/a/b.pdf?download", []),
        ("/%70rivate", ["robots:ccbot", "robots:gptbot"]),
    ],
)
def test_the_longest_rule_decides_for_each_agent(path: str, found: list[str]) -> None:
    assert Site([("/robots.txt", ROBOTS)]).reservations("https://a.example" + path) == found


def test_groups_are_read_as_the_standard_says() -> None:
    groups = parse("user-agent: a\nuser-agent: b\nallow: /x\nuser-agent: a\ndisallow: /y # why\ndisallow:\nnonsense")
    assert {agent: [line for rules in groups for line in rules.lines] for agent, groups in groups.items()} == {
        "a": [(True, "/x"), (False, "/y")],
        "b": [(True, "/x")],
    }


def test_an_answer_that_is_no_policy_is_unreadable_and_tdmrep_is_read() -> None:
    assert Site([("/robots.txt", "<!doctype html><p>Not found")]).unreadable == ["robots"]
    site = Site(
        [
            (
                "/.well-known/tdmrep.json",
                '[{"location": "/news/*", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}]',
            )
        ]
    )
    assert site.reservations("https://a.example/news/1") == ["tdmrep.json"]
    assert site.reservations("https://a.example/open") == []
    assert Site([("/.well-known/tdmrep.json", "{")]).unreadable == ["tdmrep.json"]


def test_hosts_are_told_apart_by_name_and_port() -> None:
    assert site_of("HTTPS://A.example:8080/x") == "a.example:8080"
    assert site_of("http://user@A.example.:80/x") == site_of("https://a.example:443") == "a.example"
    assert site_of("html:x/y") == site_of("http://[bad") == site_of("http://a.example:x/") == ""


def test_robots_in_the_crawl_hold_for_all_pages_of_the_site_whenever_fetched(tmp_path: Path) -> None:
    robots = b"User-agent: GPTBot\nDisallow: /closed"
    plain = {"Content-Type": "text/plain"}
    first = [
        build.record("https://a.example/closed/1", page(TEXT + " The first.")),
        build.record("https://b.example/closed/1", page(TEXT + " Elsewhere, another.")),
    ]
    later = [
        build.record("https://a.example/robots.txt", robots, plain),
        build.record("https://a.example/open", page(TEXT * 2)),
    ]
    paths = {"web/1.warc": build.warc(tmp_path / "1.warc", first), "web/2.warc": build.warc(tmp_path / "2.warc", later)}
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", paths))
    settings = CorpusSettings(profile="messages", rights=RightsPolicy(reserved="sealed"))
    corpus = build.corpus(tmp_path / "corpus", annotated, settings)
    rows = {row["url"]: row for row in corpus.documents("en", split=None)} | {
        row["url"]: row for row in corpus.rejected("en")
    }
    assert rows["https://a.example/closed/1"]["reservations"] == ["robots:gptbot"]
    assert rows["https://b.example/closed/1"]["reservations"] == []
    assert rows["https://a.example/open"]["reservations"] == []
    closed = build.corpus(tmp_path / "closed", annotated, CorpusSettings(profile="messages"))
    reason = next(row["rejected_by"] for row in closed.rejected("en") if row["url"] == "https://a.example/closed/1")
    assert reason == "rights:reserved"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://www.shop.example/a", "optout:domain"),
        ("https://shop.example", "optout:domain"),
        ("https://workshop.example/a", None),
        ("http://other.example/page?id=1#part", "optout:url"),
        ("https://OTHER.example/page/?id=1", "optout:url"),
        ("https://other.example/page?id=2", None),
        ("https://other.example/Page?id=1", None),
        ("https://other.example/p%61ge?id=1", "optout:url"),
        ("https://other.example:8443/page?id=1", None),
        ("https://shop.example./a", "optout:domain"),
        ("https://xn--mnze-0ra.example/a", "optout:domain"),
        ("https://archiv.MÜNZE.example:8080/a", "optout:domain"),
        ("https://shop.example.org/a", None),
    ],
)
def test_opt_outs_are_exact(url: str, reason: str | None) -> None:
    names = OptOuts(
        OptOutSettings(
            domains=("Shop.example", "münze.example."), urls=("https://other.example/page/?id=1",), ids=("ab" * 32,)
        )
    )
    assert names.reason("", url) == reason
    assert names.reason("ab" * 32, url) == "optout:id"


def test_what_is_left_out_by_name_leaves_no_words_behind(tmp_path: Path) -> None:
    records = [
        build.record("https://out.example/1", page()),
        build.record("https://in.example/1", page(TEXT + " It stays.")),
    ]
    found = build.sources(tmp_path / "sources", {"web/1.warc": build.warc(tmp_path / "1.warc", records)})
    annotated = build.annotated(tmp_path / "annotated", found)
    settings = CorpusSettings(profile="messages", optouts=OptOutSettings(domains=("out.example",)))
    corpus = build.corpus(tmp_path / "corpus", annotated, settings)
    (row,) = corpus.rejected("en")
    assert (row["rejected_by"], row["text"], row["title"]) == ("optout:domain", None, None)
    assert [row["url"] for row in corpus.documents("en", split=None)] == ["https://in.example/1"]


@pytest.mark.parametrize(
    ("field", "entry"),
    [("domains", "https://shop.example/"), ("domains", "a b.example"), ("urls", "/page"), ("ids", "ab12")],
)
def test_an_entry_that_could_match_nothing_is_refused(field: str, entry: str) -> None:
    with pytest.raises(ValueError, match=entry):
        OptOutSettings.model_validate({field: (entry,)})
