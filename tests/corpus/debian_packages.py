"""Debian packages and an archive of them, made by hand for the real apt client to read."""

import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import zstandard

MODIFIED = 1714564800  # 2024-05-01T12:00:00Z
COMPRESSIONS = {"": bytes, ".gz": partial(gzip.compress, mtime=0), ".xz": lzma.compress, ".zst": zstandard.compress}
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Source: https://example.org

Files: *
Copyright: somebody
License: GPL-2+

Files: debian/*
Copyright: somebody else
License: Expat
"""


def deb(files: Mapping[str, bytes], compression: str = ".xz") -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mtime = len(data), MODIFIED
            archive.addfile(entry, io.BytesIO(data))
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", lzma.compress(b"x")),
        (f"data.tar{compression}", COMPRESSIONS[compression](raw.getvalue())),
    ]
    out = b"!<arch>\n"
    for name, data in members:
        out += (
            f"{name:<16}{MODIFIED:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
            + data
            + b"\n" * (len(data) % 2)
        )
    return out


def mo(messages: Mapping[str, str]) -> bytes:
    """A compiled catalog, little endian, laid out as the gettext manual says."""
    pairs = [(original.encode(), translation.encode()) for original, translation in sorted(messages.items())]
    start = 28 + 16 * len(pairs)
    tables, strings = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), start + len(strings))
            strings += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + tables[0] + tables[1] + strings


def xpi(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def archive(folder: Path, packages: Mapping[str, bytes], version: str = "1:7.4.7-1+deb12u1") -> Path:
    """A flat archive with an index; returns an apt configuration that knows it alone."""
    folder.mkdir(parents=True, exist_ok=True)
    index = ""
    for name, data in packages.items():
        file = f"{name}.deb"
        (folder / file).write_bytes(data)
        index += (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
            f"Filename: ./{file}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\nDescription: test\n\n"
        )
    (folder / "Packages").write_text(index)
    (folder / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    configuration = folder / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "{folder}/none";\n'
        f'APT::Update::Post-Invoke {{ "touch {folder}/hook-ran"; }};\n'
    )
    return configuration
