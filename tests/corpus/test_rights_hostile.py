"""What strangers write in policy files ends no run, takes no time to speak of, and closes where it cannot be read."""

import gzip
import random
import time

import pytest

from openbook.corpus import policies
from openbook.corpus.directives import directives
from openbook.corpus.path_rules import Pattern, Rules
from openbook.corpus.policies import Answer, by_site, text_of
from openbook.corpus.preferences import usage
from openbook.corpus.rights import RightsPolicy, decide, read_signals
from openbook.corpus.robots import AGENTS, READ, Site, parse
from openbook.corpus.sources.media import NO_RULES, POINTS_TO, policy_answer

TDMREP = "/.well-known/tdmrep.json"
PAGE = "https://a.example/a/b.html"


def said(text: str | None, path: str = "/robots.txt", url: str = PAGE) -> tuple[list[str], list[str]]:
    """Unreadable files, and reservations of the page."""
    site = Site([(path, text)], "a.example")
    return site.unreadable, site.reservations(url)


def processor_time(work: object) -> float:
    start = time.process_time()
    assert callable(work)
    work()
    return time.process_time() - start


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        # RFC 9309, 2.2.3 and 5.2; Google's documentation of robots.txt, "URL matching based on path values"
        *(("/", "/any", True), ("/*", "/any", True), ("/fish", "/fish.html", True), ("/fish", "/Fish.asp", False)),
        *(("/fish", "/catfish", False), ("/fish*", "/fishheads/yummy.html", True), ("/fish/", "/fish", False)),
        *(("/*.php", "/folder/any.php.file.html", True), ("/*.php", "/windows.PHP", False), ("/*.php", "/", False)),
        *(("/*.php$", "/folder/filename.php", True), ("/*.php$", "/filename.php?parameters", False)),
        *(("/*.php$", "/filename.php5", False), ("/fish*.php", "/fishheads/catfish.php?parameters", True)),
        *(("/fish*.php", "/Fish.PHP", False), ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", True)),
        *(("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar", True), ("*ab*b$", "/ab", False)),
        *(("*ab*b$", "/abb", True), ("/a**b", "/a/b", True), ("/$", "/", True), ("/$", "/a", False), ("$", "/", False)),
    ],
)
def test_patterns_match_as_the_standard_and_its_largest_reader_say(pattern: str, path: str, matches: bool) -> None:
    from urllib.parse import unquote_to_bytes

    assert Rules([(False, pattern)]).disallows(unquote_to_bytes(path)) is matches


def test_pieces_match_what_a_regular_expression_would() -> None:
    import re

    drawn = random.Random(7)
    for _ in range(3000):
        pattern = "".join(drawn.choice("ab*") for _ in range(drawn.randrange(1, 7))) + drawn.choice(["", "$"])
        path = "".join(drawn.choice("ab") for _ in range(drawn.randrange(8)))
        body = pattern.removesuffix("$")
        wanted = re.compile(".*".join(map(re.escape, body.split("*"))) + ("$" if pattern.endswith("$") else ""))
        one = Pattern(pattern, False)
        matched = path.encode().startswith(one.beginning) and one.goes_on(path.encode())
        assert matched is bool(wanted.match(path)), (pattern, path)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    site = Site([("/robots.txt", "User-agent: GPTBot\nDisallow: /" + "*a" * 1000 + "$")])
    assert processor_time(lambda: site.reservations("https://a.example/" + "a" * 5000 + "b")) < 0.5


def test_many_agents_with_many_rules_share_them_and_are_decided_at_once() -> None:
    agents = sorted(AGENTS)
    named = "\n".join(f"User-agent: {agent}" for agent in agents)
    rules = "\n".join(f"Disallow: /folder{number}/*.html$" for number in range(3000))
    text = f"{named}\n{rules}\n"
    groups = parse(text)
    assert len({id(group) for agent in agents for group in groups[agent]}) == 1
    site = Site([("/robots.txt", text)])
    urls = [f"https://a.example/folder{number}/x.html" for number in range(300)]
    assert site.reservations(urls[7]) == [f"robots:{agent}" for agent in agents]
    assert processor_time(lambda: [site.reservations(url) for url in urls]) < 1  # a rule an agent: 70 ms a page


