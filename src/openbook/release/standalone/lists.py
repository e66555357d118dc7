"""Whether the lists that a release publishes, of ids, of keys, of sealed leaves, give the roots of its manifest."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openbook.books.merkle import leaf_hash, root_of_hashes
from openbook.books.presence import KINDS, list_root
from openbook.books.tree import levels, subtree
from openbook.release.standalone.listing import MANIFEST_NAME, digest_like

IDS_NAME = "corpus/document-ids.txt"


def check_ids(
    folder: Path, manifest: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]
) -> tuple[int, list[str]]:
    """The published ids: 64 hex digits a line, ascending, as many as the corpus counts, giving the corpus' root."""
    hashes, before = [], b""
    problems: list[str] = []
    try:
        with (folder / IDS_NAME).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(80), b""), 1):
                if len(line) != 65 or line[64:] != b"\n" or not digest_like(line[:64].decode("ascii", "replace")):
                    return 0, [f"{IDS_NAME}, line {number}: this is no id of a document"]
                if line <= before and not problems:
                    problems.append(f"{IDS_NAME}, line {number}: the ids are not in order, or one stands there twice")
                hashes.append(leaf_hash(bytes.fromhex(line[:64].decode())))
                before = line
    except OSError:
        return 0, [f"{IDS_NAME} cannot be read"]
    if root_of_hashes(hashes).hex() != manifest["corpus_root"]:
        problems.append(f"{IDS_NAME}: the Merkle root over its ids is not the manifest's corpus_root")
    counted = records["corpus"]["counts"].get("documents") if "corpus" in records else len(hashes)
    if counted != len(hashes):
        problems.append(f"{IDS_NAME} lists {len(hashes)} documents, records/corpus.json counts {counted}")
    return len(hashes), problems


def check_lists(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The lists that receipts are made from give the roots that the manifest publishes."""
    lists = manifest.get("keys") or {}
    problems: list[str] = []
    if not isinstance(lists, dict) or not set(lists) <= set(KINDS):
        return [f"{MANIFEST_NAME}: `keys` names other lists than {', '.join(KINDS)}"]
    for kind, said in lists.items():
        name = IDS_NAME if kind == "documents" else f"keys/{kind}.bin"
        try:
            size, tree, nodes = _tree_of(folder / name, 65 if kind == "documents" else 32)
            path = folder / f"keys/{kind}.tree"
            stored = path.read_bytes() if path.exists() or size >= 256 else b""
        except (OSError, ValueError):
            problems.append(f"{name} or keys/{kind}.tree cannot be read, or is not in order")
            continue
        told = {"root": list_root(kind, size, tree).hex(), "size": size, "tree": tree.hex()}
        if said != told:
            problems.append(f"{name}: its root and size are not those that the manifest publishes")
        if stored != nodes:
            problems.append(f"keys/{kind}.tree does not hold the hashes of {name}")
    return problems


def _tree_of(path: Path, stride: int) -> tuple[int, bytes, bytes]:
    """Number, Merkle root and stored nodes of a list of keys. Raises ValueError when it is not in strict order."""
    size, rest = divmod(path.stat().st_size, stride)
    if rest:
        raise ValueError("cut off")
    above: dict[int, list[bytes]] = {}
    with path.open("rb") as file:

        def read(first: int, count: int) -> list[bytes]:
            file.seek(first * stride)
            data = file.read(count * stride)
            pieces = [data[at : at + stride] for at in range(0, len(data), stride)]
            return pieces if stride == 32 else [bytes.fromhex(one.decode("ascii")) for one in pieces]

        def leaves() -> Iterator[bytes]:
            before = b""
            for first in range(0, size, 4096):
                for key in read(first, 4096):
                    if key <= before:
                        raise ValueError("not in order")
                    before = key
                    yield leaf_hash(key)

        def stored(level: int, first: int, count: int) -> bytes:
            found = above[level][first : first + count] if level else map(leaf_hash, read(first, count))
            return b"".join(found)

        for level, node in levels(leaves()):
            above.setdefault(level, []).append(node)
        return size, subtree(stored, 0, size), b"".join(b"".join(above[level]) for level in sorted(above))


def check_sealed(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The leaves of documents that only auditors open must give the root that the manifest names."""
    root, path = manifest.get("sealed_root"), folder / "sealed" / "leaves.bin"
    if root is None:
        return ["sealed/ is there, and the manifest names no sealed root"] if (folder / "sealed").exists() else []
    try:
        data = path.read_bytes()
    except OSError:
        return ["sealed/leaves.bin cannot be read"]
    leaves = [data[at : at + 32] for at in range(0, len(data), 32)]
    if root_of_hashes(leaves).hex() != root:
        return ["sealed/leaves.bin: the Merkle root over its leaves is not the manifest's sealed root"]
    return []
