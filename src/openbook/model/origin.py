"""What a run may start from: any Llama-shaped Hugging Face folder, known by a digest and the license that it states."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.errors import OpenbookError
from openbook.model.checkpoint import Checkpoint, weight_files
from openbook.model.config import TransformerConfig
from openbook.model.settings import ModelSettings

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n", re.DOTALL)
_LICENSE = re.compile(r"^license:\s*[\"']?([^\s\"']+)", re.MULTILINE)


@dataclass(frozen=True)
class Origin:
    """The weights that a run starts from."""

    folder: Path
    digest: str
    """`sha256:` and the hash of config.json's and the weight files' names and hashes."""
    config: TransformerConfig
    license: str | None
    """As the folder's README states it in its first lines; None where it does not."""

    @classmethod
    def open(cls, folder: Path) -> "Origin":
        """Raises OpenbookError for what is no Llama folder, or lacks a file that its index names."""
        try:
            config = Checkpoint.open(folder).config
        except OpenbookError as error:
            raise OpenbookError(f"train.initial: {error}") from None
        names = ["config.json", *weight_files(folder)]
        lacking = [name for name in names if not (folder / name).exists()]
        if lacking:
            raise OpenbookError(f"train.initial: {folder} lacks {', '.join(lacking)}, which its index names. Fetch it.")
        files = {name: sha256_file(folder / name) for name in names}
        return cls(folder, f"sha256:{sha256_bytes(canonical_json(files))}", config, stated_license(folder))

    @property
    def settings(self) -> ModelSettings:
        """The shape in a recipe's words."""
        shape = self.config
        return ModelSettings(
            dim=shape.dim,
            layers=shape.layers,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            feed_forward=shape.feed_forward,
            context=shape.context,
            head_dim=shape.head_dim,
            rope_theta=shape.rope_theta,
            tied=shape.tied,
        )

    def facts(self) -> dict[str, Any]:
        """What the record says of it, the whole shape included."""
        shape = asdict(self.config) | {"eos": list(self.config.eos)}
        return {"digest": self.digest, "license": self.license or "not stated", "shape": shape}


def stated_license(folder: Path) -> str | None:
    """The `license:` of a model card's front matter."""
    readme = folder / "README.md"
    front = _FRONT_MATTER.match(readme.read_text("utf-8", "replace")) if readme.exists() else None
    found = _LICENSE.search(front[1]) if front else None
    return found[1] if found else None
