"""How the program ends: bad input and surroundings in one sentence, an interruption with its own exit code."""

import errno
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from openbook.cli.app import app
from openbook.errors import OpenbookError


def fail(sentence: str) -> NoReturn:
    typer.echo(f"openbook: {sentence}", err=True)
    sys.exit(2)


class Stopped(BaseException):
    """The user, or the system, asks the program to end."""


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped


def main() -> None:
    """The command line: bad input and surroundings give one sentence and exit code 2, an interruption 130."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _stop)
    try:
        app()
    except OpenbookError as error:
        fail(str(error))
    except (Stopped, KeyboardInterrupt):
        typer.echo("openbook: stopped. The same command goes on from here.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            fail(f"the disk is full{_of(error)}: make room and run the same command again; it goes on from here.")
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            fail(f"no leave to read or write{_of(error)}: {error.strerror}.")
        raise


def _of(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""
