"""Log-probabilities of any Hugging Face model folder, by transformers, in fp32."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from openbook.errors import OpenbookError
from openbook.evaluate.scorer import in_batches
from openbook.model.threads import torch_threads

BATCH = 2048
"""Ids computed at once; transformers holds the logits of all of them."""
LONGEST = 4096
"""Longer contexts are not needed for the texts scored here and cost memory by their square."""


def require_whole(folder: Path, model: Any, loading: Mapping[str, Any]) -> None:
    """Raises OpenbookError where transformers filled in weights by chance, which it only warns of: they are not in the
    files, or of another shape than config.json says. Weights that are tied to others need not be there."""
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    missing = sorted(set(loading["missing_keys"]) - tied)
    other = sorted(str(one[0] if isinstance(one, tuple) else one) for one in loading["mismatched_keys"])
    for names, what in ((missing, "are not in its files"), (other, "have another shape than its config.json says")):
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise OpenbookError(
                f"{folder} is not whole: weights {what} ({shown}). transformers would draw them by chance, and such a "
                "model is not scored. Fetch or write the folder again."
            )


def hush() -> None:
    """Libraries that transformers loads tell of GPU code that they do without, and of what `require_whole` refuses."""
    for name in ("torchao", "torch.utils._pytree", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)


class HuggingFaceScorer:
    def __init__(self, folder: Path, threads: int = 1) -> None:
        hush()
        import transformers

        library: Any = transformers
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
        self.threads = threads
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self.tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model, loading = library.AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # `require_whole` names them; transformers points to a table
            )
        except Exception as error:  # whatever it stumbles over, it means the same: this folder cannot be scored
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise OpenbookError(f"transformers cannot load {folder}: {first}") from None
        require_whole(folder, model, loading)
        self.model = model.eval().to(self.device)
        start = self.tokenizer.bos_token_id
        if start is None:
            start = self.tokenizer.eos_token_id
        if start is None:
            raise OpenbookError(
                f"{folder}: its tokenizer names neither a start nor an end token, so no text can begin."
            )
        self.start: int = start
        self.context = min(getattr(self.model.config, "max_position_embeddings", LONGEST), LONGEST)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        if not texts:  # transformers 5 stumbles over an empty list
            return []
        ids = self.tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [np.asarray(row, dtype=np.int64) for row in ids]

    def decode_start(self) -> str:
        return str(self.tokenizer.convert_ids_to_tokens(self.start))

    def score(self, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        with torch_threads(self.threads), torch.no_grad():
            return in_batches(rows, BATCH, self._score)

    def _score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        inputs = torch.from_numpy(ids).to(self.device)
        mask = torch.from_numpy((np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)).to(self.device)
        logits = self.model(input_ids=inputs, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        chosen = logits.gather(2, inputs[:, 1:, None])[..., 0]
        scored: np.ndarray = (chosen - logits.logsumexp(dim=2)).cpu().numpy()
        return scored
