"""What may be done with a page follows from its license and from every reservation; what cannot be read closes it."""

import tomllib
from importlib.resources import files

import pytest
from packaging.licenses import _spdx

from openbook.corpus.directives import directives
from openbook.corpus.extract import extract
from openbook.corpus.rights import RightsPolicy, decide, is_open, read_signals, spdx

OPEN = "CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("link", "identifier"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("http://www.creativecommons.org/licenses/by/3.0/deed.mt", "CC-BY-3.0"),
        ("//creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/2.5/it/", "CC-BY-NC-ND-2.5"),
        ("https://creativecommons.org/licenses/by/", None),
        ("https://www.mozilla.org/MPL/2.0/", "MPL-2.0"),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "GFDL-1.3-or-later"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("All rights reserved", None),
    ],
)
def test_license_links_become_spdx(link: str, identifier: str | None) -> None:
    assert spdx(link) == identifier


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        *(("CC-BY-4.0", True), ("CC-BY-NC-4.0", False), ("CC-BY-ND-4.0", False), ("MPL-2.0 AND CC-BY-SA-3.0", True)),
        *(("MPL-2.0 AND CC-BY-NC-4.0", False), ("CC-BY-NC-4.0 OR GPL-3.0-or-later", True), (None, False)),
        *(("MIT", True), ("MITRE-own", False), ("GPL-2.0-or-later WITH Classpath-exception-2.0", True)),
    ],
)
def test_open_means_open_to_everybody(expression: str | None, answer: bool) -> None:
    assert is_open(expression) is answer


@pytest.mark.parametrize(
    ("headers", "meta", "reservations"),
    [
        ([("X-Robots-Tag", "noai, noimageai")], [], ("header:noai", "header:noimageai")),
        ([("X-Robots-Tag", "otherbot: noindex, nofollow")], [], ("header:noindex",)),
        (
            [("TDM-Reservation", "1")],
            [("meta tdm-reservation", "1")],
            ("header:tdm-reservation", "meta:tdm-reservation"),
        ),
        ([("tdm-reservation", "0")], [("meta robots", "index, follow")], ()),
        ([], [("meta robots", "NOAI")], ("meta:noai",)),
        ([("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST")], [], ()),
    ],
)
def test_reservations_are_read(
    headers: list[tuple[str, str]], meta: list[tuple[str, str]], reservations: tuple[str, ...]
) -> None:
    found = read_signals(headers, meta, None, None)
    assert (found.reservations, found.unreadable) == (reservations, ())


@pytest.mark.parametrize("headers", [[("tdm-reservation", "yes")], [("x-robots-tag", "no ai $$$")]])
def test_unreadable_signals_close_unless_the_recipe_opens(headers: list[tuple[str, str]]) -> None:
    found = read_signals(headers, [], OPEN, None)
    assert len(found.unreadable) == 1
    assert decide(RightsPolicy(), OPEN, found.reservations, found.unreadable) == ("excluded", "unreadable")
    assert decide(RightsPolicy(unreadable="open"), OPEN, found.reservations, found.unreadable) == ("open", None)


def test_policy_decides_and_the_narrowest_answer_counts() -> None:
    policy = RightsPolicy()
    assert decide(policy, OPEN, [], []) == ("open", None)
    assert decide(policy, None, [], []) == ("sealed", "no-open-license")
    assert decide(policy, "CC-BY-NC-4.0", [], []) == ("sealed", "no-open-license")
    assert decide(policy, None, ["meta:noai"], []) == ("excluded", "reserved")
    assert decide(policy, OPEN, ["header:noimageai", "meta:noindex"], []) == ("open", None)
    assert decide(RightsPolicy(unindexed="sealed"), OPEN, ["meta:noindex"], []) == ("sealed", "unindexed")
    assert decide(RightsPolicy(open_licenses=("LicenseRef-ours",)), "LicenseRef-ours", [], []) == ("open", None)
    assert decide(RightsPolicy(reserved="sealed"), OPEN, ["header:tdm-reservation"], []) == ("sealed", "reserved")


def test_the_license_of_the_page_stands_before_that_of_the_source_and_both_are_named() -> None:
    link = "https://creativecommons.org/licenses/by-nc/4.0/"
    found = read_signals([], [("rel=license", link)], "MPL-2.0", "package x")
    assert found.license == "CC-BY-NC-4.0"
    assert "MPL-2.0 (package x)" in str(found.license_evidence) and link in str(found.license_evidence)
    twice = [("rel=license", link), ("json-ld license", "https://creativecommons.org/licenses/by/4.0/")]
    assert read_signals([], twice, None, None).license is None


def test_a_mere_link_to_a_license_states_nothing() -> None:
    found = read_signals([], [("link creativecommons", "https://creativecommons.org/licenses/by/4.0/")], None, None)
    assert (found.license, found.reservations, found.unreadable) == (None, (), ())


