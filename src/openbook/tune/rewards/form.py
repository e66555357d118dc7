"""Has the completion the form that was asked for: a regular expression, or a JSON schema?"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import re2

from openbook.errors import OpenbookError
from openbook.tune.rewards.completion import Completion, Reward, said
from openbook.tune.rewards.settings import FormatSettings

FENCE = re.compile(r"\A```[a-zA-Z0-9_+-]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL)


def form(settings: FormatSettings) -> Reward:
    """1.0 where the whole completion has the form, else 0.0. Raises OpenbookError for a pattern or schema in error."""
    holds = _schema(settings) if settings.pattern is None else _pattern(settings.pattern)

    def reward(prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any) -> list[float]:
        return [float(holds(said(completion).strip())) for completion in completions]

    return reward


def _pattern(pattern: str) -> Callable[[str], bool]:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise OpenbookError(
            f"the format's pattern {pattern!r} is no RE2 expression: {reason}. RE2 has no look-around and no "
            "back-references, so that no completion can make it run for ever."
        ) from None
    return lambda text: compiled.fullmatch(text) is not None


def _schema(settings: FormatSettings) -> Callable[[str], bool]:
    try:
        import jsonschema
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    except ImportError:
        raise OpenbookError('a format by JSON schema needs jsonschema: pip install "openbook[tune]".') from None
    schema = settings.json_schema or {}
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise OpenbookError(f"the format's JSON schema is no schema: {error.message}.") from None
    # An empty registry: a `$ref` to somewhere on the web is an error, not a request.
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())

    def holds(text: str) -> bool:
        fenced = FENCE.match(text) if settings.fenced else None
        try:
            value = json.loads(fenced[1] if fenced else text, parse_constant=_refuse, object_pairs_hook=_once)
            return bool(validator.is_valid(value))
        except (ValueError, RecursionError):
            return False
        except Unresolvable as error:
            raise OpenbookError(
                f"the format's JSON schema refers to {error.ref!r}, which does not lie in it."
            ) from None

    return holds


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice has no one value."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
