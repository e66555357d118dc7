"""What is said to crawlers and to those who train models, in a header or a meta element: its name, and what it means.

Names that nobody has defined and that say no all the same are read as what they come near to.
"""

import re
from functools import lru_cache
from typing import Literal

from openbook.corpus.preferences import usage
from openbook.corpus.robots import AGENTS

AI_DIRECTIVES = ("noai", "noml", "notrain")
IMAGE_DIRECTIVES = ("noimageai",)
"""Recorded; says nothing about text."""
INDEX_DIRECTIVES = ("noindex", "noarchive", "none")
RECORDED = frozenset({*AI_DIRECTIVES, *IMAGE_DIRECTIVES, *INDEX_DIRECTIVES})
_KNOWN_DIRECTIVES = RECORDED | frozenset(
    "all index follow nofollow nosnippet noimageindex notranslate noodp noydir nocache archive max-snippet "
    "max-image-preview max-video-preview unavailable_after indexifembedded nositelinkssearchbox nopagereadaloud noyaca "
    "snippet imageindex".split()
)
_NO = frozenset("disallow disallowed deny denied block blocked forbid forbidden reject nocrawl noaccess".split())
"""What no directive is called, said to a crawler: it reads as `none`."""
_NEAR = re.compile(
    r"(?:no|non|not|dont|donot|dis|disallow|deny|forbid|block|without|optout)"
    r"(?:use|usefor|for)?(?:gen|generative)?"
    r"(?:ai(?!r)|ml|llms?|gpt|tdm|train|text(?:and)?datamining|datamining|mining|machinelearning|modeltraining)\w*"
)
"""A directive that nobody has defined and that says no to models all the same: `no-ai`, `noaitraining`, `nollm`."""
_NEAR_IMAGE = re.compile(r"no(?:ai|ml)?(?:image|img|art)s?(?:ai|ml)?|no(?:image|img|art)s?(?:ai|ml)\w*")
_ABOUT_MODELS = re.compile(r"(?:^|[-_])(?:ai|genai|llms?|gpt|ml|tdm)(?:$|[-_])|train|mining")
"""Speaks of models, but not how."""
_TOKEN = re.compile(r"^[a-z0-9_-]+$")
_ROBOTS = re.compile(
    r"(?:x-)?robots?(?:-tag|\.txt)?|crawlers?|spiders?|bots?|bing|teoma|facebookexternalhit|mediapartners-google|"
    r"[\w-]*(?:bot(?:-\w+)?|crawler|spider|-extended|slurp)"
)
_EVERY = re.compile(r"(?:x-)?robots?(?:-tag|\.txt)?|crawlers?|spiders?|bots?")
"""Names that speak to all crawlers."""
_TO_MODELS = re.compile(r"(?:ai|genai|llms?|gpt|ml)")
_USE_BY_MODELS = re.compile(
    r"(?:ai|genai|llms?|gpt|ml)[-_:.](?:train|training|use|usage|crawl|crawling|crawlers?|bots?|access|mining|robots)|"
    r"(?:allow|permit)[-_:.]?(?:ai|genai|llms?|gpt|ml)(?:[-_:.](?:train|training|use|usage))?"
)
_PREFERENCES = frozenset({"content-usage", "content-signal"})
_REFUSED = frozenset({*_NO, "no", "none", "never", "false", "off", "0", "noindex", "opt-out", "optout", "prohibited"})
_ALLOWED = frozenset({"yes", "true", "on", "1", "allow", "allowed", "all", "index", "opt-in", "optin", "permitted"})
_NOT_SO = frozenset({"0", "false", "off", "no", "none"})
_QUOTES = " \t\"'`/“”„‟‘’«»"
"""What stands around a value where its author or an editor quoted it once too often."""


def plain(value: str) -> str:
    return value.lower().strip(_QUOTES)


Kind = Literal["robots", "mining", "preference", "near", "use", ""]
"""Of the name of a header or meta element: speaks to crawlers; is `tdm-reservation`, however it is spelled; states a
preference; is itself a directive (`noai`); speaks of the use by models (`ai-training`); says nothing of rights."""


@lru_cache(4096)
def kind_of(name: str) -> Kind:
    """`name` in lower case."""
    if is_robots(name):
        return "robots"
    if name.startswith("tdm") and re.sub(r"[-_:. ]", "", name) == "tdmreservation":
        return "mining"
    if name in _PREFERENCES:
        return "preference"
    if near(name):
        return "near"
    return "use" if _TO_MODELS.fullmatch(name) or _USE_BY_MODELS.fullmatch(name) else ""


