"""What may a request hold? OpenAI's fields with their bounds; a field we cannot honor is refused, never ignored."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from openbook.serve.constraints import ANY_OBJECT, MOST_TOOLS, check_grammar, check_schema, offered
from openbook.serve.engine.interface import Conversation, Sampling
from openbook.serve.errors import ApiError
from openbook.serve.messages import STRICT, ChosenTool, Message, Tool, told
from openbook.serve.settings import Limits

TokenId = Annotated[int, Field(ge=0, le=2**31 - 1)]
MOST_TOP_K = 1_000_000
StopString = Annotated[str, Field(min_length=1, max_length=1000)]


class StreamOptions(BaseModel):
    model_config = STRICT

    include_usage: bool = False


class NamedSchema(BaseModel):
    model_config = STRICT

    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """The form an answer must have; what it asks is enforced while the answer is written, `strict` or not."""

    model_config = STRICT

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ResponseFormat":
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to the type json_schema, and to no other")
        return self

    def checked(self) -> Mapping[str, Any] | None:
        """The schema to be enforced; None for plain text."""
        if self.json_schema is not None:
            return check_schema(self.json_schema.schema_, "response_format.json_schema.schema")
        return ANY_OBJECT if self.type == "json_object" else None


class SamplingBody(BaseModel):
    """The fields both kinds of completion share; `top_k`, `min_p` and `repeat_penalty` are additions to OpenAI's."""

    model_config = STRICT

    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: int = 0
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] = 1.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    stop: StopString | list[StopString] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    grammar: Annotated[str, Field(min_length=1)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    user: str | None = None  # names the end user to the operator; changes nothing here
    safety_identifier: str | None = None  # OpenAI's newer names for it
    prompt_cache_key: str | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None  # of what OpenAI stores; nothing is stored
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    reasoning_effort: Literal["none"] | None = None
    cache_salt: Annotated[str, Field(max_length=256)] | None = None  # vLLM's word: only equal salts share a cache

    @model_validator(mode="after")
    def _agree(self) -> "SamplingBody":
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is only for stream: true")
        if self.grammar is not None and self.response_format is not None:
            raise ValueError("grammar and response_format cannot be given together")
        for key in self.logit_bias or {}:
            if not key.isdecimal():
                raise ValueError(f"logit_bias maps token ids to numbers; {key!r} is not a token id")
        return self

    def form(self) -> Mapping[str, Any] | None:
        """The JSON schema that the answer must follow."""
        return self.response_format.checked() if self.response_format else None

    def choices(self, limits: Limits) -> int:
        count = self.n or 1
        if count > limits.choices:
            raise ApiError(422, f"n is {count}; this server gives at most {limits.choices} choices.", param="n")
        return count

    def sampling(self, limits: Limits, max_tokens: int | None, top_logprobs: int | None) -> Sampling:
        """These fields as the engine wants them."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(stop) > limits.stop_strings:
            raise ApiError(
                422, f"stop holds {len(stop)} strings; at most {limits.stop_strings} are taken.", param="stop"
            )
        if not 0 <= self.top_k <= MOST_TOP_K:
            text = f"top_k is {self.top_k}; it must be from 0 (all tokens) to {MOST_TOP_K}."
            raise ApiError(422, text, param="top_k")
        if max_tokens is not None and max_tokens > limits.max_tokens:
            text = f"max_tokens is {max_tokens}; this server writes at most {limits.max_tokens} tokens."
            raise ApiError(422, text, param="max_tokens")
        return Sampling(
            max_tokens=limits.max_tokens if max_tokens is None else max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            repeat_penalty=self.repeat_penalty,
            seed=self.seed,
            stop=stop,
            logit_bias=tuple((int(key), value) for key, value in (self.logit_bias or {}).items()),
            top_logprobs=top_logprobs,
            grammar=None if self.grammar is None else check_grammar(self.grammar),
            schema=self.form(),
        )


class CompletionBody(SamplingBody):
    """POST /v1/completions."""

    prompt: str | list[str] | list[TokenId] | list[Annotated[list[TokenId], Field(min_length=1)]]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool | None = None
    best_of: int | None = None
    suffix: str | None = None
    add_special_tokens: bool = True  # an addition: false leaves out the BOS that the model wants before a text

    @model_validator(mode="after")
    def _possible(self) -> "CompletionBody":
        if self.suffix:
            raise ValueError("suffix is not supported: the model continues text and cannot fill a gap")
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise ValueError("best_of must equal n: this server returns every answer it computes")
        if isinstance(self.prompt, list) and not self.prompt:
            raise ValueError("prompt is empty")
        return self

    def prompts(self, limits: Limits) -> list[str | list[int]]:
        """One entry a prompt, whatever form the request gave them in."""
        given: Any = self.prompt
        if isinstance(given, str) or isinstance(given[0], int):
            return [given]
        if len(given) > limits.prompts:
            text = f"prompt holds {len(given)} prompts; a request may hold {limits.prompts}."
            raise ApiError(422, text, param="prompt")
        return list(given)


class ChatBody(SamplingBody):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    @model_validator(mode="after")
    def _logprobs_agree(self) -> "ChatBody":
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        if self.tools and self.logprobs:
            raise ValueError("logprobs cannot be given together with tools")
        if self.tools and (self.grammar or self.response_format):
            raise ValueError("tools cannot be given together with a grammar or response_format")
        if not self.tools and self.tool_choice not in (None, "none", "auto"):
            raise ValueError("tool_choice needs tools")
        return self

    def conversation(self) -> Conversation:
        """The messages and tools as the engine wants them; a tool that is chosen by name is the only one offered."""
        tools = [] if self.tool_choice == "none" else list(self.tools or ())
        choice: str | None = self.tool_choice if isinstance(self.tool_choice, str) else None
        if isinstance(self.tool_choice, ChosenTool):
            wanted = self.tool_choice.function.name
            tools = [tool for tool in tools if tool.function.name == wanted]
            choice = "required"
            if not tools:
                raise ApiError(400, f"tool_choice names {wanted}, which is not among the tools.", param="tool_choice")
        return Conversation(
            messages=told(self.messages),
            tools=offered(tools),
            tool_choice=choice if tools else None,
            parallel_tool_calls=bool(self.parallel_tool_calls),
        )


class EmbeddingsBody(BaseModel):
    """POST /v1/embeddings."""

    model_config = STRICT

    model: str | None = None
    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
        | Annotated[list[TokenId], Field(min_length=1)]
        | Annotated[list[Annotated[list[TokenId], Field(min_length=1)]], Field(min_length=1)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None  # only what the model has: a shorter vector would mislead
    user: str | None = None

    def inputs(self) -> list[str | list[int]]:
        """One entry a text, whatever form the request gave them in."""
        given: Any = self.input
        return [given] if isinstance(given, str) or isinstance(given[0], int) else list(given)


class TokenizeBody(BaseModel):
    """POST /tokenize: a text, or messages to be laid out first."""

    model_config = STRICT

    model: str | None = None
    prompt: str | None = None
    add_special_tokens: bool = True
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TokenizeBody":
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("prompt or messages must be given, and not both")
        if self.tools and self.messages is None:
            raise ValueError("tools are counted with messages")
        return self

    def conversation(self) -> Conversation:
        """The messages and tools to lay out."""
        return Conversation(messages=told(self.messages or ()), tools=offered(self.tools or ()))


class DetokenizeBody(BaseModel):
    """POST /detokenize."""

    model_config = STRICT

    model: str | None = None
    tokens: list[TokenId]


def refusal(trouble: ValidationError) -> ApiError:
    """The first thing that is wrong with a body, in a sentence that names the field."""
    first = _telling(trouble.errors(include_url=False, include_input=False))
    place = ".".join(str(step) for step in first["loc"] if not _is_branch(step))
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"Unknown parameter: {place}.", param=place, code="unknown_parameter")
    if first["type"] == "missing":
        return ApiError(400, f"Missing parameter: {place}.", param=place, code="missing_required_parameter")
    said = str(first["msg"]).removeprefix("Value error, ")
    return ApiError(400, f"{place}: {said}." if place else f"{said}.", param=place or None)


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """The error to tell of: a field of several forms has one for each; that of the form that was meant tells most."""
    field = errors[0]["loc"][:1]
    of_field = [error for error in errors if error["loc"][:1] == field]
    return next((error for error in of_field if not error["type"].endswith("_type")), of_field[0])


def _is_branch(step: int | str) -> bool:
    """True for the names of a union's members, which pydantic puts into the path."""
    return isinstance(step, str) and (step.endswith("]") or step in {"str", "int", "none", "constrained-str"})
