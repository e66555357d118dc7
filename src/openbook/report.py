"""A page to look at: one self-contained HTML file, in light and dark, for wide and narrow screens.

Holds no clock time and no path, so that a report is the same on every run of the same recipe.
"""

import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import jinja2
from markupsafe import Markup

from openbook.books.store import write_bytes

Cell = str | int | float | None
COLORS = 12
"""Series colors in style.css; a chart with more series begins again."""


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("openbook", "report_page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(name: str, **values: object) -> Markup:
    return Markup(_templates().get_template(name).render(**values))


def number(value: Cell) -> str:
    """A figure as a reader wants it: thousands apart, three significant decimals, nothing for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, float) and value == int(value) and abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


class Report:
    """Collects sections in order and writes them as one page."""

    def __init__(self, title: str, lead: str = "", refresh: int | None = None) -> None:
        """`refresh`: the page loads itself again after so many seconds."""
        self.title, self.lead, self.refresh = title, lead, refresh
        self.parts: list[Markup] = []
        self.languages: Mapping[str, str] = {}
        self.scripts = ["page.js"]
        self.styles = ["style.css"]

    def add(self, template: str, **values: object) -> None:
        """A part of its own shape: a template of report_page/."""
        self.parts.append(_render(template, **values))

    def choose_language(self, names: Mapping[str, str]) -> None:
        """Give the page a choice of language (code -> name), which panels and samples follow."""
        self.languages = names

    def panel(self, kind: str, data: object) -> None:
        """A part that report_page/KIND.js draws from `data`, a JSON value, anew for each language that is chosen."""
        # A "<" could end the element that holds the data.
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        self.parts.append(_render("panel.html.jinja", kind=kind, data=Markup(text)))
        self.scripts += [f"{kind}.js"] if f"{kind}.js" not in self.scripts else []

    def section(self, heading: str, note: str = "") -> None:
        self.parts.append(_render("section.html.jinja", heading=heading, note=note))

    def figures(self, items: Mapping[str, str]) -> None:
        """A row of big numbers: label -> value."""
        self.parts.append(_render("figures.html.jinja", items=items))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "", caption: str = "", id: str = ""
    ) -> None:
        """A table that a press on a heading sorts; columns of numbers are aligned right."""
        numeric = [
            any(isinstance(row[at], int | float) for row in rows)
            and all(row[at] is None or isinstance(row[at], int | float) for row in rows)
            for at in range(len(columns))
        ]
        cells = [[(number(value), value if isinstance(value, int | float) else None) for value in row] for row in rows]
        self.parts.append(
            _render("table.html.jinja", columns=columns, rows=cells, numeric=numeric, note=note, caption=caption, id=id)
        )

    def bars(
        self,
        rows: Sequence[tuple[str, Mapping[str, float]]],
        unit: str = "",
        note: str = "",
        totals: Sequence[str] = (),
        logarithmic: bool = False,
    ) -> None:
        """Stacked horizontal bars, one per row, all on one scale; `totals` takes the place of the sums behind them.

        A logarithmic scale is for rows of one part: it begins a little below the least of them.
        """
        names = list(dict.fromkeys(name for _, parts in rows for name in parts))
        sums = [sum(parts.values()) for _, parts in rows]
        longest = max(sums, default=0) or 1
        least = min((one for one in sums if one > 0), default=1) / 2

        def width(part: float) -> float:
            if logarithmic:
                return 100 * math.log(part / least) / math.log(longest / least) if part > 0 else 0
            return 100 * part / longest

        def pieces(parts: Mapping[str, float]) -> list[tuple[int, float, str, str]]:
            return [(names.index(name) % COLORS, width(part), name, number(part)) for name, part in parts.items()]

        behind = totals or [f"{number(one)} {unit}" for one in sums]
        shown = [(label, total, pieces(parts)) for (label, parts), total in zip(rows, behind, strict=True)]
        legend = [(index % COLORS, name) for index, name in enumerate(names)] if len(names) > 1 else []
        self.parts.append(_render("bars.html.jinja", rows=shown, legend=legend, unit=unit, note=note))

    def line(
        self,
        series: Mapping[str, Sequence[tuple[float, float]]],
        x: str,
        y: str,
        note: str = "",
        dots: Sequence[str] = (),
        band: Sequence[tuple[float, float, float]] = (),
    ) -> None:
        """A line chart. At most about a thousand points a series are drawn, the extremes of each stretch kept. Series
        named in `dots` are single points, with their figures under the pointer; `band`: (x, low, high), shaded behind
        all."""
        edges = [(a, low) for a, low, _ in band] + [(a, high) for a, _, high in reversed(band)]
        points = [point for line in (*series.values(), edges) for point in line if math.isfinite(point[1])]
        if not points:
            return
        left, right = min(p[0] for p in points), max(p[0] for p in points)
        low, high = min(p[1] for p in points), max(p[1] for p in points)
        x_ticks, y_ticks = ticks(left, right), ticks(low, high)
        low, high = min(low, y_ticks[0]), max(high, y_ticks[-1])
        wide, tall = 720.0, 300.0

        def place(point: tuple[float, float]) -> tuple[float, float]:
            across = (point[0] - left) / ((right - left) or 1)
            up = (point[1] - low) / ((high - low) or 1)
            return round(60 + across * (wide - 80), 1), round(tall - 40 - up * (tall - 60), 1)

        def path(line: Sequence[tuple[float, float]]) -> str:
            return " ".join(f"{a},{b}" for a, b in map(place, line))

        lines = [
            (index % COLORS, name, "" if name in dots else path(thin(line)))
            for index, (name, line) in enumerate(series.items())
        ]
        marks = [
            (index % COLORS, *place(point), f"{name}: {number(point[1])}")
            for index, (name, line) in enumerate(series.items())
            for point in (line if name in dots else ())
        ]
        x_marks = [(place((tick, low))[0], f"{tick:g}") for tick in x_ticks]
        y_marks = [(place((left, tick))[1], f"{tick:g}") for tick in y_ticks]
        values = {"lines": lines, "marks": marks, "band": path(edges), "x_marks": x_marks, "y_marks": y_marks}
        values |= {"x": x, "y": y, "note": note}
        self.parts.append(_render("line.html.jinja", **values, wide=wide, tall=tall))

    def multiples(
        self,
        items: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
        behind: Sequence[tuple[float, float]],
        x: str,
        y: str,
        note: str = "",
    ) -> None:
        """Small line charts on one scale: (label, figure, points) of each; `behind` is drawn in all of them.

        What the first tenth of the range of x has above all that follows is cut, so that the rest can be told apart.
        """
        every = [point for line in (*(points for _, _, points in items), behind) for point in line]
        if not every:
            return
        left, right = min(a for a, _ in every), max(a for a, _ in every)
        later = [b for a, b in every if a >= left + (right - left) / 10]
        low, high = min(later), max(later)
        wide, tall = 160.0, 64.0

        def path(line: Sequence[tuple[float, float]]) -> str:
            across, up = (wide - 4) / ((right - left) or 1), (tall - 6) / ((high - low) or 1)
            return " ".join(f"{2 + (a - left) * across:.1f},{tall - 3 - (b - low) * up:.1f}" for a, b in line)

        charts = [(label, figure, path(points)) for label, figure, points in items]
        scale = f"All on one scale: {x} {left:,.0f} to {right:,.0f}, {y} {low:.2f} to {high:.2f}."
        values = {"charts": charts, "behind": path(behind), "wide": int(wide), "tall": int(tall)}
        self.parts.append(_render("multiples.html.jinja", **values, note=f"{note} {scale}".strip()))

    def samples(self, items: Sequence[tuple[str, str]], note: str = "") -> None:
        """Texts to unfold: (summary, text)."""
        self.parts.append(_render("samples.html.jinja", items=items, note=note))

    def html(self) -> str:
        style = "".join(_templates().get_template(name).render() for name in self.styles)
        script = "\n".join(_templates().get_template(name).render() for name in self.scripts)
        digest = b64encode(sha256(script.encode()).digest()).decode()
        return _render(
            "page.html.jinja",
            title=self.title,
            lead=self.lead,
            refresh=self.refresh,
            languages=self.languages,
            parts=self.parts,
            style=Markup(style),
            script=Markup(script),
            policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        )

    def write(self, path: Path) -> None:
        write_bytes(path, self.html().encode())


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values that cover [low, high], about so many."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 12) for index in range(first, last + 1) if low - step * 0.01 <= index * step <= high]


def thin(line: Sequence[tuple[float, float]], most: int = 1000) -> list[tuple[float, float]]:
    """At most about `most` points, each stretch's lowest and highest among them."""
    finite = [point for point in line if math.isfinite(point[1])]
    if len(finite) <= most:
        return finite
    stretch = math.ceil(len(finite) / (most / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(finite), stretch):
        part = finite[start : start + stretch]
        kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
    return kept
