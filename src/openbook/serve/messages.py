"""What may a conversation hold? Messages of text, calls of tools and their results, and the tools themselves."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.serve.errors import ApiError

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextPart(BaseModel):
    model_config = STRICT

    type: Literal["text"]
    text: str


class ToolCallFunction(BaseModel):
    model_config = STRICT

    name: str
    arguments: str

    @property
    def sound(self) -> bool:
        """Whether the arguments are a JSON object, as a chat template takes for granted."""
        try:
            return isinstance(orjson.loads(self.arguments), dict)
        except orjson.JSONDecodeError:
            return False


class ToolCall(BaseModel):
    model_config = STRICT

    id: str
    type: Literal["function"] = "function"
    function: ToolCallFunction


class Message(BaseModel):
    """One message; a part that is not text (an image, a file) is refused, and no address in it is ever fetched."""

    model_config = STRICT

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: None = None  # clients hand back an assistant's message as they got it
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Message":
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError(f"a message of the role {self.role} needs content")
        return self

    def plain(self) -> dict[str, Any]:
        """The message as a chat template wants it."""
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content or ())
        role = "system" if self.role == "developer" else self.role
        plain: dict[str, Any] = {"role": role, "content": text}
        if self.tool_calls:
            plain["tool_calls"] = [call.model_dump() for call in self.tool_calls]
        if self.tool_call_id is not None:
            plain["tool_call_id"] = self.tool_call_id
        if self.name is not None:
            plain["name"] = self.name
        return plain


class ToolFunction(BaseModel):
    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(BaseModel):
    model_config = STRICT

    type: Literal["function"]
    function: ToolFunction


class ChosenName(BaseModel):
    model_config = STRICT

    name: str


class ChosenTool(BaseModel):
    model_config = STRICT

    type: Literal["function"]
    function: ChosenName


def told(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as a chat template wants them; ApiError 422 for calls whose arguments are no JSON object."""
    for place, message in enumerate(messages):
        for number, call in enumerate(message.tool_calls or ()):
            if not call.function.sound:
                where = f"messages.{place}.tool_calls.{number}.function.arguments"
                raise ApiError(422, f"{where} is not a JSON object.", param=where, code="invalid_tool_arguments")
    return [message.plain() for message in messages]
