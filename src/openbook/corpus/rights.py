"""What may be done with a page: its license as an SPDX identifier, what its maker reserves, and what follows from both.

Signals are read when a page is annotated; what they mean for the corpus is decided by the policy in the recipe, later.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from openbook.corpus.directives import IMAGE_DIRECTIVES, INDEX_DIRECTIVES, reservation
from openbook.corpus.link_header import license_links

Rights = Literal["open", "sealed", "excluded"]
OPEN_RIGHTS: tuple[Rights, ...] = ("open", "sealed", "excluded")
"""From the widest to the narrowest."""

_LICENSES = frozenset(
    {"license", "licence", "rights", "copyright", "usageterms", "usageinfo", "tdm-license", "dc.rights", "dc.license"}
    | {"dcterms.rights", "dcterms.license", "cc:license", "og:license"}
)
"""Signals of a page that state its license, if their value means one. A mere link to one may speak of a picture."""


class RightsPolicy(BaseModel):
    """What follows from what was found. Each answer is `open`, `sealed` (trained on, not published) or `excluded`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    unknown_license: Rights = "sealed"
    """No license declared, or one that does not allow passing on."""
    reserved: Rights = "excluded"
    """A reservation against text and data mining or against the training of models."""
    disallowed: Rights = "excluded"
    """A robots.txt that now keeps all agents (`*`) from the page, and so every one that gathers for models."""
    unindexed: Rights = "open"
    """`noindex`, `noarchive`: against search engines, not against models."""
    unreadable: Rights = "excluded"
    """A signal is there but cannot be read: closed unless the recipe opens it."""
    snapshots: tuple[str, ...] = ()
    """Folders or WARC files with robots.txt, ai.txt and tdmrep.json of sites, beside those of the crawl."""
    open_licenses: tuple[str, ...] = ()
    """SPDX identifiers (or beginnings that end with `-`) beside those of licenses.toml."""


@dataclass(frozen=True, slots=True)
class Signals:
    license: str | None
    license_evidence: str | None
    reservations: tuple[str, ...]
    """`<where>:<what>`, sorted; those against indexing only are among them."""
    unreadable: tuple[str, ...]


@cache
def _tables() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("openbook.corpus").joinpath("licenses.toml").read_text(encoding="utf-8"))


def spdx(link_or_name: str) -> str | None:
    """The SPDX identifier that a license link or name means; None when it means none that is known."""
    value = link_or_name.strip().lower()
    address = re.sub(r"^(https?:)?//(www\.)?", "", value)
    if address != value or "/" in address:
        for start, identifier in sorted(_tables()["addresses"].items(), key=lambda row: -len(row[0])):
            if address.startswith(start):
                version = address[len(start) :].split("/")[0]
                if "{v}" not in identifier:
                    return identifier
                if not re.fullmatch(r"\d\.\d", version):
                    return None
                return _ported(identifier.replace("{v}", version), address[len(start) :].split("/")[1:2])
        return None
    plain = re.fullmatch(
        r"cc[ -](by(?:-(?:nc|nd|sa|nc-sa|nc-nd))?)[ -](\d\.\d)(?: (?:international|unported|deed))?", value
    )
    if plain:
        return f"CC-{plain[1].upper()}-{plain[2]}"
    zero = re.fullmatch(r"cc-?0(?:[ -]1\.0)?", value)
    return "CC0-1.0" if zero else _tables()["names"].get(value)


def _ported(identifier: str, jurisdiction: Sequence[str]) -> str:
    """The identifier of the port to a country's law where SPDX has one of its own."""
    port = f"{identifier}-{jurisdiction[0].upper()}" if jurisdiction else identifier
    return port if port in _tables()["ports"]["spdx"] else identifier


def read_signals(
    headers: Iterable[tuple[str, str]], signals: Sequence[tuple[str, str]], license: str | None, evidence: str | None
) -> Signals:
    """`headers` of the HTTP response, `signals` of the page (`meta robots`, value), the license the source declares.

    Where page and source name different licenses, the page's stands, and the evidence names both.
    """
    reserved: set[str] = set()
    unreadable: set[str] = set()
    stated: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == "link":
            for link in license_links(value):
                _license(f"http-link: {link[:200]}", link, stated, unknown)
        else:
            reservation("header", lowered, value, reserved, unreadable)
    for name, value in signals:
        where, _, key = name.lower().replace("=", " ").partition(" ")  # a key may hold a space
        reservation(where, key, value, reserved, unreadable)
        if key in _LICENSES:
            about = unknown if where in ("rel", "notice") or _ALL_RESERVED.search(value) else []
            _license(f"page: {name} {value.strip()[:200]}", value.partition(" in: ")[0], stated, about)
    license, evidence = _chosen(stated, unknown, license, evidence)
    return Signals(license, evidence, tuple(sorted(reserved)), tuple(sorted(unreadable)))


_ALL_RESERVED = re.compile(r"\ball rights reserved\b", re.I)


def _license(said: str, value: str, stated: list[tuple[str, str]], unknown: list[str]) -> None:
    """What one signal says of the license: to those of licenses that are known, or to the others."""
    found = spdx(value)
    if found:
        stated.append((found, said))
    else:
        unknown.append(f"{said} (a license that is not known)")


def _chosen(
    stated: Sequence[tuple[str, str]], unknown: Sequence[str], license: str | None, evidence: str | None
) -> tuple[str | None, str | None]:
    """License and evidence. One that is not known leaves evidence behind where the page names none that is."""
    names = sorted({found for found, _ in stated})
    if len(names) == 1 and license in (None, names[0]):
        return names[0], stated[0][1] if evidence is None else f"{evidence}; {stated[0][1]}"
    if names:
        declared = [f"source: {license} ({evidence})"] if license else []
        return names[0] if len(names) == 1 else None, "; ".join([*declared, *sorted(said for _, said in stated)])
    told = [*([evidence] if evidence else []), *sorted(set(unknown))[:2]]
    return license, "; ".join(told) or None


def is_open(license: str | None, more: Sequence[str] = ()) -> bool:
    """Whether each part of an SPDX expression (any part, for OR) is a license to pass on and build upon."""
    if not license:
        return False
    allowed = (*_tables()["open"]["spdx"], *more)

    def one(identifier: str) -> bool:
        name = identifier.strip("() ").split(" WITH ")[0]
        return any(name == start or (name.startswith(start) and start[-1] in "-1234567890") for start in allowed)

    return any(all(one(part) for part in option.split(" AND ")) for option in license.split(" OR "))


def decide(
    policy: RightsPolicy, license: str | None, reservations: Sequence[str], unreadable: Sequence[str]
) -> tuple[Rights, str | None]:
    """The rights of a document, and the reason where they are not open. The narrowest answer counts."""
    answers: list[tuple[Rights, str | None]] = [("open", None)]
    if not is_open(license, policy.open_licenses):
        answers.append((policy.unknown_license, "no-open-license"))
    found = {one.split(":")[-1] for one in reservations} - {*IMAGE_DIRECTIVES}
    if found & {*INDEX_DIRECTIVES}:
        answers.append((policy.unindexed, "unindexed"))
    if "*" in found:
        answers.append((policy.disallowed, "disallowed"))
    if found - {*INDEX_DIRECTIVES, "*"}:
        answers.append((policy.reserved, "reserved"))
    if unreadable:
        answers.append((policy.unreadable, "unreadable"))
    return max(answers, key=lambda answer: OPEN_RIGHTS.index(answer[0]))
