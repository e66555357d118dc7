"""Can the form asked of an answer be enforced? Schemas, grammars and tools are checked before the engine sees them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from llguidance import LLMatcher

from openbook.serve import grammars, schemas
from openbook.serve.errors import ApiError
from openbook.serve.gbnf import GrammarError
from openbook.serve.messages import Tool

LONGEST = 65_536  # bytes of a schema or grammar
MOST_TOOLS = 64
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
BAD_SCHEMA, BAD_GRAMMAR = "invalid_json_schema", "invalid_grammar"


def check_schema(schema: Mapping[str, Any], param: str) -> Mapping[str, Any]:
    """The schema as every engine takes it, if its every word can be enforced; ApiError 422 says what cannot."""
    try:
        size = len(orjson.dumps(schema))
    except orjson.JSONEncodeError:  # it writes 254 levels, and reads 1,024
        raise ApiError(422, f"{param}: the schema is nested too deeply.", param=param, code=BAD_SCHEMA) from None
    if size > LONGEST:
        raise ApiError(422, f"{param}: the schema is larger than {LONGEST} bytes.", param=param, code=BAD_SCHEMA)
    trouble = schemas.trouble(schema) or _untranslated(schema)
    if trouble:
        raise ApiError(422, f"{param}: the schema cannot be enforced: {trouble}.", param=param, code=BAD_SCHEMA)
    return schemas.rooted(schema)


def _untranslated(schema: Mapping[str, Any]) -> str:
    """What llguidance, which enforces schemas, makes of it; nothing when all is well."""
    try:
        return (LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(dict(schema))).strip() or "").split("\n")[
            0
        ]
    except ValueError as trouble:
        return str(trouble)


def check_grammar(grammar: str) -> str:
    """The grammar, if it can be held to; ApiError 422 says what is wrong with it."""
    if len(grammar.encode()) > LONGEST:
        raise ApiError(422, f"grammar is larger than {LONGEST} bytes.", param="grammar", code=BAD_GRAMMAR)
    try:
        grammars.check(grammar)
    except GrammarError as trouble:
        raise ApiError(
            422, f"grammar is no GBNF that can be held to: {trouble}.", param="grammar", code=BAD_GRAMMAR
        ) from None
    return grammar


def offered(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The tools as the engine wants them; ApiError 422 for one whose parameters cannot be enforced."""
    found = []
    for place, tool in enumerate(tools):
        checked = check_schema(tool.function.parameters or ANY_OBJECT, f"tools.{place}.function.parameters")
        plain = tool.model_dump(exclude_none=True, exclude={"function": {"strict"}})
        if tool.function.parameters:
            plain["function"]["parameters"] = checked
        found.append(plain)
    return found
