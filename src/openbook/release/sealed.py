"""Documents that were trained on but may not be given out: encrypted for auditors, committed to in the public root.

`sealed/CODE-NNNNN.age` holds them (age, zstd, a JSON line each), `sealed/leaves.bin` one salted leaf hash each, in the
same order, `sealed/index.json` what is public about them. The manifest names the Merkle root over the leaves.
"""

import hmac
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from openbook.books import merkle
from openbook.books.digest import canonical_json, sha256_bytes
from openbook.books.store import atomic_path, write_bytes
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.release.auditors import library, recipients

if TYPE_CHECKING:
    from openbook.tokenizer import TokenizedCorpus

FOLDER, LEAVES, INDEX = "sealed", "leaves.bin", "index.json"
SECRET = "sealed.secret"
"""In the run's folder, never in a release: 32 bytes from which the salts come, so that the root is the same again."""
FORMAT = 1
SHARD_BYTES = 64 << 20
"""Of plain text that is encrypted at a time."""
LARGEST = 1 << 31
"""Bytes that one shard may unfold to."""
COLUMNS = ("id", "url", "language", "license", "split", "text", "rights")


@dataclass(frozen=True)
class Opened:
    """One document with the salt that hides its leaf."""

    index: int
    """Its place among the leaves, from 0."""
    salt: str
    document: dict[str, Any]
    """id, url, language, license, split, text, and `tokens`: SHA-256 of its token ids (uint32, little-endian)."""

    @property
    def leaf(self) -> bytes | None:
        """The hash of its leaf; None where salt or document cannot be those of one."""
        try:
            return leaf(bytes.fromhex(self.salt), self.document)
        except (ValueError, TypeError):
            return None

    @property
    def name(self) -> str:
        """Its place, and the beginning of its id."""
        id = self.document.get("id") if isinstance(self.document, dict) else None
        return f"document {self.index} ({str(id)[:16]})"


def leaf(salt: bytes, document: dict[str, Any]) -> bytes:
    """The hash of a document's leaf: RFC 6962's, over the salt and the document's canonical JSON."""
    return merkle.leaf_hash(salt + canonical_json(document))


def token_digest(ids: Any) -> str:
    """SHA-256 of token ids as little-endian uint32, `<|endoftext|>` before them included."""
    import numpy as np

    return sha256_bytes(np.asarray(ids).astype("<u4").tobytes())


