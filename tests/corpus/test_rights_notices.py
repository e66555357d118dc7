"""What pages and their headers say of licenses is kept as evidence, whether the license is known or not."""

import time

import pytest

from openbook.corpus.extract import extract
from openbook.corpus.extract.notices import HOST, LICENSE, NAMED, RESERVES, notices
from openbook.corpus.link_header import license_links
from openbook.corpus.rights import RightsPolicy, Signals, decide, read_signals

BODY = f"<main><p>{'Words of the page itself, quite a lot of them. ' * 20}</p></main>"
CC = "https://creativecommons.org/licenses/by/4.0/"


def signals(head: str = "", foot: str = "", license: str | None = None, **headers: str) -> Signals:
    page = f"<html><head><title>T</title>{head}</head><body>{BODY}{foot}</body></html>"
    found = extract(page.encode(), "utf-8", "https://a.example/").signals
    return read_signals(list(headers.items()), found, license, "the source" if license else None)


@pytest.mark.parametrize(
    ("value", "links"),
    [
        (f'<{CC}>; rel="license"', [CC]),
        (f"<{CC}>; rel=license", [CC]),
        (f'</a.css>; rel=preload, <{CC}>; title="a, b; rel=no"; rel="describedby LICENSE"', [CC]),
        (f'<{CC}>; rel="next"', []),
        (f"<{CC}>; rel=next; rel=license", []),
        ('<https://a.example/rsl.xml>; rel="license"; type="application/rsl+xml"', ["https://a.example/rsl.xml"]),
        ("license", []),
    ],
)
def test_link_headers_name_licenses_as_the_standard_says(value: str, links: list[str]) -> None:
    assert license_links(value) == links


def test_a_license_in_the_header_is_the_license_of_the_page() -> None:
    found = signals(Link=f'<{CC}>; rel="license"')
    assert (found.license, found.license_evidence) == ("CC-BY-4.0", f"http-link: {CC}")
    other = signals(license="MPL-2.0", Link=f'<{CC}>; rel="license"')
    assert other.license == "CC-BY-4.0" and "MPL-2.0 (the source)" in str(other.license_evidence)


@pytest.mark.parametrize(
    ("head", "foot", "evidence"),
    [
        ('<link rel="license" href="/license.html">', "", "page: rel=license /license.html"),
        ("", "<footer>© 2024 A. All rights reserved.</footer>", "page: notice rights All rights reserved"),
        ("", "<footer>ALL RIGHTS RESERVED</footer>", "page: notice rights All rights reserved"),
        ("", "<footer>Alle Rechte vorbehalten</footer>", "page: notice rights All rights reserved"),
        ("", "<footer>Tous droits réservés</footer>", "page: notice rights All rights reserved"),
        ("", "<footer>Tutti i diritti riservati</footer>", "page: notice rights All rights reserved"),
        ('<meta name="copyright" content="All rights reserved">', "", "page: meta copyright All rights reserved"),
    ],
)
def test_a_license_that_is_not_known_leaves_evidence_and_opens_nothing(head: str, foot: str, evidence: str) -> None:
    found = signals(head, foot)
    assert found.license is None
    assert str(found.license_evidence).startswith(f"{evidence} (a license that is not known)")
    assert decide(RightsPolicy(), found.license, found.reservations, found.unreadable) == ("sealed", "no-open-license")
    declared = signals(head, foot, "MPL-2.0")
    assert declared.license == "MPL-2.0" and str(declared.license_evidence).startswith(f"the source; {evidence}")
    known = signals(f'<link rel="license" href="{CC}">{head}', foot)
    assert (known.license, known.license_evidence) == ("CC-BY-4.0", f"page: rel=license {CC}")


def test_a_name_in_a_copyright_line_is_no_evidence() -> None:
    found = signals(
        '<meta name="copyright" content="Jane Doe 2024">', "<p>The rights of observers are served well.</p>"
    )
    assert (found.license, found.license_evidence) == (None, None)


@pytest.mark.parametrize("quoted", ['content=""', "content=''", 'content=" "', "content="])
def test_a_reservation_without_a_value_is_unreadable(quoted: str) -> None:
    for name in ("tdm-reservation", "TDM-Reservation"):
        found = signals(f'<meta name="{name}" {quoted}>')
        assert (found.reservations, found.unreadable) == ((), ("meta:tdm-reservation",))
    assert read_signals([("tdm-reservation", "")], [], None, None).unreadable == ("header:tdm-reservation",)
    assert signals('<meta name=tdm-reservation content="0"><meta name=x content="">').unreadable == ()


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<a property=license ",
            "<a property=license href=/x>",
            "<a creativecommons.org/licenses/ licence ",
            "CC BY-NC licence",
        ),
        *("<meta tdm-reservation ", "<meta content='' name=x ", "<a itemprop = ", "all rights reserve "),
    ],
)
def test_repeated_markup_takes_no_time(piece: str) -> None:
    raw = (piece * (4_000_000 // len(piece)) + "tdm-reservation licence").encode()
    signs = LICENSE | HOST | NAMED | RESERVES
    notices(b"<p>licence</p>", signs)
    start = time.process_time()
    notices(raw, signs)
    assert time.process_time() - start < 1.5
