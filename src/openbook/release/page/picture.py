"""Where the nodes of a chain stand in a picture from top to bottom, and how the lines between them run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openbook.release.page.chain import Chain, Node

WIDE, TALL = 104.0, 40.0
"""Of a node, in units of the picture; a phone shows a unit as about a pixel."""
ACROSS, DOWN = 12.0, 30.0
"""Between two nodes of a row, and between two rows."""
LANE = 26.0
"""Beside the rows, where lines run that pass a row."""


@dataclass(frozen=True)
class Place:
    node: Node
    x: float
    y: float
    """Of the upper left corner."""


@dataclass(frozen=True)
class Line:
    start: str
    end: str
    path: str
    broken: bool
    implied: bool
    """Another way leads from start to end: drawn only when one of the two is chosen."""


@dataclass(frozen=True)
class Picture:
    width: float
    height: float
    places: Sequence[Place]
    lines: Sequence[Line]


def lay_out(chain: Chain) -> Picture:
    """Rows by the longest way from what has no inputs; of those, what is used late stands late."""
    rows = _rows(chain)
    most = max(map(len, rows))
    inner = most * WIDE + (most - 1) * ACROSS
    width = inner + 2 * LANE
    spots: dict[str, Place] = {}
    for number, row in enumerate(rows):
        left = LANE + (inner - len(row) * WIDE - (len(row) - 1) * ACROSS) / 2
        for at, name in enumerate(row):
            spots[name] = Place(chain.nodes[name], left + at * (WIDE + ACROSS), number * (TALL + DOWN) + 2)
    level = {name: number for number, row in enumerate(rows) for name in row}
    direct = _direct(chain.nodes)
    lines = [
        Line(
            link.source,
            node.id,
            _path(spots[link.source], spots[node.id], level[node.id] - level[link.source], width, at),
            bool(link.problem),
            (link.source, node.id) not in direct and not link.problem,
        )
        for node in chain.nodes.values()
        for at, link in enumerate(node.links)
    ]
    return Picture(width, len(rows) * (TALL + DOWN) - DOWN + 4, list(spots.values()), lines)


def _rows(chain: Chain) -> list[list[str]]:
    level: dict[str, int] = {}
    for name, node in chain.nodes.items():  # inputs come first
        level[name] = 1 + max((level[link.source] for link in node.links if link.source in level), default=-1)
    for name, node in chain.nodes.items():
        if not node.links:
            uses = [level[one.id] for one in chain.nodes.values() if any(link.source == name for link in one.links)]
            level[name] = max(min(uses, default=level[name] + 1) - 1, 0)
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in chain.nodes:
        rows[level[name]].append(name)
    return [row for row in rows if row]


def _direct(nodes: Mapping[str, Node]) -> set[tuple[str, str]]:
    """The links that no longer way replaces: the transitive reduction."""
    above: dict[str, set[str]] = {}
    for name, node in nodes.items():
        sources = {link.source for link in node.links if link.source in above}
        above[name] = sources.union(*(above[one] for one in sources))
    found = set()
    for name, node in nodes.items():
        sources = {link.source for link in node.links}
        longer = set[str]().union(*(above.get(one, set()) for one in sources))
        found |= {(one, name) for one in sources - longer}
    return found


def _path(start: Place, end: Place, rows: int, width: float, turn: int) -> str:
    """From the foot of one node to the head of the next; past other rows by the nearer side."""
    if rows == 1:
        x, y, to_x, to_y = start.x + WIDE / 2, start.y + TALL, end.x + WIDE / 2, end.y
        return f"M{x:g} {y:g}C{x:g} {y + DOWN * 0.6:g} {to_x:g} {to_y - DOWN * 0.6:g} {to_x:g} {to_y:g}"
    right = start.x + end.x + WIDE > width
    edge = WIDE if right else 0.0
    lane = (width - 2 - 3 * (turn % 7)) if right else 2 + 3 * (turn % 7)
    y, to_y = start.y + TALL / 2, end.y + TALL / 2 + 3 * (turn % 4)
    return f"M{start.x + edge:g} {y:g}C{lane:g} {y:g} {lane:g} {y:g} {lane:g} {y + TALL:g}" + (
        f"L{lane:g} {to_y - TALL:g}C{lane:g} {to_y:g} {lane:g} {to_y:g} {end.x + edge:g} {to_y:g}"
    )
