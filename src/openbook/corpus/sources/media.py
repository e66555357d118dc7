"""What kind of page a body is: as declared, else as its first bytes look."""

import re
from urllib.parse import urljoin

HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = "text/plain"
PAGE_TYPES = HTML | {TEXT}
_SAYS_NOTHING = frozenset({"", "unk", "unknown/unknown", "application/octet-stream", "application/http"})
_NAME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+_-]{0,60}")
POLICY_FILES = ("/robots.txt", "/ai.txt", "/.well-known/ai.txt", "/.well-known/tdmrep.json")
"""Paths of what a site says about its pages: read as text, whatever type it is declared as."""
_NAMES = tuple({f"/{path.rpartition('/')[2]}" for path in POLICY_FILES})
NO_RULES = "there are no rules: the site answered "
POINTS_TO = "the site points to "
"""How what was answered in place of a policy file begins: it says nothing, or the file is elsewhere. Any other answer
leaves open what the site says."""
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta)[\s>]", re.IGNORECASE)


def media_type(content_type: str | None) -> str:
    return (content_type or "").split(";")[0].strip().lower()


def charset(content_type: str | None) -> str | None:
    found = re.search(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", content_type or "", re.IGNORECASE)
    return found.group(1).lower() if found else None


def sniff(body: bytes) -> str:
    """text/html, text/plain, or application/octet-stream."""
    start = body[:2048]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", errors="replace").encode()
    if _MARKUP.search(start):
        return "text/html"
    if not body or b"\0" in start or sum(byte < 9 or 13 < byte < 32 for byte in start):
        return "application/octet-stream"
    return "application/xml" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml") else TEXT


def declared_type(declared: str | None, identified: str | None) -> str | None:
    """What the crawler identified wins over what the server declared."""
    names = (media_type(identified), media_type(declared))
    return next((name for name in names if name not in _SAYS_NOTHING), None)


def kind_of(name: str | None) -> str:
    """Under which a record that is no page is counted; what servers invent is one kind."""
    return name if name and _NAME.fullmatch(name) else "no media type"


def is_policy_file(url: str) -> bool:
    url = url.partition("?")[0].partition("#")[0]
    return url.endswith(POLICY_FILES) and re.sub(r"^[a-z]+://[^/?#]*", "", url, flags=re.IGNORECASE) in POLICY_FILES


def on_the_way(status: int, url: str) -> bool:
    """Whether a redirect may be one that a robots.txt pointed to: an address that ends like one (`/en/robots.txt`)."""
    path = url.partition("?")[0].partition("#")[0].rstrip("/").lower()
    return 300 <= status < 400 and path.endswith(_NAMES)


def policy_answer(status: int, url: str, location: str | None) -> str | None:
    """What an answer other than 2xx means for a site's policies (RFC 9309, 2.3.1.2 to 2.3.1.4; 429 asks to come again,
    so it says as little as 503). None for 2xx."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400 and location:
        try:
            return POINTS_TO + urljoin(url, location.strip())
        except ValueError:
            return f"the site answered {status} and points nowhere"
    return f"{NO_RULES}{status}" if 400 <= status < 500 and status != 429 else f"the site answered {status}"


def may_be_page(declared: str | None, identified: str | None) -> bool:
    return (declared_type(declared, identified) or TEXT) in PAGE_TYPES


def page_type(declared: str | None, identified: str | None, body: bytes) -> str:
    return declared_type(declared, identified) or sniff(body)


def decode_text(body: bytes, declared: str | None) -> str:
    """UTF-8 where it is, else the declared charset, else Windows-1252; bad bytes become U+FFFD."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode(declared or "cp1252", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")
