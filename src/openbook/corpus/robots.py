"""What a site says of its pages: robots.txt for every agent that gathers for models (RFC 9309), ai.txt, tdmrep.json.

What stands in the crawl, or in a snapshot handed in beside it, is applied to all pages of the site, whenever fetched.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from urllib.parse import unquote_to_bytes, urlsplit

PolicyFile = tuple[str, str | None]
"""Path on its site, and text; None for one that was there and could not be read."""


def _agents() -> frozenset[str]:
    table = tomllib.loads(files("openbook.corpus").joinpath("agents.toml").read_text(encoding="utf-8"))
    return frozenset(agent for operator in table["operator"] for agent in operator["agents"])


AGENTS = _agents()
"""Product tokens, lower case, of agents that gather for models: agents.toml."""

READ = 500 << 10
"""Bytes that are read of a robots.txt (RFC 9309, 2.5)."""


@dataclass
class Rules:
    """One group: paths allowed and disallowed."""

    lines: list[tuple[bool, str]] = field(default_factory=list)
    """(allowed, pattern)."""

    @cached_property
    def patterns(self) -> list[tuple[int, bool, re.Pattern[bytes]]]:
        made = []
        for allowed, path in self.lines:
            body, end = (path[:-1], True) if path.endswith("$") else (path, False)
            pieces = [re.escape(unquote_to_bytes(piece)) for piece in body.split("*")]
            made.append((len(path.encode()), allowed, re.compile(b".*?".join(pieces) + (b"$" if end else b""), re.S)))
        return made

    def disallows(self, path: bytes) -> bool:
        """The longest pattern that matches decides; of two as long, the one that allows."""
        found = [(length, allowed) for length, allowed, pattern in self.patterns if pattern.match(path)]
        return bool(found) and not max(found)[1]


def _product(value: str) -> str:
    """The name of an agent, without its version; a `*` behind a name is no part of it."""
    name = value.lower().split("/")[0].strip()
    return name if name == "*" else name.rstrip("* ")


def parse(text: str) -> dict[str, Rules]:
    """Agent (lower case) -> its rules; groups of one agent are joined. `content-usage` and `content-signal`
    stand for all agents."""
    groups: dict[str, Rules] = {}
    agents: list[str] = []
    in_rules = False
    for name, value in fields(text):
        if name == "user-agent":
            agents = [*([] if in_rules else agents), _product(value)]
            in_rules = False
            for agent in agents:
                groups.setdefault(agent, Rules())
        elif name in ("allow", "disallow"):
            in_rules = True
            for agent in agents:
                if value:
                    groups[agent].lines.append((name == "allow", value))
        elif name in ("content-usage", "content-signal"):
            in_rules = True
            path, _, preference = value.partition(" ") if value.startswith("/") else ("/", "", value)
            answer = train_ai(preference)
            if answer is not None:
                groups.setdefault(name, Rules()).lines.append((answer, path.strip() or "/"))
    return groups


def fields(text: str) -> Iterable[tuple[str, str]]:
    """(name in lower case, value) of each line that is one; comments are left out."""
    for line in text[:READ].lstrip("\ufeff").splitlines():
        name, colon, value = line.split("#", 1)[0].partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


_USAGES = ("train-ai", "ai-train", "ai-input", "train-genai", "bots", "foundation-model-production")


def train_ai(value: str) -> bool | None:
    """What a Content-Usage (IETF AIPREF) or Content-Signal value says of training models: yes, no, or nothing."""
    said = [part.partition("=") for part in value.lower().replace(";", ",").split(",")]
    answers = [answer.strip() for name, _, answer in said if name.strip() in _USAGES]
    if any(answer in ("n", "no") for answer in answers):
        return False
    return True if answers else None


def readable(path: str, text: str | None) -> bool:
    """Whether it is a policy file at all: a server may answer with a page of HTML, or with a sentence."""
    if text is None:
        return False
    if text.lstrip("\ufeff \r\n\t").startswith("<"):
        return False
    said = any(line.split("#", 1)[0].strip() for line in text.lstrip("\ufeff").splitlines())
    return not said or any(True for _ in fields(text))


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

    def __init__(self, files: Iterable[PolicyFile]) -> None:
        self.unreadable: list[str] = []
        self.rules: dict[str, list[Rules]] = {}
        """`robots:<agent>`, `robots:*`, `robots:content-usage` or `ai.txt` -> its rules, a version each."""
        self.reserved: list[Rules] = []
        """Of tdmrep.json, a version each: a location that is reserved is disallowed."""
        for path, text in sorted(files, key=lambda file: (file[0], file[1] or "")):
            if path.endswith("tdmrep.json"):
                self._add_tdmrep(text)
            elif text is None or not readable(path, text):
                self.unreadable.append("robots" if path == "/robots.txt" else "ai.txt")
            else:
                for agent, rules in parse(text).items():
                    if path != "/robots.txt":
                        self.rules.setdefault("ai.txt", []).append(rules)
                    elif rules.lines and (agent in AGENTS or agent in ("*", "content-usage", "content-signal")):
                        self.rules.setdefault(f"robots:{agent}", []).append(rules)

    def _add_tdmrep(self, text: str | None) -> None:
        """TDM Reservation Protocol, section 6.1: locations are read like the paths of a robots.txt."""
        rules = Rules()
        try:
            rows = json.loads((text or "").lstrip("\ufeff"))
            for row in rows if isinstance(rows, list) else [rows]:
                answer = str(row["tdm-reservation"]).strip()
                if answer not in ("0", "1"):
                    raise ValueError(answer)
                rules.lines.append((answer == "0", str(row["location"])))
        except (ValueError, KeyError, TypeError):
            self.unreadable.append("tdmrep.json")
        if rules.lines:
            self.reserved.append(rules)

    @property
    def silent(self) -> bool:
        return not (self.rules or self.unreadable or self.reserved)

    def reservations(self, url: str) -> list[str]:
        """Which of them keep the address from models; by any version of a file."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return []
        path = unquote_to_bytes((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        found = [who for who, versions in self.rules.items() if any(rules.disallows(path) for rules in versions)]
        if any(rules.disallows(path) for rules in self.reserved):
            found.append("tdmrep.json")
        return sorted(found)


def sites(files: Mapping[str, Iterable[PolicyFile]]) -> dict[str, Site]:
    """Host -> site, for hosts whose files say anything to agents that gather for models, or cannot be read."""
    made = {host: Site(texts) for host, texts in files.items()}
    return {host: site for host, site in made.items() if not site.silent}