@pytest.mark.parametrize(
    ("headers", "meta", "expected", "rights"),
    [
        ([("X-Robots-Tag", "GPTBot: noindex, nofollow")], [], ("header:noindex@gptbot",), "excluded"),
        (
            [("X-Robots-Tag", "googlebot: noindex"), ("X-Robots-Tag", "noimageai")],
            [],
            ("header:noimageai", "header:noindex"),
            "open",
        ),
        ([("x-robots-tag", "bingbot: nofollow, ccbot: noai")], [], ("header:noai@ccbot",), "excluded"),
        ([], [("meta ccbot", "nofollow, noindex")], ("meta:noindex@ccbot",), "excluded"),
        ([], [("meta anthropic-ai", "noindex")], ("meta:noindex@anthropic-ai",), "excluded"),
        ([], [("meta robots", "noai noimageai")], ("meta:noai", "meta:noimageai"), "excluded"),
        ([("Content-Usage", "train-ai=n")], [], ("header:content-usage",), "excluded"),
        ([("Content-Usage", "train-ai=y")], [], (), "open"),
    ],
)
def test_what_is_said_to_one_agent_for_models_is_a_reservation(
    headers: list[tuple[str, str]], meta: list[tuple[str, str]], expected: tuple[str, ...], rights: str
) -> None:
    found = read_signals(headers, meta, OPEN, "source")
    assert (found.reservations, found.unreadable) == (expected, ())
    assert decide(RightsPolicy(), OPEN, found.reservations, ())[0] == rights


FOOTERS = [
    ("<p>This work is licensed under CC BY-SA 4.0.</p>", "CC-BY-SA-4.0"),
    ("<p>Dieses Werk steht unter der Lizenz CC BY 3.0 Deutschland</p>", "CC-BY-3.0"),
    ("<p>Ce texte est sous licence CC BY-NC-SA 4.0</p>", "CC-BY-NC-SA-4.0"),
    ("<p>Este texto tiene licencia Creative Commons Atribución-CompartirIgual 4.0</p>", "CC-BY-SA-4.0"),
    ("<p>Tekst dostępny na licencji Creative Commons Uznanie autorstwa 4.0</p>", "CC-BY-4.0"),
    ("<p>Quest'opera è distribuita con licenza CC BY-ND 4.0</p>", "CC-BY-ND-4.0"),
    ("<p>Teksten er tilgjengelig under lisensen CC BY-SA 4.0.</p>", "CC-BY-SA-4.0"),
    ("<p>Материалът е с лиценз CC BY 4.0.</p>", "CC-BY-4.0"),
    ("<p>Το κείμενο διατίθεται με άδεια CC BY-SA 4.0</p>", "CC-BY-SA-4.0"),
    (
        '<footer>Under a <a href="https://creativecommons.org/licenses/by-sa/3.0/at/">free license</a></footer>',
        "CC-BY-SA-3.0-AT",
    ),
    ('<p>Tekstin lisenssi: <a href="https://creativecommons.org/licenses/by/4.0/">tämä</a></p>', "CC-BY-4.0"),
    (
        '<p>Text under <a href="https://www.gnu.org/licenses/fdl-1.3.html">GFDL</a>, a free license</p>',
        "GFDL-1.3-or-later",
    ),
    ("<p>Photo: J. Borg, licensed under CC BY-SA 4.0</p>", None),
    ('<p>See <a href="https://creativecommons.org/licenses/by/4.0/">this page</a></p>', None),
    ("<p>Camera CC BY design, version 4.0</p>", None),
    ('<div property="dct:license" data-href="https://creativecommons.org/licenses/by/4.0/">x</div>', None),
    ('<a property="cc:license" href="https://creativecommons.org/publicdomain/zero/1.0/">x</a>', "CC0-1.0"),
]


@pytest.mark.parametrize(("html", "license"), FOOTERS)
def test_a_footer_that_names_a_license_is_evidence_for_it(html: str, license: str | None) -> None:
    main = f"<main><p>{'Words of the page itself. ' * 20}</p></main>"
    page = f"<html><head><title>T</title></head><body>{main}{html}</body></html>"
    found = read_signals([], extract(page.encode(), "utf-8", "https://a.example/").signals, None, None)
    assert found.license == license
    if license:
        assert str(found.license_evidence).startswith("page: ")


def test_every_identifier_is_one_of_spdx() -> None:
    known = {row["id"] for row in _spdx.LICENSES.values()}
    table = tomllib.loads(files("openbook.corpus").joinpath("licenses.toml").read_text(encoding="utf-8"))
    single = [*table["names"].values(), *table["ports"]["spdx"], *table["addresses"].values()]
    for identifier in single:
        made = [identifier.replace("{v}", version) for version in ("1.0", "2.0", "3.0", "4.0")]
        assert identifier.startswith("LicenseRef-") or any(one in known for one in made), identifier


def test_directives_know_what_they_cannot_read() -> None:
    assert directives("index, follow, max-snippet:-1") == (["index", "follow", "max-snippet"], True)
    assert directives("googlebot: noindex")[0] == ["noindex"]
    assert directives("<b>") == (["<b>"], False)
