"""Keys of the crawl's index: `https://www.Example.org/News` stands there as `org,example)/news` (SURT)."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from openbook.corpus.sources.media import POLICY_FILES
from openbook.errors import OpenbookError


def prefixes(url: str) -> list[bytes]:
    """What the keys begin with: of all hosts below a domain, or of the addresses that begin with this one. With a part
    of a site come its robots.txt and their like, since they say what may be done with it.

    Raises OpenbookError when there is no host name in it.
    """
    whole_domain = "://" not in url and "/" not in url
    parts = urlsplit(url if "://" in url else f"https://{url}")
    try:
        host = _reversed(parts.hostname or "")
        port = parts.port
    except ValueError:
        raise OpenbookError(f"urls: {url!r} has no host name that can be looked up.") from None
    if whole_domain:
        below = () if (parts.hostname or "").startswith("www.") else (b",",)
        return [host + mark for mark in (b")", b":", *below)]
    if port is not None and port != {"https": 443, "http": 80}.get(parts.scheme):
        host += b":%d" % port
    path = host + b")" + _path(parts.path)
    folder = path.removesuffix(b"/")  # the index leaves the last slash out, but for that of a host
    own = (folder + b" ", folder + b"?") if folder != path and not folder.endswith(b")") else ()
    return covering([path, *own, *(host + b")" + name.encode() + b" " for name in POLICY_FILES)])


def covering(found: Iterable[bytes]) -> list[bytes]:
    """In order, without those that lie inside another one."""
    kept: list[bytes] = []
    for prefix in sorted(set(found)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept


def _reversed(host: str) -> bytes:
    """`www.` and `www2.` are left out, as the index does."""
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?", host):
        raise ValueError(host)
    name = re.sub(r"^www\d*\.(?=.*\.)", "", host.rstrip(".").encode("idna").decode().lower())
    return ",".join(reversed(name.split("."))).encode()


def _path(path: str) -> bytes:
    """Lower case, as the index has it; other bytes than ASCII percent-encoded."""
    coded = "".join(chr(byte) if byte < 128 else f"%{byte:02x}" for byte in path.encode())
    return (coded or "/").lower().encode()
