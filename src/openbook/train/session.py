"""The step `train`: tokens in, a row of checkpoints out, the last of them named."""

import resource
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from openbook import compute
from openbook.books.digest import canonical_json, sha256_bytes
from openbook.books.record import Outcome
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model.checkpoint import FinalModel, write_json
from openbook.model.config import TransformerConfig
from openbook.model.origin import Origin
from openbook.model.settings import ModelSettings
from openbook.model.threads import torch_threads
from openbook.model.transformer import Transformer
from openbook.tokenizer.extension import Extension
from openbook.train import arithmetic, distributed, memory, repeats, state
from openbook.train.batches import Batches, TokenSource
from openbook.train.initial import check_start, continued_config, continued_model, initial_model
from openbook.train.loop import PAGE, Loop
from openbook.train.optimizer import Optimizer
from openbook.train.peak import peak
from openbook.train.processes import Processes
from openbook.train.report import report, tail_mean
from openbook.train.settings import VERSION, TrainSettings
from openbook.train.step import Stepper


class TokenizerFacts(Protocol):
    """What training asks of a tokenizer (`openbook.tokenizer.Tokenizer`)."""

    @property
    def folder(self) -> Path: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def bos(self) -> int: ...


@dataclass(frozen=True)
class Named:
    """The facts, told by another process."""

    folder: Path
    vocabulary_size: int
    bos: int


def build(
    model: ModelSettings,
    settings: TrainSettings,
    tokenizer: TokenizerFacts,
    tokens: TokenSource,
    work: Path,
    context: Context,
    processes: Processes,
    initial: Path | None = None,
) -> Loop:
    """Everything of a run before its first step: order, weights, optimizer, compiled blocks."""
    if settings.sequence > model.context:
        raise OpenbookError(
            f"train.sequence ({settings.sequence}) is longer than model.context ({model.context}): "
            "lower the first or raise the second."
        )
    processes.rows(settings.batch_rows)
    work.mkdir(parents=True, exist_ok=True)
    config = shape(model, settings, tokenizer, initial)
    batches = Batches(tokens, settings, config.vocabulary, config.bos)
    device = arithmetic.choose_device()
    transformer = start(config, settings, tokenizer, batches, initial, context, processes).to(device)
    arithmetic.set_compute(transformer, settings, device, context.progress)
    if processes.count > 1:
        distributed.shard(transformer, device)
    optimizer = Optimizer(transformer, settings, config.dim, processes)
    stepper = Stepper(transformer, optimizer, batches, settings, processes)
    chosen = arithmetic.prepare(
        transformer, settings, device, context.cache, context.progress, stepper.trial, processes.count
    )
    lengths = {code: len(stream) for code, stream in batches.streams.items()}
    facts = [VERSION, model.model_dump(), settings.model_dump(mode="json"), config.vocabulary, lengths]
    identity = sha256_bytes(canonical_json(facts))
    return Loop(work, identity, settings, config, tokenizer.folder, stepper, context.progress, chosen)


def shape(
    model: ModelSettings, settings: TrainSettings, tokenizer: TokenizerFacts, initial: Path | None
) -> TransformerConfig:
    """What the settings and the tokenizer ask for, or what the folder `initial` is and the tokenizer adds to it."""
    if settings.initial is None:
        return model.config(tokenizer.vocabulary_size, tokenizer.bos)
    origin = Origin.open(initial) if initial is not None else None
    if origin is None or origin.digest != settings.initial:
        raise OpenbookError(
            f"This run starts from the weights {settings.initial}, "
            + (f"{initial} holds {origin.digest}." if origin else "and their folder was not given.")
        )
    extension = Extension.of(tokenizer.folder)
    return continued_config(origin.config, tokenizer.vocabulary_size, tokenizer.bos, extension)


def start(
    config: TransformerConfig,
    settings: TrainSettings,
    tokenizer: TokenizerFacts,
    batches: Batches,
    initial: Path | None,
    context: Context,
    processes: Processes,
) -> Transformer:
    """The model before the first step. Weights taken over are first held against transformers on two rows of text."""
    if initial is None:
        return initial_model(config, settings.seed)
    extension = Extension.of(tokenizer.folder)
    if processes.first:
        known = extension.first if extension else config.vocabulary
        rows = torch.from_numpy(batches.rows(0, 0, min(2, settings.batch_rows)).ids[:, :128])
        difference = check_start(initial, torch.where(rows < known, rows, config.bos))
        context.progress.say(f"The weights taken over give the logits of transformers (within {difference:.1g}).")
    return continued_model(initial, config, extension)


def run(
    model: ModelSettings,
    settings: TrainSettings,
    tokenizer: TokenizerFacts,
    tokens: TokenSource,
    work: Path,
    context: Context,
    processes: int | None = None,
    initial: Path | None = None,
) -> Outcome:
    """Train in `work`, going on from what a killed run left there. `processes`: one for each graphics processor of this
    machine when not given; under torchrun, those that it started."""
    processes = processes or max(1, torch.cuda.device_count())
    threads = max(1, compute.threads(context.engine) // processes)
    with ExitStack() as group, torch_threads(threads):
        ours = Processes()
        if processes > 1 or distributed.launched():
            if not distributed.launched():
                group.enter_context(distributed.started(processes))
            ours = group.enter_context(distributed.joined())
            plan = {
                "model": model.model_dump(),
                "train": settings.model_dump(mode="json"),
                "tokenizer": str(tokenizer.folder.absolute()),
                "vocabulary": tokenizer.vocabulary_size,
                "bos": tokenizer.bos,
                "tokens": str(tokens.folder.absolute()),
                "work": str(work.absolute()),
                "cache": str(context.cache.absolute()),
                "threads": threads,
                "initial": str(initial.absolute()) if initial is not None else None,
            }
            distributed.tell(plan, arithmetic.choose_device())
        if arithmetic.choose_device().type == "cpu":
            group.enter_context(memory.held())
        began = time.monotonic()
        loop = build(model, settings, tokenizer, tokens, work, context, ours, initial)
        loop.peak = peak(arithmetic.choose_device(), loop.stepper.model.compute_dtype)
        prepared = time.monotonic() - began
        loop.run()
    return finish(loop, prepared, threads)


def finish(loop: Loop, prepared: float, threads: int) -> Outcome:
    """Name the last checkpoint, write the report, tell what was measured."""
    settings, config, order = loop.settings, loop.config, loop.stepper.batches.order
    last = f"checkpoints/{state.folder_name(settings.total_steps)}"
    write_json(loop.work / "final.json", {"checkpoint": last})
    told = repeats.content(order)
    write_json(loop.work / repeats.FILE, told)
    log = FinalModel.open(loop.work).log()
    report(log, config, settings, order).write(loop.work / PAGE)
    tokens = loop.steps_run * settings.batch_rows * settings.sequence
    speed = tokens / loop.seconds if loop.steps_run else 0.0
    return Outcome(
        counts={
            "steps": settings.total_steps,
            "tokens": log[-1]["tokens"],
            "weights": config.parameters,
            "loss": round(tail_mean(log), 4),
            "repeated": told["repeated"],
            "capped": told["capped"],
        },
        measures={
            "tokens_per_second": round(speed, 1),
            "flops_per_second": round(speed * config.training_flops(settings.sequence)),
            "seconds": round(loop.seconds, 1),
            "preparing_seconds": round(prepared, 1),
            "steps_in_this_run": loop.steps_run,
            "threads": threads,
            "processes": loop.stepper.processes.count,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "arithmetic": loop.arithmetic.facts(),
        },
    )
