"""What is checked before any route: was the request meant for this server, and who asks?"""

import base64
import binascii
import math
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbook.serve.errors import ApiError
from openbook.serve.identity import ADAPTER, MODEL, RELEASE
from openbook.serve.keys import ANYONE, Caller, Keyring
from openbook.serve.settings import ServeSettings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
OPEN_ROUTES = frozenset({"/health", "/ready"})
SCOPES = {"/metrics": "metrics"}
MODELS = "/v1/models/"
CORS_HEADERS = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Max-Age": "600"}
ASKED_WITH = re.compile(r"authorization|content-type|openai-(organization|project|beta)|x-stainless-[a-z0-9-]{1,40}")
"""Headers that another site's page may send: those of OpenAI's JavaScript client."""


class Guard:
    """Turns away what a foreign web page sends through a browser, and callers without a key where keys are set.

    On loopback the Host header must name this machine: a name that someone points at 127.0.0.1 (DNS rebinding)
    must not make a browser believe that this server is theirs.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, keyring: Keyring | None) -> None:
        self._app = app
        self._keyring = keyring
        self._hosts = LOOPBACK | {settings.host} if settings.host in LOOPBACK else None
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        extra = SECURITY_HEADERS | {"Cross-Origin-Resource-Policy": "same-origin"}
        if origin in self._origins:
            extra = SECURITY_HEADERS | {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Expose-Headers": f"{MODEL}, {ADAPTER}, {RELEASE}, Retry-After",
                "Vary": "Origin",
            }

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in extra.items():
                    found.setdefault(name, value)
            await send(message)

        try:
            self._check_place(headers, origin)
            if scope["method"] == "OPTIONS" and origin in self._origins:
                await _preflight(headers, hardened)
                return
            scope.setdefault("state", {})["caller"] = self._caller(scope, headers)
        except ApiError as trouble:
            await trouble.response()(scope, receive, hardened)
            return
        await self._app(scope, receive, hardened)

    def _check_place(self, headers: Headers, origin: str) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _hostname(host) not in self._hosts:
            raise ApiError(403, "This server answers only to localhost; its Host header named another machine.")
        if origin and origin not in self._origins and urlsplit(origin).netloc != host.lower():
            raise ApiError(403, "Requests from other web pages are not answered.")

    def _caller(self, scope: Scope, headers: Headers) -> Caller:
        if self._keyring is None or scope["path"] in OPEN_ROUTES:
            return ANYONE
        key = _shown(headers.get("authorization", ""))
        caller = self._keyring.caller(key) if key else None
        if caller is None:
            wants_page = "text/html" in headers.get("accept", "")
            challenge = 'Basic realm="Openbook: any name, the API key as password"' if wants_page else "Bearer"
            text = "A valid API key is needed: send it as Authorization: Bearer KEY."
            raise ApiError(401, text, code="invalid_api_key", headers={"WWW-Authenticate": challenge})
        needed = _needed(scope["path"], scope["method"])
        if needed not in caller.scopes:
            raise ApiError(403, f"The key of {caller.name} does not have the scope {needed!r}.", code="missing_scope")
        if needed == "generate":
            _take(caller)
        return caller


def _needed(path: str, method: str) -> str:
    """The scope that a request needs; loading and unloading models needs one of its own."""
    if method == "POST":
        return "admin" if path.startswith(MODELS) else "generate"
    return SCOPES.get(path, "read")


def _take(caller: Caller) -> None:
    seconds = math.ceil(caller.wait())
    if seconds > 0:
        text = f"The key of {caller.name} has used up its rate; try again in {seconds} seconds."
        raise ApiError(429, text, code="rate_limit_exceeded", headers={"Retry-After": str(seconds)})
    caller.requests.take(1)


def _shown(authorization: str) -> str:
    """The key in an Authorization header: a bearer token, or the password that a browser asked its user for."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


async def _preflight(asked: Headers, send: Send) -> None:
    wanted = {name.strip().lower() for name in asked.get("access-control-request-headers", "").split(",")}
    allowed = ["authorization", "content-type", *sorted(filter(ASKED_WITH.fullmatch, wanted))]
    found = CORS_HEADERS | {"Access-Control-Allow-Headers": ", ".join(dict.fromkeys(allowed))}
    headers = [(name.lower().encode(), value.encode()) for name, value in found.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
