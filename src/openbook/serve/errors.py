"""What a client is told when a request cannot be served: OpenAI's error object and the HTTP status that fits."""

from typing import Any

from starlette.responses import Response

from openbook.serve.engine.interface import EngineGoneError, RefusedError
from openbook.serve.responses import JsonResponse

KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class ApiError(Exception):
    """A refusal with its HTTP status; `param` names the field of the request that is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        kind = KINDS.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        return JsonResponse(self.body(), status_code=self.status, headers=self.headers)


def as_api_error(trouble: Exception) -> ApiError:
    """Any failure as an ApiError; what is unexpected tells the client nothing of our insides."""
    if isinstance(trouble, ApiError):
        return trouble
    if isinstance(trouble, RefusedError):
        return ApiError(trouble.status, str(trouble), param=trouble.param, code=trouble.code)
    if isinstance(trouble, EngineGoneError):
        return ApiError(503, str(trouble), code="engine_unavailable", headers={"Retry-After": "2"})
    return ApiError(500, "The server failed while it worked on this request.")