def read_index(release: Path) -> dict[str, Any]:
    """What is public about the sealed documents. Raises OpenbookError for a release without any."""
    path = release / FOLDER / INDEX
    try:
        index = json.loads(path.read_bytes())
        if index["format"] != FORMAT or not isinstance(index["shards"], list):
            raise ValueError("it is of another format")
    except FileNotFoundError:
        raise OpenbookError(f"{release} holds no sealed documents.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise OpenbookError(f"{path} cannot be read: {error}.") from None
    return cast("dict[str, Any]", index)


def read_leaves(release: Path) -> list[bytes]:
    """The leaf hashes, in order. Raises OpenbookError when the file is missing or cut."""
    path = release / FOLDER / LEAVES
    if not path.parent.exists():
        raise OpenbookError(
            f"{release} holds no sealed documents: its recipe named no auditors, or the folder {FOLDER} was not "
            "handed on (then its manifest.json names a sealed_root)."
        )
    data = path.read_bytes() if path.is_file() else b"."
    if len(data) % 32:
        raise OpenbookError(f"{path} is missing or was cut: get the release again.")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def problems(release: Path, root: str | None) -> list[str]:
    """What is wrong with the public part, as sentences. `root`: the manifest's."""
    if root is None:
        return [f"{FOLDER}/ is there, and the manifest names no sealed root"] if (release / FOLDER).exists() else []
    try:
        index, leaves = read_index(release), read_leaves(release)
    except OpenbookError as error:
        return [str(error)]
    found = []
    if merkle.root_of_hashes(leaves).hex() != root or index.get("root") != root:
        found.append(f"{FOLDER}/{LEAVES}: the Merkle root over its leaves is not the manifest's sealed root")
    if index.get("documents") != len(leaves):
        found.append(f"{FOLDER}/{INDEX}: it counts other documents than there are leaves")
    return found


def seal(
    corpus: Corpus, tokens: "TokenizedCorpus | None", work: Path, auditors: Sequence[str], secret: bytes, domains: bool
) -> str | None:
    """Write `sealed/` into a release; returns the root over the leaves, None where the corpus seals nothing.

    `domains`: whether the number of documents by host is published. Raises OpenbookError for a key that is none.
    """
    keys = recipients(auditors)
    shards: list[dict[str, Any]] = []
    leaves: list[bytes] = []
    counted: dict[str, Counter[str]] = {}
    hosts: Counter[str] = Counter()
    for code in corpus.languages:
        for number, batch in enumerate(_batches(corpus, code)):
            name, lines = f"{code}-{number:05d}.age", []
            for document in batch:
                digest, count = _tokens(tokens, document)
                document["tokens"] = digest
                salt = hmac.digest(secret, document["id"].encode(), "sha256")
                leaves.append(leaf(salt, document))
                lines.append(canonical_json({"salt": salt.hex(), "document": document}))
                size = len(document["text"].encode())
                counted.setdefault(code, Counter()).update({"documents": 1, "bytes": size, "tokens": count})
                hosts[urlsplit(document["url"]).hostname or ""] += 1
            write_bytes(work / FOLDER / name, _encrypted(b"\n".join(lines), keys))
            first = len(leaves) - len(lines)
            shards.append({"file": name, "language": code, "first": first, "documents": len(lines)})
    if not leaves:
        return None
    root = merkle.root_of_hashes(leaves).hex()
    index = {
        "format": FORMAT,
        "root": root,
        "documents": len(leaves),
        "languages": {
            code: {**counts, "whole": counts["documents"] == corpus.counts(code)["documents"]}
            for code, counts in counted.items()
        },
        "domains": dict(hosts) if domains else None,
        "auditors": list(auditors),
        "shards": shards,
    }
    write_bytes(work / FOLDER / LEAVES, b"".join(leaves))
    write_bytes(work / FOLDER / INDEX, canonical_json(index) + b"\n")
    return root


def secret_of(run: Path) -> bytes:
    """The run's secret, made when it is first asked for, readable by its owner alone."""
    path = run / SECRET
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.touch(0o600)
            temporary.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def sealed_documents(corpus: Corpus) -> bool:
    """Whether the corpus has any."""
    return any(
        row["rights"] == "sealed"
        for code in corpus.languages
        for row in corpus.documents(code, split=None, columns=["rights"])
    )


def _batches(corpus: Corpus, code: str) -> Iterator[list[dict[str, Any]]]:
    held: list[dict[str, Any]] = []
    size = 0
    for row in corpus.documents(code, split=None, columns=list(COLUMNS)):
        if row.pop("rights") == "sealed":
            held.append(row)
            size += len(row["text"])
            if size >= SHARD_BYTES:
                yield held
                held, size = [], 0
    if held:
        yield held


def _tokens(tokens: "TokenizedCorpus | None", document: dict[str, Any]) -> tuple[str | None, int]:
    if tokens is None:
        return None, 0
    split: Literal["train", "held-out"] = document["split"]
    span = tokens.span(document["language"], document["id"], split)
    if span is None:
        raise OpenbookError(f"the tokens lack the document {document['id']}: run the recipe again.")
    return token_digest(tokens.tokens(document["language"], split)[span[0] : span[1]]), span[1] - span[0]


def _encrypted(plain: bytes, keys: Sequence[Any]) -> bytes:
    import zstandard

    return cast("bytes", library().encrypt(zstandard.compress(plain), keys))


def open_documents(release: Path, keys: Sequence[Any], wanted: set[int] | None = None) -> Iterator[Opened]:
    """The documents in the order of their leaves; `wanted`: only those at these places, other shards are left shut.

    Raises OpenbookError when no key fits, and for a shard that was changed.
    """
    index = read_index(release)
    for shard in index["shards"]:
        places = range(shard["first"], shard["first"] + shard["documents"])
        if wanted is None or wanted & set(places):
            for at, line in zip(places, _lines(release, index, shard, keys), strict=True):
                if wanted is None or at in wanted:
                    yield Opened(at, line["salt"], line["document"])


def _lines(release: Path, index: dict[str, Any], shard: dict[str, Any], keys: Sequence[Any]) -> list[dict[str, Any]]:
    plain = _decrypted(release / FOLDER / _plain_name(shard["file"]), index["auditors"], keys)
    try:
        lines = [json.loads(line) for line in plain.split(b"\n")]
        if any(set(line) != {"salt", "document"} for line in lines) or len(lines) != shard["documents"]:
            raise ValueError
        return lines
    except (ValueError, TypeError):
        raise OpenbookError(f"{shard['file']} does not hold what {INDEX} says: get the release again.") from None


def _plain_name(name: Any) -> str:
    if not isinstance(name, str) or Path(name).name != name or name.startswith("."):
        raise OpenbookError(f"{INDEX} names a shard outside of its folder: {name!r}.")
    return name


def _decrypted(path: Path, auditors: Sequence[str], keys: Sequence[Any]) -> bytes:
    import zstandard

    pyrage = library()
    try:
        packed = pyrage.decrypt(path.read_bytes(), list(keys))
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=LARGEST)
    except FileNotFoundError:
        raise OpenbookError(f"{path} is missing: get the release again.") from None
    except pyrage.DecryptError as error:
        if "matching keys" not in str(error):
            raise OpenbookError(f"{path} was changed and cannot be opened ({error}): get the release again.") from None
        raise OpenbookError(
            f"no key that was given opens {path}: it is sealed for {', '.join(auditors)}. Who has lost a key asks the "
            "provider to seal for a new one (openbook sealed rotate); where all keys are lost, the run's folder can "
            "seal again with the same root, and without that nobody can open it."
        ) from None
    except zstandard.ZstdError as error:
        raise OpenbookError(f"{path} cannot be read ({error}): get the release again.") from None