def test_a_group_of_its_own_beside_a_shared_one_counts_for_its_agent_alone() -> None:
    text = "user-agent: gptbot\nuser-agent: ccbot\ndisallow: /x\n\nuser-agent: ccbot\nallow: /x/open\n"
    site = Site([("/robots.txt", text)])
    assert site.reservations("https://a.example/x/open/1") == ["robots:gptbot"]


def test_rules_that_take_too_long_to_decide_keep_the_page_out() -> None:
    rules = "\n".join(f"Disallow: /*{number:x}*z" for number in range(30_000))
    site = Site([("/robots.txt", f"User-agent: GPTBot\n{rules}")])
    url = "https://a.example/" + "0123456789abcdef" * 4000
    site.reservations(PAGE)
    assert processor_time(lambda: site.reservations(url)) < 1
    assert site.reservations(url) == ["robots:gptbot"]


def test_a_long_file_is_read_to_its_bound_and_noted_as_cut() -> None:
    line = "Disallow: /some/where/or/other\n"
    long = "User-agent: GPTBot\nDisallow: /a\n" + line * (READ // len(line)) + "Disallow: /z\n"
    site = Site([("/robots.txt", long)])
    assert (site.cut, site.unreadable) == (["/robots.txt"], [])
    assert site.reservations("https://a.example/a") == ["robots:gptbot"]
    assert site.reservations("https://a.example/z") == []
    comments = "#" + "x" * (2 * READ) + "\nUser-agent: GPTBot\nDisallow: /\n"
    kept = text_of(comments.encode(), json=False)
    assert kept is not None and len(kept) < 100
    assert said(f'[{{"location": "/", "tdm-reservation": 0, "x": "{"y" * READ}"}}]', TDMREP) == (["tdmrep.json"], [])


@pytest.mark.parametrize("text", ["[" * 400_000, '{"a":' * 100_000, "[" * 2000 + "]" * 2000, '[{"location":' * 9000])
def test_nested_json_is_unreadable_and_ends_no_run(text: str) -> None:
    assert said(text, TDMREP) == (["tdmrep.json"], [])


@pytest.mark.parametrize(
    ("rows", "unreadable", "reserved"),
    [
        ('[{"location": "https://a.example/a/", "tdm-reservation": 1}]', False, True),
        ('[{"location": "//www.a.example/a/*.html$", "tdm-reservation": 1}]', False, True),
        ('[{"location": "https://a.example", "tdm-reservation": 1}]', False, True),
        ('[{"location": "https://b.example/a/", "tdm-reservation": 1}]', True, False),
        (
            '[{"location": "https://b.example/", "tdm-reservation": 1}, {"location": "/x", "tdm-reservation": 1}]',
            False,
            False,
        ),
        ('[{"location": "a/*", "tdm-reservation": 1}]', False, True),
        ('[{"location": "/a/*", "tdm-reservation": true}]', True, False),
        ('[{"location": "/a/*", "tdm-reservation": "1"}]', False, True),
        ('[{"location": null, "tdm-reservation": 1}]', True, False),
        ('[{"location": "/a", "tdm-reservation": 1}, 7]', True, True),
        *(("null", True, False), ("", True, False), ("{}", True, False), ("[]", False, False), ("[null]", True, False)),
    ],
)
def test_tdmrep_in_every_form(rows: str, unreadable: bool, reserved: bool) -> None:
    assert said(rows, TDMREP) == (["tdmrep.json"] * unreadable, ["tdmrep.json"] * reserved)


@pytest.mark.parametrize(
    "text",
    [
        *("Error: something went wrong", '{"error": "internal"}', '{"user-agent": "*"}', "no training please"),
        *("Warning: a\nFatal: b\n", "<html><body>User-agent", "DisallowedHost: a.example is not allowed", "allowed: 3"),
        *("User-agent: *\nAllow: /\nContent-Usage: train-ai=maybe", "Content-Signal: nonsense", "Host unreachable"),
    ],
)
def test_what_is_no_robots_txt_is_unreadable(text: str) -> None:
    assert said(text)[0] == ["robots"]
    assert said(text, "/ai.txt")[0] == ["ai.txt"]


@pytest.mark.parametrize(
    "text",
    [
        *("UserAgent: GPTBot\nDisallow: /", "User agent: GPTBot\nDissallow: /", "USER-AGENT : gptbot\nDisalow: /a"),
        *("User-agent GPTBot\nDisallow /", "User-agent: GPTBot\nDisallowed: /\n", "User-agent: GPTBot\rDisallow: a\r"),
        *("\ufeffUser-agent: GPTBot/1.2\n\nDisallow: *", "User-agents: gptbot*\ndiasllow: /*"),
    ],
)
def test_names_of_fields_are_read_as_people_write_them(text: str) -> None:
    assert said(text) == ([], ["robots:gptbot"])


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        ("User-agent: GPTBot\r\nDisallow: /\r\n".encode("utf-16"), True),
        (b"\xfe\xff" + "User-agent: GPTBot\nDisallow: /".encode("utf-16-be"), True),
        (b"\xef\xbb\xbfUser-agent: GPTBot\nDisallow: /", True),
        (b"# caf\xe9\nUser-agent: GPTBot # \xff\nDisallow: /", True),
        ("User-agent: GPTBot\nDisallow: /".encode("utf-16-le"), False),
        (b"User-agent: GPTBot\nDisallow: /caf\xe9", False),
        (b"\xff\xfeU", False),
        (gzip.compress(b"User-agent: *\nDisallow: /", mtime=0), False),
        (random.Random(3).randbytes(3000), False),
    ],
)
def test_bytes_become_the_text_that_they_are_or_none(body: bytes, readable: bool) -> None:
    text = text_of(body, json=False)
    assert (text is not None) is readable
    assert said(text) == (([], ["robots:gptbot"]) if readable else (["robots"], []))


