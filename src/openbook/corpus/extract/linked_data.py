"""What the JSON-LD of a page says: article body, headline, date, language, license. Bounded, and never fatal."""

import json
import re
from typing import Any

import orjson

MOST_BYTES = 1 << 20
MOST_ITEMS = 500
LONGEST_VALUE = 500

_ARTICLE = re.compile(
    r"(?:Article|Posting|Report|Page|WebSite|Recipe|HowTo|Review|Course|Event|Book|Dataset|CreativeWork)$"
)
_WRAPPING = re.compile(
    rb"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|(?://|/\*)?\s*\]\]>(?:\s*\*/)?)\s*;?\s*$"
)
_RIGHTS = ("license", "usageInfo", "copyrightNotice", "conditionsOfAccess", "isAccessibleForFree")


def parse(source: bytes) -> Any:
    """The JSON of a script element, or None; comment wrappers and raw control characters are forgiven."""
    if len(source) > MOST_BYTES:
        return None
    try:
        return orjson.loads(source.strip())
    except orjson.JSONDecodeError:
        source = _WRAPPING.sub(b"", source).strip()
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(source.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def text_of(value: Any) -> str | None:
    """A property's text: a string, the first of a list, or an object's @id, url or name."""
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = value.get("@id") or value.get("url") or value.get("name") or value.get("alternateName")
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value.split())[:LONGEST_VALUE] or None if isinstance(value, str) else None


class LinkedData:
    def __init__(self) -> None:
        self.seen = False
        self.body: str | None = None
        self.headline: str | None = None
        self.date: str | None = None
        self.language: str | None = None
        self.signals: list[tuple[str, str]] = []

    def add(self, source: bytes) -> None:
        found = parse(source)
        if not isinstance(found, dict | list):
            return
        self.seen = True
        waiting = [found]
        for _ in range(MOST_ITEMS):
            if not waiting:
                break
            item = waiting.pop(0)
            if isinstance(item, list):
                waiting += [inner for inner in item[:MOST_ITEMS] if isinstance(inner, dict | list)]
            elif isinstance(item, dict):
                self._take(item)
                waiting += [
                    item[key]
                    for key in ("@graph", "mainEntity", "mainEntityOfPage", "hasPart")
                    if isinstance(item.get(key), dict | list)
                ]

    def _take(self, item: dict[str, Any]) -> None:
        kinds = item.get("@type")
        if not any(
            _ARTICLE.search(kind) for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)
        ):
            return
        for name in ("articleBody", "text"):
            body = item.get(name)
            if isinstance(body, str) and len(body) > len(self.body or ""):
                self.body = body
        self.headline = self.headline or text_of(item.get("headline"))
        self.date = self.date or text_of(item.get("datePublished"))
        self.language = self.language or text_of(item.get("inLanguage"))
        for name in _RIGHTS:
            value = text_of(item.get(name))
            if value and not (name == "isAccessibleForFree" and value.lower() == "true"):
                self.signals.append((f"json-ld {name}", value))