def unfit(leaves: Sequence[bytes], opened: Sequence[Opened]) -> list[str]:
    """Which documents do not give the leaf at their place, are missing, or are there twice."""
    places = Counter(one.index for one in opened)
    found = [
        f"{one.name} is not the one that the sealed root commits to"
        for one in opened
        if not 0 <= one.index < len(leaves) or one.leaf != leaves[one.index]
    ]
    found += [f"document {place} is there {count} times" for place, count in sorted(places.items()) if count > 1]
    return found + [f"document {place} is missing" for place in range(len(leaves)) if place not in places]


def rotate(release: Path, keys: Sequence[Any], auditors: Sequence[str]) -> None:
    """Seal the same documents for other auditors: same salts, same leaves, same root; the manifest is written anew.

    Raises OpenbookError, before anything is changed, when the documents do not fit the leaves.
    """
    from openbook.release import manifest as manifests

    new, index, manifest = recipients(auditors), read_index(release), manifests.read(release)
    wrong = unfit(read_leaves(release), list(open_documents(release, keys)))
    if wrong:
        raise OpenbookError("\n".join([f"{release} is not sealed anew, as it is not what it was:", *wrong]))
    for shard in index["shards"]:
        plain = _decrypted(release / FOLDER / _plain_name(shard["file"]), index["auditors"], keys)
        write_bytes(release / FOLDER / shard["file"], _encrypted(plain, new))
    write_bytes(release / FOLDER / INDEX, canonical_json({**index, "auditors": list(auditors)}) + b"\n")
    manifests.write(release, **manifest.model_dump(exclude={"files", "root"}))