def test_random_bytes_and_texts_never_raise() -> None:
    drawn = random.Random(11)
    pieces = [
        "User-agent:",
        "gptbot",
        "*",
        "\n",
        "Disallow:",
        "/",
        "%zz",
        "%",
        "$",
        "\0",
        "é",
        "[",
        "{",
        '"',
        ":",
        "\u2028",
    ]
    for _ in range(500):
        text = "".join(drawn.choice(pieces) for _ in range(drawn.randrange(60)))
        for path in ("/robots.txt", "/ai.txt", TDMREP):
            Site([(path, text), (path, None)], "a.example").reservations("https://a.example/%zz?\u2028é")
        value = text.replace("\n", ",")
        headers = [(name, value) for name in ("X-Robots-Tag", "TDM-Reservation", "Content-Usage", "Link")]
        read_signals(headers, [("meta robots", value), ("rel=license", value), ("notice rights", value)], None, None)
        text_of(drawn.randbytes(200), json=drawn.random() < 0.5)


@pytest.mark.parametrize("value", ["<" * 100_000, "<a>;" * 30_000, '<a>; rel="' * 9000, ",;:=" * 50_000, "a:" * 90_000])
def test_long_headers_take_no_time(value: str) -> None:
    headers = [(name, value + "license") for name in ("Link", "X-Robots-Tag", "Content-Usage", "TDM-Reservation")]
    assert processor_time(lambda: read_signals(headers, [], None, None)) < 1


@pytest.mark.parametrize(
    ("status", "location", "answer"),
    [
        (200, None, None),
        (404, None, f"{NO_RULES}404"),
        (410, "https://b.example/", f"{NO_RULES}410"),
        (429, None, "the site answered 429"),
        (503, None, "the site answered 503"),
        (304, None, "the site answered 304"),
        (301, "/other.txt", f"{POINTS_TO}https://a.example/other.txt"),
        (302, "https://[b", "the site answered 302 and points nowhere"),
    ],
)
def test_what_a_status_means_for_a_policy(status: int, location: str | None, answer: str | None) -> None:
    assert policy_answer(status, "https://a.example/robots.txt", location) == answer


