"""What the libraries behind the verbs find in the environment."""

import logging
import os
from pathlib import Path


def prepare_surroundings(cache: Path) -> None:
    """What libraries read from the environment when they are imported; what the user has set is left.

    Threads that wait sleep: spinning ones hold each other up on a machine that does other work too. Compiled code goes
    to the cache folder, unless it can lie beside its source. Libraries do not tell of GPU kernels that are not needed.
    """
    for name in ("torchao", "torch.utils._pytree"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache.resolve() / "torchinductor"))
    if not os.access(Path(__file__).parents[1], os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache.resolve() / "numba"))


def helps_to_train() -> bool:
    """Whether torchrun started this process beside a first one, which runs the recipe."""
    return started_by_torchrun() and os.environ["RANK"] != "0"


def let_helpers_go() -> None:
    """The processes beside this one end, where the recipe's training was up to date or never begun."""
    if started_by_torchrun():
        from openbook.train.distributed import dismiss

        dismiss()


def started_by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1
