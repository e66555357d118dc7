"""Which sealed documents an auditor draws, the answer that opens only those, and the check that needs no key.

The places come from the auditor's nonce and the root: the provider cannot choose them, the auditor cannot after seeing.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release.sealed import Opened, open_documents, problems, read_index, read_leaves, token_digest, unfit
from openbook.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
LEAST_NONCE = 16
"""Bytes: the provider must not have been able to guess it when the release was made."""
_FIELDS = {"id", "url", "language", "license", "split", "text", "tokens"}


def indices(root: str, nonce: str, size: int, sample: int) -> list[int]:
    """`sample` places of `size`, each once, ascending; all of them when there are no more.

    The k-th draw is SHA-256 over the root, the nonce and k, modulo `size`; a place that was drawn already is passed
    over. Raises OpenbookError for a nonce that is no hex or too short.
    """
    try:
        raw = bytes.fromhex(nonce)
    except ValueError:
        raise OpenbookError("a nonce is hex digits, such as `openssl rand -hex 32` prints.") from None
    if len(raw) < LEAST_NONCE:
        raise OpenbookError(f"the nonce is too short: {LEAST_NONCE} bytes at least, such as `openssl rand -hex 32`.")
    if sample < 1:
        raise OpenbookError("a sample has one document at least.")
    drawn: set[int] = set()
    turn = 0
    while len(drawn) < min(sample, size):
        seed = b"openbook challenge 1\n" + bytes.fromhex(root) + raw + turn.to_bytes(8, "big")
        drawn.add(int.from_bytes(sha256(seed).digest(), "big") % size)
        turn += 1
    return sorted(drawn)


def draw(release: Path, nonce: str, sample: int) -> list[int]:
    """The places of a challenge to a release."""
    return indices(_root(release), nonce, len(read_leaves(release)), sample)


def answer(release: Path, keys: Sequence[Any], nonce: str, sample: int) -> bytes:
    """The challenge's documents with their salts, as JSON; nothing else is opened in it."""
    places = set(draw(release, nonce, sample))
    opened = [vars(one) for one in open_documents(release, keys, places)]
    told = {"format": FORMAT, "root": _root(release), "nonce": nonce, "sample": sample, "opened": opened}
    return canonical_json(told) + b"\n"


def check_answer(release: Path, data: bytes, nonce: str, sample: int) -> list[str]:
    """What is wrong with an answer to this challenge, as sentences that name the document; empty when it is sound."""
    try:
        told = json.loads(data)
        opened = [Opened(int(one["index"]), one["salt"], one["document"]) for one in told["opened"]]
        same = told["format"] == FORMAT and told["root"] == _root(release)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["the answer cannot be read"]
    if not same:
        return ["the answer is to another release, or of another format"]
    wanted = draw(release, nonce, sample)
    given = [one.index for one in opened]
    found = [f"document {at} was asked for and is not in the answer" for at in wanted if at not in given]
    found += [f"document {at} is in the answer and was not asked for" for at in given if at not in wanted]
    found += [f"document {at} is in the answer twice" for at in sorted(set(given)) if given.count(at) > 1]
    return found + _against_leaves(release, opened) + against_release(release, opened)


def check_all(release: Path, keys: Sequence[Any]) -> list[str]:
    """Open every document and hold it against leaves, published ids, tokenizer and counts; what is wrong, named."""
    leaves, opened = read_leaves(release), list(open_documents(release, keys))
    found = problems(release, manifests.read(release).sealed_root) + unfit(leaves, opened)
    return found + against_release(release, opened) + _against_tokens(release, opened)


def _against_leaves(release: Path, opened: Iterable[Opened]) -> list[str]:
    """Whether the leaves are those that the manifest's root is over, and each document gives the leaf at its place."""
    leaves = read_leaves(release)
    return problems(release, manifests.read(release).sealed_root) + [
        f"{one.name} is not the one that the sealed root commits to"
        for one in opened
        if not 0 <= one.index < len(leaves) or one.leaf != leaves[one.index]
    ]


def against_release(release: Path, opened: Iterable[Opened]) -> list[str]:
    """Whether documents are the release's: their ids are published, their text gives the tokens that they name."""
    from openbook.trace.standing import IDS, listed

    tokenizer = Tokenizer.open(release / "model")
    found = []
    for one in opened:
        if not isinstance(one.document, dict) or set(one.document) != _FIELDS:
            found.append(f"{one.name} does not have the fields of a document")
            continue
        if not listed(release / IDS, str(one.document["id"])):
            found.append(f"{one.name} is not in {IDS}, which the corpus root is over")
        if token_digest(_ids(tokenizer, [str(one.document["text"])])) != one.document["tokens"]:
            found.append(f"{one.name}: its text gives other tokens than it names")
    return found


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> "NDArray[Any]":
    """The token ids of texts, each behind `<|endoftext|>`."""
    import numpy as np

    flat, starts = tokenizer.encode_flat(list(texts))
    return np.insert(flat, starts[:-1], tokenizer.bos)


def _against_tokens(release: Path, opened: Sequence[Opened]) -> list[str]:
    """Where every document of a language is sealed, its tokens are made again and held against the recorded file."""
    from openbook.books.record import Record

    corpus = Record.model_validate_json((release / "records" / "corpus.json").read_bytes())
    record = Record.model_validate_json((release / "records" / "tokens.json").read_bytes())
    if record.inputs.get("corpus") != corpus.root:
        return ["records/tokens.json was made from another corpus than records/corpus.json"]
    tokenizer = Tokenizer.open(release / "model")
    width = "<u2" if tokenizer.vocabulary_size <= 1 << 16 else "<u4"
    found = []
    for code, counts in whole_languages(release).items():
        mine = [one.document for one in opened if one.document["language"] == code]
        for split, folder in (("train", code), ("held-out", f"held-out/{code}")):
            texts = [one["text"] for one in sorted(mine, key=lambda one: one["id"]) if one["split"] == split]
            digest = sha256_bytes(_ids(tokenizer, texts).astype(width).tobytes() if texts else b"")
            entry = record.files.get(f"{folder}/tokens.bin")
            if entry is None or entry.sha256 != digest:
                found.append(f"{code}: the sealed documents give other {split} tokens than records/tokens.json names")
        if len(mine) != counts:
            found.append(f"{code}: {counts} documents are sealed, {len(mine)} were opened")
    return found


def whole_languages(release: Path) -> dict[str, int]:
    """Languages of which every document is sealed, and how many they are."""
    index = read_index(release)
    return {code: row["documents"] for code, row in index["languages"].items() if row.get("whole")}


def canaries(release: Path, keys: Sequence[Any], texts: Sequence[str]) -> dict[str, Any]:
    """In how many sealed documents each text stands, word for word: what can be published without a text."""
    from openbook.release.deletions import words

    asked = [(sha256(text.encode()).hexdigest(), f" {' '.join(words(text))} ") for text in texts]
    if any(not sought.strip() for _, sought in asked):
        raise OpenbookError("a canary needs a word at least.")
    counts = dict.fromkeys((digest for digest, _ in asked), 0)
    for one in open_documents(release, keys):
        held = f" {' '.join(words(one.document['text']))} "
        for digest, sought in asked:
            counts[digest] += sought in held
    return {"root": _root(release), "canaries": counts}


def _root(release: Path) -> str:
    root = manifests.read(release).sealed_root
    if root is None:
        raise OpenbookError(f"{release} holds no sealed documents.")
    return root
