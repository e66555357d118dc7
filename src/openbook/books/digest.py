"""How bytes and settings are named: SHA-256, in lower-case hex, over canonical bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any


def sha256_bytes(data: bytes) -> str:
    """64 hexadecimal digits, lower case."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """64 hexadecimal digits, lower case; the file is never in memory whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one byte string that stands for a JSON value: keys sorted, no spaces, UTF-8, no NaN.

    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
