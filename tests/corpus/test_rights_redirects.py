"""A robots.txt that lies elsewhere holds where the crawl has its record; where it does not, the site stays closed."""

import gzip

import orjson
import pytest

from openbook.corpus import Corpus, CorpusSettings
from openbook.corpus.rights import RightsPolicy
from openbook.corpus.robots import is_robots_txt
from openbook.corpus.settings import DuplicateSettings
from tests.corpus import build
from tests.corpus.test_rights_crawl import CLOSED, answered, text_page
from tests.corpus.test_rights_snapshots import rows

PLAIN = "Content-Type: text/plain"
ALLOWED = b"# all may\nUser-agent: *\nAllow: /\nSitemap: https://x.example/map.xml\n"
HTML = b"<html><body><p>User-agent: GPTBot</p><p>Disallow: /</p></body></html>"


def moved(host: str, target: str, path: str = "/robots.txt") -> bytes:
    return answered(host, b"", f"Location: {target}", status="301 Moved Permanently", path=path)


SITES: dict[str, tuple[list[bytes], list[str], list[str]]] = {
    # host: its records, what is unreadable, what is reserved
    "static": (
        [moved("static", "/static/robots-2024.txt"), answered("static", CLOSED, PLAIN, path="/static/robots-2024.txt")],
        [],
        ["robots:gptbot"],
    ),
    "allows": ([moved("allows", "/r.txt"), answered("allows", ALLOWED, PLAIN, path="/r.txt")], [], []),
    "chain": (
        [
            answered("chain", CLOSED, PLAIN, path="/en/rules"),
            moved("chain", "/en/rules", "/en/robots.txt/"),
            moved("chain", "https://chain.example/en/robots.txt/"),
        ],
        [],
        ["robots:gptbot"],
    ),
    "gz": (
        [
            moved("gz", "/x?file=robots"),
            answered("gz", gzip.compress(CLOSED, mtime=0), PLAIN, "Content-Encoding: gzip", path="/x?file=robots"),
        ],
        [],
        ["robots:gptbot"],
    ),
    "home": ([moved("home", "/"), answered("home", HTML, "Content-Type: text/html", path="/")], ["robots"], []),
    "prose": (
        [moved("prose", "/r.txt"), answered("prose", b"Our rules are kind.\n" + CLOSED, PLAIN, path="/r.txt")],
        ["robots"],
        [],
    ),
    "absent": ([moved("absent", "/r.txt")], ["robots"], []),
    "six": (
        [moved("six", "/1/robots.txt")]
        + [moved("six", f"/{n + 1}/robots.txt", f"/{n}/robots.txt") for n in range(1, 6)]
        + [answered("six", CLOSED, PLAIN, path="/6/robots.txt")],
        ["robots"],
        [],
    ),
    "five": (
        [moved("five", "/1/robots.txt")]
        + [moved("five", f"/{n + 1}/robots.txt", f"/{n}/robots.txt") for n in range(1, 5)]
        + [answered("five", CLOSED, PLAIN, path="/5/robots.txt")],
        [],
        ["robots:gptbot"],
    ),
    "unasked": ([answered("unasked", CLOSED, PLAIN, path="/old/robots.txt")], [], []),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("redirects")
    records = [one for host, (policies, _, _) in SITES.items() for one in (*policies, text_page(host))]
    path = build.warc(folder / "1.warc", records)
    annotated = build.annotated(folder / "annotated", build.sources(folder / "sources", {"web/1.warc": path}))
    settings = CorpusSettings(profile="messages", duplicates=DuplicateSettings(near=False), rights=RightsPolicy())
    return build.corpus(folder / "corpus", annotated, settings)


@pytest.mark.parametrize("host", SITES)
def test_a_robots_txt_is_followed_to_where_its_site_keeps_it(corpus: Corpus, host: str) -> None:
    row = rows(corpus)[f"https://{host}.example/p"]
    _, unreadable, reserved = SITES[host]
    assert (row["unreadable"], row["reservations"]) == (unreadable, reserved)
    assert row.get("rejected_by") == ("rights:unreadable" if unreadable else "rights:reserved" if reserved else None)


def test_rules_at_another_address_are_no_page_and_a_page_that_was_pointed_to_is_one(corpus: Corpus) -> None:
    found = rows(corpus)
    assert found["https://static.example/static/robots-2024.txt"]["rejected_by"] == "rights:policy-file"
    assert found["https://unasked.example/old/robots.txt"]["rejected_by"] == "rights:policy-file"
    assert not str(found["https://prose.example/r.txt"].get("rejected_by")).startswith("rights:policy")
    funnel = orjson.loads((corpus.folder / "funnel.json").read_bytes())
    assert sum(line["read"] for line in funnel["lines"]) == len(SITES) + 2  # prose, and the page at home
    told = orjson.loads((corpus.folder / "rights.json").read_bytes())
    assert told["unreadable"] == {"robots": 4 + 2} and told["reservations"] == {"robots:gptbot": 4}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *(("User-agent: *\nDisallow:", True), ("# a\n\nuser-agent: a\ncrawl-delay: 5\nHost: x", True)),
        *(("Disallow: /", False), ("User-agent: *\nDisallow: /\nThank you", False), ("", False)),
        *(("User-agent: *\nContent-Usage: perhaps", False), ("<p>User-agent: *</p>", False)),
    ],
)
def test_only_a_text_that_is_nothing_else_is_taken_for_a_robots_txt(text: str, answer: bool) -> None:
    assert is_robots_txt(text) is answer
