"""What can be set about a server; nothing here changes what the model computes, except the context it is given."""

import os
from pathlib import Path
from typing import Annotated, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["auto", "llama.cpp", "pytorch"]


class Limits(BaseModel):
    """Bounds on one request and on how many may wait; each is answered with 413, 422 or 429 when it is passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: Annotated[int, Field(ge=1024)] = 8 * 2**20
    body_seconds: Annotated[float, Field(gt=0)] = 30.0  # a body must have arrived whole by then
    messages: Annotated[int, Field(ge=1)] = 1024
    characters: Annotated[int, Field(ge=1)] = 500_000  # of all texts of a request, or ids of tokens; before tokenizing
    prompts: Annotated[int, Field(ge=1)] = 256  # in one /v1/completions request
    choices: Annotated[int, Field(ge=1)] = 16  # the parameter n
    max_tokens: Annotated[int, Field(ge=1)] = 32_768
    stop_strings: Annotated[int, Field(ge=1)] = 16
    waiting: Annotated[int, Field(ge=0)] = 64  # requests that may queue while all slots are busy


def read_limits(path: Path) -> Limits:
    """The bounds in a TOML file, by their names here; OpenbookError names what is wrong with it, and the line."""
    from openbook.recipe import parse

    return parse(path, Limits, "file of limits")


class Adapter(BaseModel):
    """A low-rank adapter that is served as a model of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    path: Path  # a GGUF adapter for llama.cpp, a PEFT folder for the PyTorch engine
    base: str | None = None  # the model that it changes; the first when not given


class Upstream(BaseModel):
    """Another OpenAI-compatible server that computes; only the operator names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^/]+")]  # as OpenAI's clients want it, with /v1
    key: Path | None = None  # a file that holds the key to show there


class WatermarkSettings(BaseModel):
    """A statistical mark in what is written (Kirchenbauer et al. 2023); the defaults are the paper's middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Path  # a file that holds the secret
    share: Annotated[float, Field(gt=0, lt=1)] = 0.25  # of the vocabulary that is green after a token (gamma)
    bias: Annotated[float, Field(gt=0, le=20)] = 2.0  # added to a green token's logit (delta)


class ServeSettings(BaseModel):
    """How to serve: where to listen, and how much of the machine to use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080  # 0 lets the system choose
    name: str | None = None  # the model's name in the API; the release's or the file's when not given
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None  # every usable core when not given
    parallel: Annotated[int, Field(ge=1, le=256)] = 4  # requests computed at the same time, in one batch
    context: Annotated[int, Field(ge=16)] | None = (
        None  # tokens of prompt and answer; default: what the model learned, at most 4096
    )
    engine: EngineName = "auto"  # llama.cpp for GGUF files and releases, PyTorch for Hugging Face folders
    more: tuple[Path, ...] = ()  # further models to serve beside the first
    adapters: tuple[Adapter, ...] = ()
    upstream: Upstream | None = None
    watermark: WatermarkSettings | None = None
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
