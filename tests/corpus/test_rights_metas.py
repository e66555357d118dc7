"""What a page's meta elements say to models is read however it is spelled, and what cannot be read closes the page."""

import pytest

from openbook.corpus.extract import extract
from openbook.corpus.rights import RightsPolicy, Signals, decide, read_signals

OPEN = "CC-BY-4.0"
TEXT = "<p>The ferry crosses to the island twice a day, and more often in summer.</p>"


def read(meta: str) -> Signals:
    page = f"<html><head><title>Ferry</title>{meta}</head><body>{TEXT}</body></html>"
    return read_signals([], extract(page.encode()).signals, OPEN, "source")


def rights(found: Signals, policy: RightsPolicy | None = None) -> str:
    return decide(policy or RightsPolicy(), OPEN, found.reservations, found.unreadable)[0]


RESERVED = [
    ('<meta http-equiv="X-Robots-Tag" content="noai">', ["meta:noai"]),
    ("<META HTTP-EQUIV='x-robots-tag' CONTENT='GPTBot: noindex'>", ["meta:noindex@gptbot"]),
    ('<meta name="viewport" http-equiv="X-Robots-Tag" content="noai">', ["meta:noai"]),
    ('<meta name="noai">', ["meta:noai"]),
    ('<meta name="noai" content="">', ["meta:noai"]),
    ('<meta name="no-ai" content="true">', ["meta:noai"]),
    ('<meta name="notrain" content="1">', ["meta:notrain"]),
    ('<meta name="robots, noai" content="noimageai">', ["meta:noai", "meta:noimageai"]),
    ('<meta name="robots" content="max-snippet:-1, noai, noimageai">', ["meta:noai", "meta:noimageai"]),
    ('<meta data-name="x" name="robots" content="noai">', ["meta:noai"]),
    ('<meta property="og:robots" content="noai" name="robots">', ["meta:noai"]),
    ('<meta name="&#114;obots" content="noai">', ["meta:noai"]),
    ('<meta name="robots" value="noai">', ["meta:noai"]),
    ('<meta name="GPTBot" content="noindex">', ["meta:noindex@gptbot"]),
    ('<meta content="none" name=CCBot>', ["meta:none@ccbot"]),
    ('<meta name="ClaudeBot, GPTBot" content="noindex">', ["meta:noindex@claudebot", "meta:noindex@gptbot"]),
    ('<meta name="ChatGPT Agent" content="noindex">', ["meta:noindex@chatgpt agent"]),
    ('<meta name="GPTBot" content="disallow">', ["meta:none@gptbot"]),
    ('<meta name="googlebot-news" content="noai">', ["meta:noai"]),
    ('<meta name="ai-training" content="disallow">', ["meta:noai"]),
    ('<meta name="ai" content="none">', ["meta:noai"]),
    ('<meta http-equiv="Content-Usage" content="train-ai=n">', ["meta:content-usage"]),
    ('<meta name="TDM-Reservation" content="1">', ["meta:tdm-reservation"]),
    ("<meta CONTENT=1 NAME=tdm_reservation>", ["meta:tdm-reservation"]),
    ('<meta property="tdm:reservation" content=" 1 "/>', ["meta:tdm-reservation"]),
    ("<meta name=“tdm-reservation” content=“1”>", ["meta:tdm-reservation"]),
    ('<meta name="tdm-reservation" lang="en" content=1/>', ["meta:tdm-reservation"]),
]


@pytest.mark.parametrize(("meta", "reservations"), RESERVED)
def test_a_reservation_is_found_however_it_is_spelled(meta: str, reservations: list[str]) -> None:
    found = read(meta)
    assert (list(found.reservations), found.unreadable, rights(found)) == (reservations, (), "excluded")


UNREADABLE = [
    ("<meta name=tdm-reservation>", "meta:tdm-reservation"),
    ('<meta name="TDM-RESERVATION" content="">', "meta:tdm-reservation"),
    ('<meta name="tdm-reservation" content="yes">', "meta:tdm-reservation"),
    ('<meta name="noai" content="false">', "meta:noai"),
    ('<meta name="GPTBot">', "meta:gptbot"),
    ('<meta name="robots" content="noai|noimageai">', "meta:robots"),
    ('<meta name="ai-training" content="ask us first">', "meta:ai-training"),
    ('<meta name="content-signal" content="ai-train=perhaps">', "meta:content-signal"),
]


@pytest.mark.parametrize(("meta", "signal"), UNREADABLE)
def test_a_signal_without_a_meaning_closes_the_page_unless_the_recipe_opens_it(meta: str, signal: str) -> None:
    found = read(meta)
    assert (found.reservations, found.unreadable) == ((), (signal,))
    assert (rights(found), rights(found, RightsPolicy(unreadable="open"))) == ("excluded", "open")


HARMLESS = [
    '<meta name="robots">',
    '<meta name="robots" content="">',
    '<meta name="tdm-reservation" content="0">',
    '<meta name="ai-training" content="allow">',
    '<meta name="ai" content="Ann Ingram">',
    '<meta name="CCBot" content="nofollow">',
    '<meta name="bing" content="nocache">',
    '<meta name="author" content="noai">',
    '<meta name="note" content="tdm-reservation">',
    '<meta property="og:title" content="robots, noai">',
    '<meta name="training" content="for runners">',
    '<!-- <meta name="noai"> -->',
]


@pytest.mark.parametrize("meta", HARMLESS)
def test_what_says_nothing_of_models_leaves_the_page_open(meta: str) -> None:
    found = read(meta)
    assert (found.reservations, found.unreadable, rights(found)) == ((), (), "open")


def test_a_rule_against_indexing_alone_is_noted_and_reserves_nothing() -> None:
    for meta in ('<meta name="googlebot" content="noindex">', '<meta name="robots" content="disallow">'):
        found = read(meta)
        assert found.unreadable == () and len(found.reservations) == 1
        assert (rights(found), rights(found, RightsPolicy(unindexed="sealed"))) == ("open", "sealed")
