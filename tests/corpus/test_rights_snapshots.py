"""What sites say in files of their own is heard, however served and wherever kept, and closes when unreadable."""

import json
from pathlib import Path

import orjson
import pytest

from openbook.corpus import Corpus, CorpusSettings, outside
from openbook.corpus.preferences import usage
from openbook.corpus.rights import RightsPolicy
from openbook.corpus.robots import AGENTS, Site
from openbook.errors import OpenbookError
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page

JSON_TYPE = {"Content-Type": "application/json"}


def made(tmp_path: Path, records: list[bytes], rights: RightsPolicy | None = None) -> Corpus:
    path = build.warc(tmp_path / "1.warc", records)
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"web/1.warc": path}))
    return build.corpus(
        tmp_path / "corpus", annotated, CorpusSettings(profile="messages", rights=rights or RightsPolicy())
    )


def rows(corpus: Corpus) -> dict[str, dict[str, object]]:
    found = [row for code in corpus.languages for row in corpus.documents(code, split=None)]
    found += [row for code in corpus.rejected_languages for row in corpus.rejected(code)]
    return {str(row["url"]): row for row in found}


OTHER = (
    "The mill on the upper river was closed when the new road was built, and for years nobody came to look after it. "
    "Then a family from the town bought the house and the garden, and made the old wheel turn again with the help of "
    "their neighbors, who still knew how their fathers had done it before the war."
)
KEPT = build.record("https://kept.example/1", page(OTHER))


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_a_rule_against_any_agent_for_models_holds_for_all(agent: str) -> None:
    site = Site([("/robots.txt", f"User-agent: {agent}\nDisallow: /\n\nUser-agent: *\nAllow: /")])
    assert site.reservations("https://a.example/x") == [f"robots:{agent}"]


def test_tdmrep_is_read_whatever_type_it_is_served_as(tmp_path: Path) -> None:
    policy = json.dumps([{"location": "/news/*.html$", "tdm-reservation": 1}]).encode()
    records = [
        build.record("https://a.example/news/1.html", page(TEXT + " News.")),
        build.record("https://a.example/news/1.html?print", page(TEXT + " Printed news, for those who like paper.")),
        build.record("https://a.example/.well-known/tdmrep.json", policy, JSON_TYPE),
        KEPT,
    ]
    found = rows(made(tmp_path, records))
    assert found["https://a.example/news/1.html"]["rejected_by"] == "rights:reserved"
    assert found["https://a.example/news/1.html"]["reservations"] == ["tdmrep.json"]
    assert found["https://a.example/news/1.html?print"]["reservations"] == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "unreadable"),
    [
        ("/robots.txt", b"", {}, "503 Service Unavailable", ["robots"]),
        ("/robots.txt", b"Not found, sorry", {"Content-Type": "text/plain"}, "200 OK", ["robots"]),
        ("/robots.txt", b"<!doctype html><p>Welcome", {}, "200 OK", ["robots"]),
        ("/robots.txt", b"\x1f\x8b broken", {"Content-Encoding": "gzip"}, "200 OK", ["robots"]),
        (
            "/.well-known/tdmrep.json",
            b'[{"location": "/", "tdm-reservation": 2}]',
            JSON_TYPE,
            "200 OK",
            ["tdmrep.json"],
        ),
        ("/ai.txt", b"<html>", {}, "200 OK", ["ai.txt"]),
        ("/robots.txt", b"gone", {}, "404 Not Found", []),
        ("/robots.txt", b"# nothing but a comment\n", {"Content-Type": "text/plain"}, "200 OK", []),
    ],
)
def test_a_policy_file_that_cannot_be_read_closes_the_site_unless_the_recipe_opens_it(
    tmp_path: Path, path: str, body: bytes, headers: dict[str, str], status: str, unreadable: list[str]
) -> None:
    policy = build.record(f"https://a.example{path}", body, headers)
    answer = f"HTTP/1.1 {status}".encode()
    policy = policy.replace(b"HTTP/1.1 200 OK", answer)
    size = len(policy.split(b"\r\n\r\n", 1)[1]) - 4
    policy = policy.replace(f"Content-Length: {size - len(answer) + 15}".encode(), f"Content-Length: {size}".encode())
    corpus = made(tmp_path, [build.record("https://a.example/x", page()), policy, KEPT])
    row = rows(corpus)["https://a.example/x"]
    assert row["unreadable"] == unreadable
    assert row.get("rejected_by") == ("rights:unreadable" if unreadable else None)
    counted = orjson.loads((corpus.folder / "rights.json").read_bytes())
    assert counted["unreadable"] == dict.fromkeys(unreadable, 1)
    assert counted["unreadable_sites"] == dict.fromkeys(unreadable, 1)


