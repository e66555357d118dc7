"""What was answered when a site's policy files were asked for: their texts, redirects followed, by host.

A file that was there and cannot be read is None: whoever asks later finds the site closed (see rights.RightsPolicy).
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

from openbook.corpus.addresses import plain, site_of
from openbook.corpus.robots import READ, PolicyFile, is_robots_txt, path_of, without_comments
from openbook.corpus.sources.media import NO_RULES, POINTS_TO, POLICY_FILES, TEXT
from openbook.corpus.sources.page import RawPage

MOST_REDIRECTS = 5
"""RFC 9309, 2.3.1.2."""
_LONGEST = 2 * READ
_NAMES = tuple({path.rpartition("/")[2] for path in POLICY_FILES})
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_AGENT = re.compile(rb"user.?agent", re.I)
_COMMENT = re.compile(rb"#[^\r\n]*")


@dataclass(frozen=True)
class Answer:
    """One record of a crawl, or one file of a snapshot."""

    url: str
    text: str | None
    detail: str | None = None
    """Why there is no text (see media.NO_RULES and POINTS_TO)."""


def text_of(body: bytes, json: bool) -> str | None:
    """The text of a policy file without its comments, which may name people and be in any encoding; None where its
    bytes are no text. Of a long one a little more than is read of it, so that it is known as such."""
    mark, encoding = next((one for one in _MARKS if body.startswith(one[0])), (b"", "utf-8"))
    body = body[len(mark) :]
    if encoding == "utf-8" and not json:
        body = _COMMENT.sub(b"", body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else _kept(text, json)


def _kept(text: str, json: bool) -> str:
    return (text if json else without_comments(text))[:_LONGEST]


def read(page: RawPage) -> str | None:
    """The text of a policy file, as text_of gives it."""
    if page.error:
        return None
    json = path_of(page.url).endswith(".json")
    return text_of(page.body, json) if page.body else _kept(page.text or "", json)


def by_site(answers: Iterable[Answer]) -> dict[str, list[PolicyFile]]:
    """Host -> its policy files, in order of the hosts. What lies at another address counts where one points to it."""
    asked = list(answers)
    known: dict[str, list[Answer]] = {}
    for answer in asked:
        known.setdefault(_key(answer.url), []).append(answer)
    found: dict[str, list[PolicyFile]] = {}
    for answer in filter(lambda one: is_policy(one.url), asked):
        texts = _followed(answer, known)
        if texts:
            found.setdefault(site_of(answer.url), []).extend((path_of(answer.url), text) for text in texts)
    return dict(sorted(found.items()))


def _key(url: str) -> str:
    """An address to be found by, http and https as one."""
    return plain(url)


def _followed(answer: Answer, known: dict[str, list[Answer]]) -> list[str | None]:
    """Texts that hold for the answer's site: its own, or those behind its redirects; none where there are no rules."""
    waiting, seen = [answer], {_key(answer.url)}
    texts: list[str | None] = []
    for _ in range(MOST_REDIRECTS + 1):
        following: list[Answer] = []
        for one in waiting:
            target = _target(one)
            if target is None:
                texts += [] if one.text is None and (one.detail or "").startswith(NO_RULES) else [one.text]
                continue
            key = _key(target)
            if key == _key(one.url):  # http to https: the same file, whose other records speak for themselves
                others = [other for other in known[key] if _target(other) is None]
                texts += [] if others else [None]
            elif key in known and key not in seen:
                seen.add(key)
                following += known[key]
            else:
                texts.append(None)
        waiting = following
        if not waiting:
            return texts
    return [*texts, None]


def _target(answer: Answer) -> str | None:
    """Where a redirect points to."""
    detail = answer.detail or ""
    return detail.removeprefix(POINTS_TO) if answer.text is None and detail.startswith(POINTS_TO) else None


def is_policy(url: str) -> bool:
    return any(name in url for name in _NAMES) and path_of(url) in POLICY_FILES


def is_answer(page: RawPage) -> bool:
    """Whether it is a policy file, or what one may point to: a redirect on its way, rules at another address."""
    if is_policy(page.url):
        return True
    if page.error:
        return page.error.startswith(POINTS_TO)
    if page.content_type != TEXT or not page.http_headers or len(page.body) > _LONGEST:
        return False
    text = text_of(page.body, json=False) if _AGENT.search(page.body) else None
    return text is not None and is_robots_txt(text)
