"""How several processes train one model: joined in a group, weights sharded (FSDP2), rows shared by rank.

Started by torchrun or Slurm, or by the training step itself, one process a graphics processor (gloo on processors).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from openbook.errors import OpenbookError
from openbook.model.transformer import Transformer
from openbook.train.arithmetic import choose_device
from openbook.train.processes import Processes

PATIENCE = timedelta(days=2)
"""How long a process waits for the first, which may have other steps to run before."""


class _Group:
    used = False
    """Whether this process has joined its group already."""


def launched() -> bool:
    """Whether torchrun (or `start`) started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the group that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT)."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    _Group.used = True
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    except dist.DistBackendError as error:
        raise OpenbookError(
            f"A process of the training run was lost ({error}). Run it again: it goes on from its last checkpoint."
        ) from None
    finally:
        dist.destroy_process_group()


def shard(model: Transformer, device: torch.device) -> None:
    """Every process keeps a part of each weight, of its gradient and of its optimizer state."""
    policy = MixedPrecisionPolicy()
    if device.type == "cuda" and model.compute_dtype == torch.bfloat16:
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in model.model.layers:
        fully_shard(block, mp_policy=policy)
    fully_shard(model, mp_policy=policy)


def tell(plan: dict[str, Any] | None, device: torch.device) -> dict[str, Any]:
    """What the first process hands out (JSON values), as every process gets it."""
    text = json.dumps(plan).encode() if plan is not None else b""
    size = torch.tensor([len(text)], device=device)
    dist.broadcast(size, 0)
    data = torch.zeros(int(size), dtype=torch.uint8, device=device)
    if plan is not None:
        data.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
    dist.broadcast(data, 0)
    return dict(json.loads(bytes(data.cpu().numpy())))


@contextmanager
def started(count: int) -> Iterator[None]:
    """Start the other `count` - 1 processes on this machine; this one is the first. They end with the block."""
    # Listens from here on, and `joined` takes it over: no other program can come by the port in between.
    store = dist.TCPStore  # type: ignore[attr-defined]
    meeting = store("127.0.0.1", 0, count, is_master=True, wait_for_workers=False, multi_tenant=True)
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(meeting.port), "WORLD_SIZE": str(count)}
    before = {name: os.environ.get(name) for name in (*group, "RANK", "LOCAL_RANK")}
    others = []
    try:
        for rank in range(1, count):
            place = group | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            command = [sys.executable, "-m", "openbook.train.worker"]
            others.append(subprocess.Popen(command, env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **place}))
        os.environ.update(group | {"RANK": "0", "LOCAL_RANK": "0"})
        yield
        for other in others:
            other.wait(timeout=60)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        for other in others:
            other.kill()
            other.wait()


def dismiss() -> None:
    """Let the waiting processes of a torchrun group end, where the first found nothing to train."""
    if launched() and not _Group.used:
        with joined():
            tell({}, choose_device())
