"""What a site says of its pages: robots.txt for every agent that gathers for models (RFC 9309), ai.txt, tdmrep.json.

What stands in the crawl, or in a snapshot handed in beside it, is applied to all pages of the site, whenever fetched.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from urllib.parse import unquote_to_bytes, urlsplit

import orjson

from openbook.corpus.addresses import site_of
from openbook.corpus.path_rules import NOTHING, Decision, Rules
from openbook.corpus.preferences import usage

PolicyFile = tuple[str, str | None]
"""Path on its site, and text; None for one that was there and could not be read."""


def _agents() -> frozenset[str]:
    table = tomllib.loads(files("openbook.corpus").joinpath("agents.toml").read_text(encoding="utf-8"))
    return frozenset(agent for operator in table["operator"] for agent in operator["agents"])


AGENTS = _agents()
"""Product tokens, lower case, of agents that gather for models: agents.toml."""

READ = 500 << 10
"""Characters that are read of a policy file, comments left out; RFC 9309, 2.5, asks for as many bytes at least."""

_SPELLINGS = {
    "user-agent": ("user-agent", "useragent", "user agent"),
    "disallow": ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"),
    "allow": ("allow",),
    "content-usage": ("content-usage", "contentusage", "content usage"),
    "content-signal": ("content-signal", "contentsignal", "content signal"),
}
"""Fields that are read, and how they are spelled. A line's name may go on behind (`Disallowed:`), as in Google's parser
(google/robotstxt), whose frequent mistakes these are."""
_OTHERS = (
    "sitemap", "sitemaps", "site-map", "crawl-delay", "host", "clean-param", "request-rate", "visit-time", "noindex",
    "cache-delay", "license",
)  # fmt: skip
"""Fields that say nothing about models, and by which a robots.txt is known as one."""
_BEGINNINGS = [(spelled, name) for name, ways in _SPELLINGS.items() for spelled in ways]
_EXACT = frozenset([*(spelled + more for spelled, _ in _BEGINNINGS for more in ("", "s")), *_OTHERS])
_SIGNALS = ("content-usage", "content-signal")


def _product(value: str) -> str:
    """The name of an agent, without its version; a `*` behind a name is no part of it."""
    name = value.lower().split("/")[0].strip()
    return name if name == "*" else name.rstrip("* ")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """(name in lower case, value) of each line that is one; comments are left out. The colon may be missing where a
    rule is plain without it."""
    for line in text[:READ].lstrip("\ufeff").splitlines():
        said = line.split("#", 1)[0]
        name, colon, value = said.partition(":")
        if not colon:
            words = said.split()
            if len(words) != 2 or words[0].lower() not in _EXACT or words[0].lower() in _OTHERS:
                continue
            name, value = words
        yield " ".join(name.lower().split()), value.strip()


def fields(text: str) -> Iterator[tuple[str, str]]:
    """(field, value) of the lines that speak of agents, paths or the use by models."""
    for name, value in _lines(text):
        field = next((field for spelled, field in _BEGINNINGS if name.startswith(spelled)), None)
        if field is not None:
            yield field, value


def parse(text: str) -> dict[str, list[Rules]]:
    """Agent (lower case) -> its groups of rules, which it may share with others. `content-usage` and `content-signal`
    stand for all agents."""
    found: dict[str, dict[int, Rules]] = {}
    group = Rules()
    agents: list[str] = []
    in_rules = False
    for name, value in fields(text):
        if name == "user-agent":
            if in_rules:
                group, agents, in_rules = Rules(), [], False
            agents.append(_product(value))
            found.setdefault(agents[-1], {})[id(group)] = group
        elif name in ("allow", "disallow"):
            in_rules = True
            if value and agents:
                group.lines.append((name == "allow", _rooted(value) if name == "disallow" else value))
        elif name in _SIGNALS:
            in_rules = True
            path, preference = _scoped(value)
            answer, _ = usage(preference)
            if answer is not None:
                said = found.setdefault(name, {})
                said.setdefault(0, Rules()).lines.append((answer, path))
    return {agent: list(groups.values()) for agent, groups in found.items()}


def _rooted(path: str) -> str:
    """`private/` keeps from `/private/`: what its author meant, where the standard would see nothing."""
    return path if path.startswith(("/", "*", "$")) else f"/{path}"


def _scoped(value: str) -> tuple[str, str]:
    """Path and preference of a Content-Usage line."""
    path, _, preference = value.partition(" ") if value.startswith("/") else ("/", "", value)
    return path.strip() or "/", preference


def readable(path: str, text: str | None) -> bool:
    """Whether it is a robots.txt or ai.txt at all: a server may answer with a page of HTML, with JSON or a sentence.

    One without a known field is readable only if it says nothing. What it says of models must be understood.
    """
    if text is None:
        return False
    if text.lstrip("\ufeff \r\n\t").startswith("<"):
        return False
    if not any(name in _EXACT for name, _ in _lines(text)):
        return not any(line.split("#", 1)[0].strip() for line in text.lstrip("\ufeff").splitlines())
    return all(usage(_scoped(value)[1])[1] for name, value in fields(text) if name in _SIGNALS)


def is_robots_txt(text: str) -> bool:
    """Whether every line is one of a robots.txt, and one names an agent: no page that people read looks so."""
    said = [line for line in without_comments(text).lstrip("\ufeff").splitlines() if line.strip()]
    names = [name for name, _ in _lines(text)]
    known = all(name in _EXACT for name in names) and any(name.startswith("user") for name in names)
    return known and len(names) == len(said) and readable("/robots.txt", text)


def without_comments(text: str) -> str:
    """What the rules are read from: comments may name people."""
    return "\n".join(line.split("#", 1)[0].rstrip() for line in text.splitlines())


def path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


class Site:
    """What the policy files of one host say, over every version that is known: (path of the file, text)."""

    def __init__(self, files: Iterable[PolicyFile], host: str = "") -> None:
        """`host` as site_of gives it; where it is not known, any absolute location of a tdmrep.json is on it."""
        self.host = host
        self.unreadable: list[str] = []
        self.cut: list[str] = []
        """Paths of the files of which only the beginning was read."""
        self.rules: dict[str, list[list[Rules]]] = {}
        """`robots:<agent>`, `robots:*`, `robots:content-usage` or `ai.txt` -> its groups, a version each."""
        self.reserved: list[Rules] = []
        """Of tdmrep.json, a version each: a location that is reserved is disallowed."""
        for path, text in sorted({(path, text) for path, text in files}, key=lambda file: (file[0], file[1] or "")):
            if text is not None and len(text) > READ:
                self.cut.append(path)
            if path.endswith("tdmrep.json"):
                self._add_tdmrep(text)
            else:
                self._add_robots(path, text)

    def _add_robots(self, path: str, text: str | None) -> None:
        robots = path == "/robots.txt"
        if text is None or not readable(path, text):
            self.unreadable.append("robots" if robots else "ai.txt")
        for agent, groups in parse(text or "").items():
            said = [rules for rules in groups if rules.lines]
            if said and (not robots or agent in AGENTS or agent in ("*", *_SIGNALS)):
                self.rules.setdefault(f"robots:{agent}" if robots else "ai.txt", []).append(said)

    def _add_tdmrep(self, text: str | None) -> None:
        """TDM Reservation Protocol, section 6.1: locations are read like the paths of a robots.txt. What can be read of
        a file counts, even where the rest cannot."""
        rules, elsewhere, broken = Rules(), 0, text is None or len(text) > READ
        try:
            rows = [] if broken else orjson.loads((text or "").lstrip("\ufeff"))
            rows = rows if isinstance(rows, list) else [rows]
        except orjson.JSONDecodeError:  # among them what is nested too deep
            rows, broken = [], True
        for row in rows:
            location = row.get("location") if isinstance(row, dict) else None
            answer = str(row.get("tdm-reservation")).strip() if isinstance(row, dict) else ""
            if not isinstance(location, str) or not location.strip() or answer not in ("0", "1"):
                broken = True
                continue
            path = self._location(location.strip())
            if path is None:
                elsewhere += 1
            else:
                rules.lines.append((answer == "0", path))
        if broken or (elsewhere and not rules.lines):
            self.unreadable.append("tdmrep.json")
        if rules.lines:
            self.reserved.append(rules)

    def _location(self, location: str) -> str | None:
        """The pattern of a location, which may be an absolute address; None for one on another host."""
        found = re.match(r"(?:https?:)?//[^/?#*$]*", location, re.IGNORECASE)
        if found is None:
            return _rooted(location)
        host = site_of(f"https:{found[0]}" if found[0].startswith("//") else found[0])
        same = not self.host or host.removeprefix("www.") == self.host.removeprefix("www.")
        return (location[found.end() :] or "/") if same else None

    @property
    def silent(self) -> bool:
        return not (self.rules or self.unreadable or self.reserved)

    def reservations(self, url: str) -> list[str]:
        """Which of them keep the address from models; by any version of a file. Each group is asked once."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return []
        path = unquote_to_bytes((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        decided: dict[int, Decision] = {}
        found = []
        for who, versions in self.rules.items():
            for groups in versions:
                best = NOTHING
                for rules in groups:
                    key = id(rules)
                    if key not in decided:
                        decided[key] = rules.decide(path)
                    best = max(best, decided[key])
                if not best[1]:
                    found.append(who)
                    break
        if any(rules.disallows(path) for rules in self.reserved):
            found.append("tdmrep.json")
        return sorted(found)


def sites(files: Mapping[str, Iterable[PolicyFile]]) -> dict[str, Site]:
    """Host -> site, for hosts whose files say anything to agents that gather for models, or cannot be read."""
    made = {host: Site(texts, host) for host, texts in files.items()}
    return {host: site for host, site in made.items() if not site.silent}
