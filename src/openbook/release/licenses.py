"""What a release may be licensed as, given the terms of all that went into it, and which input stands in the way.

One assumption is a matter of law that is not settled, so the recipe chooses: whether weights adapt the texts that they
learned from (`strict`), or not, so that data must be credited but does not bind the weights (`attribution`).
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from openbook.errors import OpenbookError

Role = Literal["data", "base model", "teacher", "code"]
Policy = Literal["strict", "attribution"]
Outputs = Literal["free", "onward", "named", "forbidden"]

CANDIDATES = (
    "CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "MPL-2.0", "EUPL-1.2", "CC-BY-SA-4.0", "GFDL-1.3-or-later", "ODbL-1.0",
    "GPL-2.0-or-later", "GPL-3.0-or-later", "AGPL-3.0-or-later", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0",
    "openrail", "gemma", "llama2", "llama3", "llama3.3",
)  # fmt: skip
"""Licenses that a release is commonly given out under: what `combine` answers about."""


@dataclass(frozen=True)
class License:
    """One row of licenses.toml."""

    match: tuple[str, ...]
    kind: str
    source: str
    attribution: bool = True
    commercial: bool = True
    derivatives: bool = True
    onward: tuple[str, ...] | None = None
    not_onward: tuple[str, ...] = ()
    outputs: Outputs = "free"
    obligations: tuple[str, ...] = ()
    name_begins: str = ""


@dataclass(frozen=True)
class Input:
    """Something that went in, and under which terms: an SPDX expression, a model license's id, or None."""

    role: Role
    name: str
    license: str | None


@dataclass(frozen=True)
class Block:
    input: Input
    reason: str

    def __str__(self) -> str:
        return f"{self.input.role} {self.input.name} ({self.input.license or 'no license'}): {self.reason}"


@dataclass(frozen=True)
class Lineage:
    policy: Policy
    inputs: tuple[Input, ...]
    allowed: tuple[str, ...]
    """Those of CANDIDATES that nothing stands in the way of."""
    obligations: tuple[tuple[str, str], ...]
    """(license, sentence): what must be done whatever the release is licensed as."""
    unknown: tuple[Input, ...]
    """Inputs whose license is not given or not in the table."""

    def blocks(self, outgoing: str, name: str = "") -> tuple[Block, ...]:
        """What stands in the way of `outgoing`, an SPDX id or a model license's id; empty when nothing does."""
        found = (_block(one, outgoing, self.policy, name) for one in self.inputs)
        return tuple(block for block in found if block)


@cache
def table() -> tuple[License, ...]:
    """The licenses that the program knows the terms of (licenses.toml)."""
    text = files("openbook.release").joinpath("licenses.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["license"]
    return tuple(_row(**{key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}) for row in rows)


def _row(**values: Any) -> License:
    return License(**values)


def look_up(identifier: str) -> License | None:
    """The table's row for one identifier (not an expression); case does not count."""
    name = identifier.strip("() ").split(" WITH ")[0].lower()
    return next((row for row in table() if _matches(name, row.match)), None)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def options(expression: str) -> list[list[str]]:
    """An SPDX expression as alternatives, each a list of licenses that all hold: `A AND B OR C` is [[A, B], [C]].

    Parentheses are read only around the whole of an alternative, as package catalogs write them.
    """
    return [[part.strip("() ") for part in one.split(" AND ")] for one in expression.split(" OR ")]


def combine(inputs: Iterable[Input], policy: Policy = "attribution", name: str = "") -> Lineage:
    """What everything together allows. `name` is the model's, which some licenses say the beginning of."""
    whole = tuple(dict.fromkeys(inputs))
    unknown = tuple(one for one in whole if not one.license or not _known(one.license))
    obligations = dict.fromkeys(
        (part, sentence)
        for one in whole
        if one.license
        for part in options(one.license)[0]
        if (row := look_up(part))
        for sentence in row.obligations
    )
    lineage = Lineage(policy, whole, (), tuple(obligations), unknown)
    allowed = tuple(candidate for candidate in CANDIDATES if not lineage.blocks(candidate, name))
    return Lineage(policy, whole, allowed, tuple(obligations), unknown)


def _known(expression: str) -> bool:
    return any(all(look_up(part) for part in option) for option in options(expression))


def demand(lineage: Lineage, outgoing: str, name: str = "") -> None:
    """Raises OpenbookError that names every input that stands in the way of the license."""
    found = lineage.blocks(outgoing, name)
    if found:
        shown = "\n".join(f"  {block}" for block in found)
        may = ", ".join(lineage.allowed) or "nothing in the table"
        raise OpenbookError(
            f"release.license: this release cannot be given out under {outgoing}:\n{shown}\n"
            f"What goes (policy {lineage.policy!r}): {may}. Change the license, take the input out, or, where "
            "only data stands in the way, choose release.license_policy."
        )


def _block(one: Input, outgoing: str, policy: Policy, name: str) -> Block | None:
    if one.role == "code" or (one.role == "data" and policy == "attribution"):
        return None  # code makes the weights and is no part of them; data binds only where the policy says so
    if not one.license:
        return Block(one, "its license is not given")
    reasons = [_all_of(option, one.role, outgoing, name) for option in options(one.license)]
    return None if any(reason is None for reason in reasons) else Block(one, str(reasons[0]))


def _all_of(option: Sequence[str], role: Role, outgoing: str, name: str) -> str | None:
    for part in option:
        row = look_up(part)
        reason = f"{part} is not in the table" if row is None else _reason(row, part, role, outgoing, name)
        if reason:
            return reason
    return None


def _reason(row: License, part: str, role: Role, outgoing: str, name: str) -> str | None:
    if role == "teacher":
        if row.outputs == "free":
            return None  # what a freely licensed model wrote is not the model
        if row.outputs == "forbidden":
            return f"{part} forbids to train another model on its output"
    if row.name_begins and not name.lower().startswith(row.name_begins.lower()):
        return f"{part} asks that the model's name begin with {row.name_begins!r}"
    if role == "teacher" and row.outputs == "named":
        return None
    if not row.derivatives:
        return f"{part} does not allow to give adaptations out"
    if row.onward is not None and not _matches(outgoing, row.onward):
        return f"{part} asks for one of {', '.join(row.onward)}"
    if _matches(outgoing, row.not_onward):
        return f"{part} does not go with {outgoing}"
    target = look_up(outgoing)
    if target is None:
        return None if row.kind == "public domain" else f"{outgoing} is not in the table, so it cannot be compared"
    if not row.commercial and target.commercial:
        return f"{part} is not for commercial use, and {outgoing} would allow it"
    if row.attribution and not target.attribution:
        return f"{part} asks for credit, and {outgoing} would drop it"
    return None
