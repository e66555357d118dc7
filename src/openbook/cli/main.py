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

_PATHS = {
    errno.ENOENT: "it is not there, or a folder above it is not; look at the path",
    errno.ENOTDIR: "a file stands where a folder is needed; take another path, or move the file away",
    errno.EEXIST: "something is there already, such as a file where a folder is needed; take another path",
    errno.EISDIR: "it is a folder, and a file is needed",
    errno.ENAMETOOLONG: "its name is too long; take a shorter one",
    errno.ELOOP: "its links lead in a circle",
}
"""What is wrong with a path, by the system's error: mostly one that the user named (`--out`, `--runs`, `--cache`)."""


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
            fail(f"no permission to read or write{_of(error)}: {error.strerror}.")
        if error.errno in _PATHS and error.filename:
            fail(f"{os.fsdecode(error.filename2 or error.filename)} cannot be read or written: {_PATHS[error.errno]}.")
        raise


def _of(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""
