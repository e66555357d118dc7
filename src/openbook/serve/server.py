"""From a checked target to a listening server, and back down again when it is asked to stop."""

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from openbook.errors import OpenbookError
from openbook.serve.app import application
from openbook.serve.audit import AuditLog
from openbook.serve.deletions import OutputFilter
from openbook.serve.guard import LOOPBACK
from openbook.serve.keys import Keyring, read_keys
from openbook.serve.models import Models
from openbook.serve.protocol import AnsweringProtocol
from openbook.serve.service import Service
from openbook.serve.settings import ServeSettings
from openbook.serve.target import Target, find
from openbook.serve.tracing import open_tracer
from openbook.serve.upstream import models_of


def run(target: Path | None, settings: ServeSettings) -> None:
    """Serve until SIGINT or SIGTERM."""
    targets = _targets(target, settings)
    keyring = read_keys(settings.keys) if settings.keys else None
    _check_certificate(settings)
    output = OutputFilter.of(settings.deletions, settings.deletions_key)
    open_tracer(settings.trace)
    with listening(settings) as listener, contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        _run(_serve(targets, settings, keyring, listener, output))


def _run(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it is installed: it leaves more of the cores to the engine."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def _targets(target: Path | None, settings: ServeSettings) -> list[Target]:
    """Everything that is to be served; OpenbookError when that is nothing."""
    found: list[Target] = []
    if target is not None:
        found.append(find(target, settings.name, settings.engine))
    found += [find(other, engine=settings.engine) for other in settings.more]
    if settings.upstream is not None:
        found += models_of(settings.upstream)
    if not found:
        raise OpenbookError("Nothing to serve: give a release, a GGUF file, a Hugging Face folder, or --upstream.")
    return found


@contextlib.contextmanager
def listening(settings: ServeSettings) -> Iterator[socket.socket]:
    """The socket, bound before the model is loaded, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms a piece) off only for sockets that name their protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as trouble:
            place = f"{settings.host}:{settings.port}"
            text = (
                f"Cannot listen on {place}: {trouble.strerror}. Choose another with --port, or 0 for any that is free."
            )
            raise OpenbookError(text) from None
        yield listener
    finally:
        listener.close()


async def _serve(
    targets: Sequence[Target],
    settings: ServeSettings,
    keyring: Keyring | None,
    listener: socket.socket,
    output: OutputFilter | None,
) -> None:
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    with contextlib.suppress(RuntimeError):  # not in the main thread: whoever started it stops it
        loop.add_signal_handler(signal.SIGTERM, this.cancel)
    loop.set_exception_handler(_tell_trouble)
    models = Models(targets, settings)
    audit = AuditLog(settings.audit, settings.audit_content) if settings.audit else None
    try:
        await models.load()
        await _listen(_server(Service(models, settings, audit, output), settings, keyring), listener, targets, settings)
    finally:
        await asyncio.shield(models.close())
        if audit is not None:
            audit.close()


def _tell_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio does, except for a read on the engine's socket that is given up in the moment it succeeds.

    anyio then sets a result that nobody waits for any more, and asyncio prints a traceback for it.
    """
    if not isinstance(context.get("exception"), asyncio.InvalidStateError):
        loop.default_exception_handler(context)


def _server(service: Service, settings: ServeSettings, keyring: Keyring | None) -> "QuietServer":
    config = uvicorn.Config(
        application(service, settings, keyring),
        log_level="error",
        access_log=False,
        http=AnsweringProtocol,  # over h11: the faster parser has no bound on headers
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
    )
    return QuietServer(config)


def _check_certificate(settings: ServeSettings) -> None:
    if settings.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.certificate_key)
    except OSError as trouble:  # also what ssl itself raises
        text = f"The certificate {settings.certificate} cannot be used: {trouble.strerror or trouble}."
        raise OpenbookError(text) from None


async def _listen(
    server: "QuietServer", listener: socket.socket, targets: Sequence[Target], settings: ServeSettings
) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(RuntimeError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
    listener.listen(2048)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.certificate else "http"
    names = ", ".join([*(target.name for target in targets), *(adapter.name for adapter in settings.adapters)])
    print(f"Serving {names} at {scheme}://{shown}:{port} (Ctrl-C stops it)", flush=True)
    if settings.host not in LOOPBACK and settings.keys is None:
        print("Everyone who can reach this address may use it: no API keys are set.", file=sys.stderr, flush=True)
    await server.serve(sockets=[listener])


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handlers; the first signal lets open answers end, the second cuts them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        if self.should_exit:
            self.force_exit = True
        else:
            print("Stopping: open answers may end.", file=sys.stderr, flush=True)
        self.should_exit = True