def test_snapshots_speak_for_pages_fetched_at_any_time(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    for name, text in {
        "a.example/robots.txt": "User-agent: ClaudeBot\nUser-agent: GPTBot\nDisallow: /closed",
        "xn--mnze-0ra.example/ai.txt": "User-Agent: *\nDisallow: /",
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    robots = build.record(
        "https://c.example/robots.txt", b"User-agent: CCBot\nDisallow: /", {"Content-Type": "text/plain"}
    )
    build.warc(folder / "more.warc", [robots])
    records = [
        build.record("http://A.example/closed/1", page(TEXT + " The first of them.")),
        build.record("https://a.example/open/1", page(TEXT + " The second one, quite open.")),
        build.record("https://münze.example/1", page(TEXT + " The third, under another name.")),
        build.record("https://c.example/1", page(TEXT + " And the fourth is from the archive.")),
    ]
    corpus = made(tmp_path, records, RightsPolicy(snapshots=(str(folder),), reserved="sealed"))
    found = {url: row["reservations"] for url, row in rows(corpus).items()}
    assert found == {
        "http://A.example/closed/1": ["robots:claudebot", "robots:gptbot"],
        "https://a.example/open/1": [],
        "https://münze.example/1": ["ai.txt"],
        "https://c.example/1": ["robots:ccbot"],
    }


def test_snapshots_are_part_of_the_identity(tmp_path: Path) -> None:
    path = tmp_path / "snapshots" / "a.example" / "robots.txt"
    path.parent.mkdir(parents=True)
    path.write_text("User-agent: GPTBot\nDisallow: /")
    settings = CorpusSettings(rights=RightsPolicy(snapshots=("snapshots",)))
    before = outside.evidence(settings, tmp_path)
    path.write_text("User-agent: GPTBot\nDisallow:")
    assert before != outside.evidence(settings, tmp_path)
    with pytest.raises(OpenbookError, match="no WARC file"):
        outside.evidence(CorpusSettings(rights=RightsPolicy(snapshots=("none",))), tmp_path)


def test_a_rule_for_all_agents_is_a_policy_of_its_own(tmp_path: Path) -> None:
    robots = build.record(
        "https://a.example/robots.txt", b"User-agent: *\nDisallow: /x", {"Content-Type": "text/plain"}
    )
    records = [build.record("https://a.example/x", page()), robots, KEPT]
    assert rows(made(tmp_path, records))["https://a.example/x"]["rejected_by"] == "rights:disallowed"
    (tmp_path / "again").mkdir()
    assert (
        "rejected_by"
        not in rows(made(tmp_path / "again", records, RightsPolicy(disallowed="open")))["https://a.example/x"]
    )


@pytest.mark.parametrize(
    ("value", "answer"),
    [("train-ai=n", False), ("search=y, train-ai=y", True), ("ai-train=no, search=yes", False), ("search=yes", None)],
)
def test_preferences_about_training_are_read(value: str, answer: bool | None) -> None:
    assert usage(value)[0] is answer
    site = Site([("/robots.txt", f"User-agent: *\nAllow: /\nContent-Usage: /closed/ {value}\nContent-Signal: {value}")])
    expected = ["robots:content-signal", "robots:content-usage"] if answer is False else []
    assert site.reservations("https://a.example/closed/1") == expected


def test_what_a_policy_file_says_of_people_is_not_kept(tmp_path: Path) -> None:
    text = b"# questions to webmaster@a-company.eu\nUser-agent: GPTBot\nDisallow: /y # ask jane@a-company.eu"
    records = [build.record("https://a.example/robots.txt", text, {"Content-Type": "text/plain"}), KEPT]
    row = rows(made(tmp_path, records))["https://a.example/robots.txt"]
    assert row["rejected_by"] == "rights:policy-file"
    assert "Disallow: /y" in str(row["text"]) and "a-company" not in str(row["text"])
