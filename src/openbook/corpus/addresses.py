"""How addresses of pages are compared: one spelling for hosts and for the rest, whichever way they were written."""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@lru_cache(1 << 16)
def ascii_host(name: str) -> str:
    """Lower case, without the dot of the root, names beyond ASCII as their `xn--` form (UTS 46, IDNA 2008)."""
    name = name.strip().strip(".").lower()
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


@lru_cache(1 << 14)  # a page's address is asked for by several passes over the pages of a part
def split(url: str) -> tuple[str, str, str]:
    """Host with its port where it is not the scheme's own, path, query; the host is empty where there is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return "", "", ""
    host = ascii_host(parts.hostname or "")
    if host and port is not None and port != _DEFAULT_PORTS.get(parts.scheme.lower(), 0):
        host = f"{host}:{port}"
    return host, parts.path, parts.query


def site_of(url: str) -> str:
    """What a robots.txt belongs to: the host, with http and https as one; empty where the address has none."""
    return split(url)[0]


def with_authority(url: str) -> str:
    """An address that may lack its scheme (`example.org/x`, as lists write it) so that its host is seen as one."""
    url = url.strip()
    return url if _SCHEME.match(url) else "//" + url


def plain(url: str) -> str:
    """An address as it is compared: host, path and query, without scheme, fragment and a slash at the end.

    RFC 3986, section 6.2.2: escapes of unreserved characters are undone, other escapes are in upper case.
    """
    url = with_authority(url)
    host, path, query = split(url)
    if not host:
        return url.removeprefix("//")
    return host + _unescaped(path).rstrip("/") + (f"?{_unescaped(query)}" if query else "")


def _unescaped(text: str) -> str:
    if not text.isascii():
        text = "".join(one if one.isascii() else "".join(f"%{byte:02X}" for byte in one.encode()) for one in text)
    if "%" not in text:
        return text

    def undone(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(undone, text)


def above(host: str) -> Iterator[str]:
    """The host without its port, then each domain that it lies in."""
    labels = host.partition(":")[0].split(".")
    return (".".join(labels[at:]) for at in range(len(labels)))
