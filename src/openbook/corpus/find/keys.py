"""What the entries of find/ are keyed by: documents, addresses, sites. The names and the format of its files."""

from functools import lru_cache
from urllib.parse import urlsplit

import xxhash

from openbook.corpus.addresses import ascii_host, plain

FOLDER, INDEX, VERDICTS = "find", "index.json", "verdicts.npy"
FORMAT = 1
TABLES = ("ids", "urls", "hosts", "texts", "passages")
PROBE = "Ix-xemx titla' fuq il-baħar, u l-annimali kollha jqumu 3.14 darba: L’ŒUVRE ΚΑΛΗΜΕΡΑ Добър ден, გამარჯობა."
"""Its key is kept, so that an index is not asked with words that were split in another way."""


def id_key(id: str) -> int:
    """The first 16 of the 64 hex digits."""
    return int(id[:16], 16)


def url_key(url: str) -> int:
    """The same with another scheme, without a slash at the end, without a fragment."""
    return xxhash.xxh3_64_intdigest(plain(url).encode())


@lru_cache(1 << 14)
def host_key(host: str) -> int:
    """The same in capitals, and for a name in other letters than Latin and its form in the Domain Name System."""
    return xxhash.xxh3_64_intdigest(ascii_host(host).encode())


def domains(url: str) -> list[str]:
    """The host, and each domain above it that has two labels at least."""
    try:
        host = (urlsplit(url).hostname or "").strip(".")
    except ValueError:
        return []
    labels = host.split(".")
    if not host or ":" in host or labels[-1].isdigit():
        return [host] if host else []
    return [host, *(".".join(labels[at:]) for at in range(1, len(labels) - 1))]
