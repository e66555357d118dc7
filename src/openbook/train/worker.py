"""A process that helps the first one of its group to train: waits for its plan, takes its rows, writes nothing.

`python -m openbook.train.worker`, started by the training step; `openbook run` under torchrun calls `follow`.
"""

import sys
from pathlib import Path

from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model.settings import ModelSettings
from openbook.model.threads import torch_threads
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus
from openbook.train import distributed
from openbook.train.arithmetic import choose_device
from openbook.train.session import Named, build
from openbook.train.settings import TrainSettings


def follow() -> None:
    """Train as one of several until the run's last step."""
    with distributed.joined() as processes:
        plan = distributed.tell(None, choose_device())
        if not plan:
            return
        context = Context(local(plan["threads"]), quiet(), Path(plan["cache"]))
        with torch_threads(plan["threads"]):
            loop = build(
                ModelSettings.model_validate(plan["model"]),
                TrainSettings.model_validate(plan["train"]),
                Named(Path(plan["tokenizer"]), plan["vocabulary"], plan["bos"]),
                TokenizedCorpus.open(Path(plan["tokens"])),
                Path(plan["work"]),
                context,
                processes,
                Path(plan["initial"]) if plan["initial"] else None,
            )
            loop.run()


if __name__ == "__main__":
    try:
        follow()
    except OpenbookError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
