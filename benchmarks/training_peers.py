"""One contestant of benchmarks/training.py in its own process: trains so many steps whenever a line comes in.

Every contestant trains on the same random tokens with AdamW and clipping, in bfloat16 over fp32 weights, as its own
training script would: compiled unless its name says otherwise.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

Step = Callable[[], object]
HELD: list[object] = []
"""What must live as long as the process."""
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a contestant prints goes to the log


def tokens(size: SimpleNamespace) -> Tensor:
    draw = np.random.default_rng(1)
    return torch.from_numpy(draw.integers(0, size.vocabulary, (size.rows, size.sequence + 1)))


def plain_loop(model: torch.nn.Module, loss: Callable[[Tensor, Tensor], Tensor], size: SimpleNamespace) -> Step:
    """Autocast, backward, clip, fused AdamW: what the training scripts of nanoGPT and LitGPT do."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    rows = tokens(size)
    ids, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(ids, targets)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def openbook(size: SimpleNamespace, optimizer: str = "adamw") -> Step:
    from openbook.compute import local
    from openbook.context import Context
    from openbook.model import ModelSettings
    from openbook.progress import quiet
    from openbook.train import TrainSettings, memory
    from openbook.train.processes import Processes
    from openbook.train.session import Named, build

    stream = tokens(size).flatten().numpy().astype(np.uint16)
    source = SimpleNamespace(folder=Path(), languages=["en"], tokens=lambda language: stream)
    model = ModelSettings(
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        kv_heads=size.kv_heads,
        feed_forward=size.feed_forward,
        context=size.sequence,
    )
    settings = TrainSettings(
        steps=10_000, batch_rows=size.rows, sequence=size.sequence, epochs=1e9, optimizer=optimizer, weight_decay=0.1
    )
    folder = Path(mkdtemp())
    # Compiled once for all runs of the benchmark, as the peers' own cache does.
    context = Context(local(torch.get_num_threads()), quiet(), Path(os.environ.get("OPENBOOK_CACHE", folder)))
    held = memory.held()  # as `openbook.train.session.run` does
    held.__enter__()
    HELD.append(held)
    facts = Named(folder, size.vocabulary, 0)
    stepper = build(model, settings, facts, source, folder / "work", context, Processes()).stepper
    numbers = iter(range(10_000))
    return lambda: stepper.run(next(numbers))


def llama(size: SimpleNamespace) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.dim,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        intermediate_size=size.feed_forward,
        max_position_embeddings=size.sequence,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def hugging_face_trainer(size: SimpleNamespace) -> Step:
    """The Trainer is a loop of its own: a callback waits for the next turn inside it."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = tokens(size)[:, :-1]

    class Turns(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            turns.after_step()

    arguments = TrainingArguments(
        mkdtemp(),
        per_device_train_batch_size=size.rows,
        max_steps=10_000,
        bf16=True,
        torch_compile=True,
        use_cpu=True,
        optim="adamw_torch_fused",
        weight_decay=0.1,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    data = [{"input_ids": row, "labels": row} for row in rows] * 2000
    turns = Turnstile()
    trainer = Trainer(model=llama(size), args=arguments, train_dataset=data, callbacks=[Turns()])
    trainer.train()
    raise SystemExit


def nanogpt(size: SimpleNamespace) -> Step:
    """A GPT-2 shape: no gate, so its feed-forward layer is 4 wide; learned positions, heads not shared."""
    sys.path.insert(0, os.environ["NANOGPT"])
    from model import GPT, GPTConfig

    shape = GPTConfig(size.sequence, size.vocabulary, size.layers, size.heads, size.dim, dropout=0.0, bias=False)
    model = GPT(shape)
    compiled = torch.compile(model)
    return plain_loop(model, lambda ids, targets: compiled(ids, targets)[1], size)


def nanochat(size: SimpleNamespace) -> Step:
    """Its own shape (head not tied, value embeddings, squared ReLU) and its own Muon and AdamW."""
    sys.path.insert(0, os.environ["NANOCHAT"])
    os.environ["NANOCHAT_DTYPE"] = "bfloat16"
    from nanochat.gpt import GPT, GPTConfig

    shape = GPTConfig(size.sequence, size.vocabulary, size.layers, size.heads, size.kv_heads, size.dim, "L")
    with torch.device("meta"):
        model = GPT(shape)
    model.to_empty(device="cpu")
    model.init_weights()
    optimizer = model.setup_optimizer()
    compiled = torch.compile(model, dynamic=False)
    rows = tokens(size)
    ids, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    def step() -> None:
        compiled(ids, targets).backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)

    return step


def litgpt(size: SimpleNamespace) -> Step:
    if "LITGPT" in os.environ:  # a folder that it was installed to; torch stays this environment's
        sys.path.append(os.environ["LITGPT"])
    from litgpt import GPT, Config
    from litgpt.utils import chunked_cross_entropy

    shape = Config(
        block_size=size.sequence,
        vocab_size=size.vocabulary,
        padded_vocab_size=size.vocabulary,
        n_layer=size.layers,
        n_head=size.heads,
        n_query_groups=size.kv_heads,
        n_embd=size.dim,
        intermediate_size=size.feed_forward,
        rotary_percentage=1.0,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
        parallel_residual=False,
    )
    model = GPT(shape)
    model.lm_head.weight = model.transformer.wte.weight
    compiled = torch.compile(model)
    return plain_loop(model, lambda ids, targets: chunked_cross_entropy(compiled(ids), targets, chunk_size=0), size)


def matrix_product(size: SimpleNamespace) -> Step:
    """The machine's peak: a bfloat16 product large enough to be busy, small enough for its caches."""
    left, right = (torch.randn(1024, 1024).bfloat16() for _ in range(2))

    def step() -> None:
        for _ in range(MATRIX_PRODUCTS):
            torch.mm(left, right)

    return step


MATRIX_PRODUCTS = 60
CONTESTANTS: dict[str, Callable[[SimpleNamespace], Step]] = {
    "peak": matrix_product,
    "openbook": openbook,
    "openbook, Muon": lambda size: openbook(size, "muon"),
    "Hugging Face Trainer": hugging_face_trainer,
    "nanoGPT": nanogpt,
    "nanochat": nanochat,
    "LitGPT": litgpt,
}


class Turnstile:
    """Waits for a line before each turn of `steps`, and answers with what the turn took. The first turn warms up."""

    def __init__(self) -> None:
        self.steps = self.done = 0
        self.wait()

    def wait(self) -> None:
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        self.steps, self.done = int(line), 0
        self.seconds, self.cpu = time.perf_counter(), time.process_time()

    def after_step(self) -> None:
        self.done += 1
        if self.done == self.steps:
            took = {"seconds": time.perf_counter() - self.seconds, "cpu_seconds": time.process_time() - self.cpu}
            print(json.dumps(took), file=ANSWERS, flush=True)
            self.wait()


def main() -> None:
    name, size, threads = sys.argv[1], SimpleNamespace(**json.loads(sys.argv[2])), int(sys.argv[3])
    torch.set_num_threads(threads)
    step = CONTESTANTS[name](size)
    turns = Turnstile()
    while True:
        step()
        turns.after_step()


if __name__ == "__main__":
    main()
