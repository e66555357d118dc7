"""Which address answers what: the routes, and the errors and counts that all of them share."""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbook.serve import page
from openbook.serve.engine.interface import EngineGoneError, RefusedError
from openbook.serve.errors import ApiError, as_api_error
from openbook.serve.guard import Guard
from openbook.serve.keys import Keyring
from openbook.serve.service import Service
from openbook.serve.settings import ServeSettings
from openbook.serve.tracing import Tracing


def application(service: Service, settings: ServeSettings, keyring: Keyring | None) -> ASGIApp:
    """The ASGI application."""
    get, post = ["GET"], ["POST"]
    routes = [
        Route("/v1/models", service.list_models, methods=get),
        Route("/v1/models/{name:path}/load", service.load, methods=post),
        Route("/v1/models/{name:path}/unload", service.unload, methods=post),
        Route("/v1/models/{name:path}", service.one_model, methods=get),
        Route("/v1/completions", service.completions, methods=post),
        Route("/v1/chat/completions", service.chat, methods=post),
        Route("/v1/embeddings", service.embeddings, methods=post),
        Route("/tokenize", service.tokenize, methods=post),
        Route("/detokenize", service.detokenize, methods=post),
        Route("/tokenizer_info", service.tokenizer_info, methods=get),
        Route("/health", service.health, methods=get),
        Route("/ready", service.ready, methods=get),
        Route("/version", service.version, methods=get),
        Route("/metrics", service.show_metrics, methods=get),
        *Tracing(service.models, settings).routes(),
        *page.routes(),
    ]
    handlers: Any = dict.fromkeys((Exception, ApiError, RefusedError, EngineGoneError), _failed)
    handlers[HTTPException] = _no_such_route
    return _Counted(Guard(Starlette(routes=routes, exception_handlers=handlers), settings, keyring), service, routes)


class _Counted:
    """Counts every answer by route and status; what fits no route counts as one."""

    def __init__(self, app: ASGIApp, service: Service, routes: list[Route]) -> None:
        self._app = app
        self._requests = service.metrics.requests
        self._known = {route.path for route in routes if "{" not in route.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope["path"] if scope["path"] in self._known else "other"
                self._requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


async def _failed(request: Request, trouble: Exception) -> Response:
    return as_api_error(trouble).response()


async def _no_such_route(request: Request, trouble: Exception) -> Response:
    assert isinstance(trouble, HTTPException)
    if trouble.status_code == 405:
        text = f"{request.url.path} does not take {request.method}."
        return ApiError(405, text, headers=dict(trouble.headers or {})).response()
    return ApiError(trouble.status_code, f"There is nothing at {request.url.path}.").response()
