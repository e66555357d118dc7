"""How much computing did the tuning take, and is it a third of what the base's training took?

A company that changes a model becomes its provider when the change takes more than a third of the original training
compute (European Commission, Guidelines on general-purpose AI models, July 2025, section 3.2); where that is not known,
a third of the threshold from which a model counts as one of general purpose, 10^23 operations.
"""

from typing import Any

from openbook.model.config import TransformerConfig
from openbook.tune.base import NOT_RECORDED
from openbook.tune.settings import MethodSettings

THRESHOLD = 1 / 3
GENERAL_PURPOSE = 1e23
PASSES = {"sft": 1, "dpo": 2, "grpo": 2}
"""DPO and GRPO compute each token once more, forward: for the base's own probabilities, and to write it."""


def flops(config: TransformerConfig, settings: MethodSettings, tokens: int, length: int) -> float:
    """Counted as for training, 6 a weight and token; frozen weights have no gradient of their own, so 4. A further
    forward pass adds 2. `length`: tokens of a usual row, for the attention."""
    whole = config.training_flops(length) * tokens
    share = 1.0 if settings.adapter == "none" else 4 / 6
    return whole * (share + (PASSES[settings.kind] - 1) * 2 / 6)


def share(own: float, base: float | None) -> dict[str, Any]:
    """What the record says of the tuning's compute."""
    facts: dict[str, Any] = {"flops": float(f"{own:.6g}"), "threshold": "one third of the base's training compute"}
    if base is None:
        fallback = THRESHOLD * GENERAL_PURPOSE
        return facts | {
            "base_flops": NOT_RECORDED,
            "share": NOT_RECORDED,
            "over_threshold": NOT_RECORDED,
            "over_third_of_general_purpose": own > fallback,
        }
    return facts | {
        "base_flops": float(f"{base:.6g}"),
        "share": float(f"{own / base:.6g}"),
        "over_threshold": own / base > THRESHOLD,
    }