CLOSED = "User-agent: GPTBot\nDisallow: /"
AT_A, AT_B = "https://a.example/robots.txt", "https://b.example/robots.txt"


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        ([Answer(AT_B, CLOSED)], [CLOSED]),
        ([Answer(AT_B, None, "the site answered 500")], [None]),
        ([Answer(AT_B, None, f"{NO_RULES}404")], None),
        ([], [None]),
        ([Answer(AT_B, None, f"{POINTS_TO}{AT_A}")], [None]),
        (
            [
                Answer(AT_B, None, f"{POINTS_TO}https://c.example/robots.txt"),
                Answer("https://c.example/robots.txt", ""),
            ],
            [""],
        ),
        ([Answer(AT_B, None, f"{POINTS_TO}https://c.example/")], [None]),
    ],
)
def test_a_redirect_is_followed_where_its_target_is_in_the_crawl(
    more: list[Answer], texts: list[str | None] | None
) -> None:
    found = by_site([Answer(AT_A, None, POINTS_TO + AT_B), *more])
    assert found.get("a.example") == (None if texts is None else [("/robots.txt", text) for text in texts])


def test_from_http_to_https_is_the_same_file() -> None:
    moved = Answer("http://a.example/robots.txt", None, POINTS_TO + AT_A)
    assert by_site([moved, Answer(AT_A, CLOSED)]) == {"a.example": [("/robots.txt", CLOSED)]}
    assert by_site([moved]) == {"a.example": [("/robots.txt", None)]}
    assert policies.is_policy(AT_A) and not policies.is_policy("https://a.example/x/robots.txt")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            ("tdm=n", (False, True)),
            ("ai=n", (False, True)),
            ("genai=n", (False, True)),
            ("train-ai=?0", (False, True)),
        ),
        *(
            ("train-ai=maybe", (None, False)),
            ("garbage", (None, False)),
            ("", (None, False)),
            ("train-ai", (None, False)),
        ),
        *(("search=n", (None, True)), ("train-ai=n, new=maybe", (False, False)), ("train-ai=y", (True, True))),
        ("train-ai=y, tdm=n", (False, True)),
    ],
)
def test_preferences_are_yes_or_no_or_unreadable(value: str, expected: tuple[bool | None, bool]) -> None:
    assert usage(value) == expected
    found = read_signals([("Content-Usage", value)], [], "CC-BY-4.0", None)
    closed = expected != (None, True) and expected != (True, True)
    assert (decide(RightsPolicy(), "CC-BY-4.0", found.reservations, found.unreadable)[0] == "excluded") is closed


@pytest.mark.parametrize(
    "name", ["no-ai", "noaitraining", "no_gen_ai", "nollm", "no-ml", "disallow-ai", "nogpt", "do-not-train"]
)
def test_near_forms_of_directives_about_models_reserve(name: str) -> None:
    assert directives(f"{name}, index") == (["noai", "index"], True)


@pytest.mark.parametrize("name", ["ai", "ai-training", "llm-ok", "gpt", "trainable"])
def test_a_directive_that_speaks_of_models_and_is_not_known_is_unreadable(name: str) -> None:
    assert directives(name)[1] is False


@pytest.mark.parametrize(
    "name",
    [
        *("max-snippet:-1", "max-image-preview:large", "noodp", "notranslate", "noairport", "norobots", "noarticle"),
        *("indexifembedded", "foo-bar", "nopagereadaloud", "unavailable_after: 2030-01-01", "noimageindex"),
    ],
)
def test_other_directives_stay_harmless(name: str) -> None:
    found = read_signals([("X-Robots-Tag", name)], [], "CC-BY-4.0", None)
    assert (found.reservations, found.unreadable) == ((), ())


def test_images_are_not_texts() -> None:
    for name in ("noai-image", "no-image-ai", "noaiimages"):
        assert directives(name) == (["noimageai"], True)