def is_robots(name: str) -> bool:
    """Whether a header or meta element of this name speaks to crawlers."""
    return name in AGENTS or _ROBOTS.fullmatch(name) is not None


@lru_cache(4096)
def directive_names(name: str) -> tuple[str, ...]:
    """The names in the name of a meta element that say something of rights, in lower case: two of `robots, ccbot`, none
    of most."""
    name = plain(name)
    if kind_of(name):
        return (name,)
    parts = tuple(part for part in re.split(r"[\s,;|]+", name) if part)
    return parts if len(parts) > 1 and all(map(kind_of, parts)) else ()


def directives(value: str, agent: str = "") -> tuple[list[str], bool]:
    """Directives of a robots header or meta element, and whether all of it could be read.

    A bot's name may stand before its directives, divided by a colon; it holds up to the next name. What is said to an
    agent that gathers for models is marked with it (`noindex@gptbot`): to such an agent any of them is a reservation.
    """
    found, readable = [], True
    for part in re.split(r"[,;]", value.lower()):
        name = part.strip()
        if not name:
            continue
        head, colon, rest = (piece.strip() for piece in name.partition(":"))
        if colon and head not in _KNOWN_DIRECTIVES and _TOKEN.match(head) and not head.isdigit():
            agent, name = head, rest
            head = rest.partition(":")[0].strip()
        head = "none" if head in _NO else head
        if head in _KNOWN_DIRECTIVES:
            found.append(f"{head}@{agent}" if agent in AGENTS and head in RECORDED else head)
        elif not re.match(r"^\d", name):  # what a date in unavailable_after leaves behind a comma
            words = name.split()
            if len(words) > 1 and all(word in _KNOWN_DIRECTIVES for word in words):
                found += words  # divided by spaces, as many pages write it
            else:
                like = near(name)
                readable &= bool(like) or (bool(_TOKEN.match(name)) and not _ABOUT_MODELS.search(name))
                found.append(like or name)
    return found, readable


def near(name: str) -> str | None:
    """The directive about models that an unknown one comes near to."""
    if name in AI_DIRECTIVES or name in IMAGE_DIRECTIVES:
        return name
    plain = re.sub(r"[-_ .]", "", name)
    if _NEAR_IMAGE.fullmatch(plain):
        return "noimageai" if "ai" in plain or "ml" in plain else None
    return "noai" if _NEAR.fullmatch(plain) else None


def reservation(where: str, name: str, value: str, reserved: set[str], unreadable: set[str]) -> None:
    """Adds to `reserved` or `unreadable` what a header or an element of this name (lower case) says with its value."""
    kind = kind_of(name)
    if kind == "robots":
        agent = "" if _EVERY.fullmatch(name) else name
        found, readable = directives(value, agent)
        reserved.update(f"{where}:{one}" for one in found if one.partition("@")[0] in RECORDED)
        if not readable or (not found and agent in AGENTS):
            unreadable.add(f"{where}:{name}")
    elif kind == "mining":
        _said(where, "tdm-reservation", {"1": True, "0": False}.get(plain(value)), reserved, unreadable)
    elif kind == "preference":
        answer, readable = usage(value)
        if answer is False:
            reserved.add(f"{where}:{name}")
        elif not readable:
            unreadable.add(f"{where}:{name}")
    elif kind == "near":  # that it is there says it, unless its value takes it back
        _said(where, near(name) or name, None if plain(value) in _NOT_SO else True, reserved, unreadable)
    elif kind == "use":
        said = set(filter(None, map(plain, re.split(r"[,;\s]+", value))))
        if said & _REFUSED or any(near(one) == "noai" for one in said):
            reserved.add(f"{where}:noai")
        elif _USE_BY_MODELS.fullmatch(name) and not (said and said <= _ALLOWED):  # `ai` alone may be initials
            unreadable.add(f"{where}:{name}")


def _said(where: str, name: str, answer: bool | None, reserved: set[str], unreadable: set[str]) -> None:
    """Yes, no, or what cannot be told."""
    if answer is None:
        unreadable.add(f"{where}:{name}")
    elif answer:
        reserved.add(f"{where}:{name}")
