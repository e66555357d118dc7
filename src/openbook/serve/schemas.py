"""Is this JSON schema one that ends, and of a sane size? References are rewritten so that every engine follows them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

DEEPEST = 32  # levels within a schema
MOST_ITEMS = 2000  # what a schema may demand or allow of one array, object or text; beyond, an engine takes seconds
LONGEST_TEXT = 1_000_000  # letters that it may allow: a text has no letter's number to keep
MOST_REPEATED = 2000  # letters that one repetition of a pattern stands for
COUNTS = {
    "minItems": MOST_ITEMS,
    "maxItems": MOST_ITEMS,
    "minProperties": MOST_ITEMS,
    "maxProperties": MOST_ITEMS,
    "minLength": MOST_ITEMS,
    "maxLength": LONGEST_TEXT,
}
NAMED = {
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
}  # keys that hold schemas by name
VALUES = {"const", "enum", "default", "examples", "example"}  # keys that hold values, which are no schemas
SIDEWAYS = ("anyOf", "oneOf", "allOf")
WHOLE = "whole"
_TIMES = re.compile(r"\{(\d{0,9})(?:(,)(\d{0,9}))?\}")


def trouble(schema: Mapping[str, Any]) -> str | None:
    """What of the schema no engine should be asked to hold to; None when there is nothing."""
    if _depth(schema) > DEEPEST:
        return f"it is nested more than {DEEPEST} levels deep"
    for part in _parts(schema):
        for name, most in COUNTS.items():
            value = part.get(name)
            if isinstance(value, (int, float)) and value > most:
                return f"{name} is {value:,}, and at most {most:,} can be held to"
        pattern = part.get("pattern")
        if isinstance(pattern, str) and _expanded(pattern) > MOST_REPEATED:
            return f"a pattern stands for more than {MOST_REPEATED:,} letters"
        if _returns(schema, part):
            return "a $ref leads back to where it stands, with nothing between"
    return None


def rooted(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same schema without the reference `#`, which llama.cpp does not follow: the whole gets a name."""
    if not any(part.get("$ref") == "#" for part in _parts(schema)):
        return schema
    place = f"#/$defs/{WHOLE}"
    return {"$ref": place, "$defs": {WHOLE: moved(schema, place)}}


def moved(schema: Any, place: str) -> Any:
    """The schema with its references as they must be where it stands at `place` of a larger one (`#/...`)."""
    if not isinstance(schema, Mapping):
        return [moved(one, place) for one in schema] if isinstance(schema, list) else schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str) and value.startswith("#"):
            found[key] = place + value[1:]
        elif key in NAMED and isinstance(value, Mapping):
            found[key] = {name: moved(one, place) for name, one in value.items()}
        else:
            found[key] = value if key in VALUES else moved(value, place)
    return found


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and all that it is made of."""
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, Mapping):
            yield part
            for key, value in part.items():
                if key in NAMED and isinstance(value, Mapping):
                    left += value.values()
                elif key not in VALUES:
                    left.append(value)


def _returns(schema: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Whether references lead from a part back to itself before any text is written."""
    if not isinstance(part.get("$ref"), str):
        return False
    seen: set[int] = set()
    left: list[Any] = [_target(schema, part["$ref"])]
    while left:
        one = left.pop()
        if one is part:
            return True
        if isinstance(one, Mapping) and id(one) not in seen:
            seen.add(id(one))
            for way in SIDEWAYS:
                if isinstance(one.get(way), list):
                    left += one[way]
            if isinstance(one.get("$ref"), str):
                left.append(_target(schema, one["$ref"]))
    return False


def _target(schema: Any, reference: str) -> Any:
    """What a reference into the same schema names (RFC 6901); None where there is nothing."""
    if not reference.startswith("#"):
        return None
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, Mapping):
            schema = schema.get(name)
        elif isinstance(schema, list):
            schema = schema[int(name)] if name.isdecimal() and int(name) < len(schema) else None
    return schema


def _expanded(pattern: str) -> int:
    """At least the letters that the largest repetition of a regular expression stands for, written out."""
    weights, last, most = [0], 0, 0
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        times = _TIMES.match(pattern, at - 1) if letter == "{" else None
        if letter == "(":
            weights.append(0)
            last = 0
            continue
        if letter == ")" and len(weights) > 1:
            last = max(1, weights.pop())
        elif times is not None:
            at = times.end()
            count = max(int(times[1] or 0), int(times[3] or 0) if times[2] else 0)
            most = max(most, last * count)
            weights[-1] += last * max(0, count - 1)
            last *= max(1, count)
            continue
        elif letter == "[":
            at = _class_end(pattern, at)
            last = 1
        elif letter == "\\":
            at += 1
            last = 1
        else:
            last = 1
        weights[-1] += last
    return max(most, 0)


def _class_end(pattern: str, at: int) -> int:
    """Where a class of letters ends that begins before `at`; a bracket that stands first in it is one of them."""
    at += pattern[at : at + 1] == "^"
    at += pattern[at : at + 1] == "]"
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1


def _depth(value: Any) -> int:
    """Levels of nesting; without recursion, so that no depth can hurt."""
    deepest, open_values = 0, [(value, 1)]
    while open_values:
        item, level = open_values.pop()
        deepest = max(deepest, level)
        if isinstance(item, Mapping):
            open_values += [(inner, level + 1) for inner in item.values()]
        elif isinstance(item, list):
            open_values += [(inner, level + 1) for inner in item]
    return deepest
