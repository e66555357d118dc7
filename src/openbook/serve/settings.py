"""What can be set about a server; nothing here changes what the model computes, except the context it is given."""

import os
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds on one request and on how many may wait; each is answered with 413, 422 or 429 when it is passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: Annotated[int, Field(ge=1024)] = 8 * 2**20
    body_seconds: Annotated[float, Field(gt=0)] = 30.0  # a body must have arrived whole by then
    messages: Annotated[int, Field(ge=1)] = 1024
    prompts: Annotated[int, Field(ge=1)] = 256  # in one /v1/completions request
    choices: Annotated[int, Field(ge=1)] = 16  # the parameter n
    max_tokens: Annotated[int, Field(ge=1)] = 32_768
    stop_strings: Annotated[int, Field(ge=1)] = 16
    waiting: Annotated[int, Field(ge=0)] = 64  # requests that may queue while all slots are busy


class ServeSettings(BaseModel):
    """How to serve: where to listen, and how much of the machine to use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080  # 0 lets the system choose
    name: str | None = None  # the model's name in the API; the release's or the file's when not given
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None  # every usable core when not given
    parallel: Annotated[int, Field(ge=1, le=256)] = 4  # requests computed at the same time, in one batch
    context: Annotated[int, Field(ge=16)] | None = (
        None  # tokens of prompt and answer; default: what the model learnt, at most 4096
    )
    more: tuple[Path, ...] = ()  # further models to serve beside the first
    keys: Path | None = None  # a file of API keys; without it everyone who can reach the server may ask
    certificate: Path | None = None  # TLS: a PEM file with the certificate and its chain
    certificate_key: Path | None = None  # and the private key, unless the same file holds it
    origins: tuple[str, ...] = ()  # web pages elsewhere that may ask through a browser (CORS): none
    audit: Path | None = None  # a file that says who asked when for how much
    audit_content: bool = False  # and what was said: the page then says so
    deletions: tuple[Path, ...] = ()  # deletion lists: an answer that begins to repeat a text of theirs is stopped
    deletions_key: Path | None = None  # PEM of the public key that must have signed them
    trace: Path | None = None  # a run, or its trace folder: where the words of answers stand in the training data
    grace_seconds: Annotated[float, Field(ge=0)] = 10.0  # how long open answers may go on after SIGTERM
    limits: Limits = Limits()

    def thread_count(self) -> int:
        """Threads to compute with: as asked, else the physical cores this process may use."""
        if self.threads is not None:
            return self.threads
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(usable, psutil.cpu_count(logical=False) or usable))
