"""Which records a run or a release holds, what each was made from, and where a link between two of them is broken."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.books.record import FILE_NAME, Record, check_sizes, files_root, identity, parse_record
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release.standalone.chain import BEFORE, EARLIER

RELEASE = "release"
RECORDS = "records"


@dataclass(frozen=True)
class Link:
    """An input of a record."""

    name: str
    root: str
    source: str
    """Node that it leads to."""
    problem: str = ""
    """What is wrong with it; empty when the root is that of the node."""


@dataclass
class Node:
    id: str
    title: str
    kind: str
    """`step`, `earlier` (replaced by a removal), `outside` (of the run) or `missing`."""
    root: str = ""
    record: Record | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        return bool(self.problems) or any(link.problem for link in self.links)


@dataclass(frozen=True)
class Chain:
    nodes: Mapping[str, Node]
    """In the order of the flow: each behind all that it was made from."""

    @property
    def problems(self) -> list[str]:
        found = [f"{node.title}: {one}" for node in self.nodes.values() for one in node.problems]
        return found + [
            f"{node.title}: {link.problem}" for node in self.nodes.values() for link in node.links if link.problem
        ]


def read_chain(folder: Path) -> Chain:
    """Of a run's folder or a release's. Raises OpenbookError when it is neither."""
    found = dict(_of_release(folder) if (folder / manifests.FILE_NAME).exists() else _of_run(folder))
    if not found:
        raise OpenbookError(f"{folder} is neither a run nor a release: it holds no record.")
    return Chain(_ordered(_linked(found)))


def _of_run(folder: Path) -> Iterator[tuple[str, Node]]:
    for path in sorted(folder.glob(f"*/{FILE_NAME}")):
        artifact = path.parent
        name = artifact.name.removesuffix(".record")
        if artifact.name.startswith("."):
            continue
        node = _node(name, path.read_bytes())
        if node.record:
            node.problems += check_sizes(folder / name, node.record)
        yield name, node
        yield from _replaced(artifact / "before")
    if (folder / RELEASE / manifests.FILE_NAME).exists() and not (folder / f"{RELEASE}.record").exists():
        yield RELEASE, _released(folder / RELEASE)


def _released(folder: Path) -> Node:
    """A release whose own record is not at hand: it was made from what its manifest names."""
    node = Node(RELEASE, RELEASE, "step")
    try:
        manifest = manifests.read(folder)
        node.root, node.inputs = manifest.root, manifest.roots
    except OpenbookError as error:
        node.problems.append(str(error).rstrip("."))
    return node


def _of_release(folder: Path) -> Iterator[tuple[str, Node]]:
    manifest = manifests.read(folder)
    for step, root in manifest.roots.items():
        path = folder / RECORDS / f"{step}.json"
        node = _node(step, path.read_bytes()) if path.is_file() else Node(step, step, "missing")
        if node.record is None:
            node.problems = node.problems or [f"{RECORDS}/{step}.json is missing"]
        elif node.root != root:
            node.problems.append("its root is not the one in the manifest")
        node.root = root
        yield step, node
    yield from _replaced(folder / EARLIER)
    yield RELEASE, _released(folder)


def _replaced(folder: Path) -> Iterator[tuple[str, Node]]:
    for path in sorted(folder.glob("*.json")):
        node = _node(path.stem, path.read_bytes())
        if node.record:
            node.id, node.title, node.kind = f"before-{path.stem[:16]}", f"{node.record.step} before", "earlier"
        if node.root != path.stem:
            node.problems.append("its root is not the one that names it")
        yield node.id, node


def _node(name: str, data: bytes) -> Node:
    """A node whose record is held against itself; one without a record when that cannot be read."""
    node = Node(name, name, "step")
    try:
        record = parse_record(data, name)
    except OpenbookError as error:
        node.problems.append(str(error))
        return node
    node.record, node.root, node.inputs = record, record.root, record.inputs
    rooted = {path: entry for path, entry in record.files.items() if path not in record.unrooted}
    try:
        if files_root(rooted) != record.root:
            node.problems.append("its root is not the root of its files")
        if identity(record.step, record.version, record.settings, record.inputs) != record.identity:
            node.problems.append("its identity is not that of its settings and inputs")
    except (UnicodeError, ValueError):
        node.problems.append("it names what is no Unicode or no number")
    if record.step != name and len(name) != 64:
        node.problems.append(f"it is the record of another step, {record.step}")
    return node


def _linked(nodes: dict[str, Node]) -> dict[str, Node]:
    """Each input of each record led to its node; what is not there is a node of its own."""
    earlier = {node.root: node.id for node in nodes.values() if node.kind == "earlier"}
    for node in list(nodes.values()):
        for name, root in node.inputs.items():
            step = name.removesuffix(BEFORE)
            if root in earlier and (step not in nodes or nodes[step].root != root):
                node.links.append(Link(name, root, earlier[root]))
            elif " " in name:
                outside = f"outside-{root[:16]}-{name.replace(' ', '-')}"
                nodes[outside] = Node(outside, name, "outside", root)
                node.links.append(Link(name, root, outside))
            elif name not in nodes:
                nodes[name] = Node(name, name, "missing", problems=["its record is not here"])
                node.links.append(Link(name, root, name, f"it was made from {name}, whose record is not here"))
            else:
                other = nodes[name].root != root
                said = f"it was made from another version of {step} than is here" if other else ""
                node.links.append(Link(name, root, name, said))
    return nodes


def _ordered(nodes: dict[str, Node]) -> dict[str, Node]:
    """Inputs first; a circle, which only a forger can make, is cut where it closes."""
    done: dict[str, Node] = {}
    open_: set[str] = set()
    for start in sorted(nodes):
        stack = [(start, iter([link.source for link in nodes[start].links]))]
        open_.add(start)
        while stack:
            name, inputs = stack[-1]
            following = next((one for one in inputs if one not in done and one not in open_), None)
            if following is None:
                done[name] = nodes[name]
                stack.pop()
            else:
                open_.add(following)
                stack.append((following, iter([link.source for link in nodes[following].links])))
    return done


def pretty(value: Any, indent: int = 0) -> str:
    """JSON to read: a list of plain values on one line."""
    pad = " " * (indent + 2)
    if isinstance(value, Mapping) and value:
        inner = [f"{pad}{json.dumps(key, ensure_ascii=False)}: {pretty(one, indent + 2)}" for key, one in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{' ' * indent}}}"
    if isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        inner = [f"{pad}{pretty(one, indent + 2)}" for one in value]
        return "[\n" + ",\n".join(inner) + f"\n{' ' * indent}]"
    return json.dumps(value, ensure_ascii=False, default=str)
