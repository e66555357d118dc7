"""The weights that a run started from, kept aside for a run that is rolled back before its first checkpoint."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from openbook.train.muon import part, whole


@dataclass(frozen=True)
class Beginning:
    weights: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module) -> "Beginning":
        """A copy of the model's weights as they are now; all processes of a run call this."""
        return cls({name: whole(weight.detach()).cpu().clone() for name, weight in model.named_parameters()})

    def restore(self, model: nn.Module) -> None:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(part(self.weights[name].to(weight.device), weight))
