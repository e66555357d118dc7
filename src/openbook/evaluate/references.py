"""What a model is held against from outside of its run: files of minimal pairs, and an earlier model."""

from collections.abc import Sequence
from pathlib import Path

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.record import files_root, hash_files
from openbook.errors import OpenbookError
from openbook.evaluate.pairs.collection import files
from openbook.evaluate.settings import EvaluateSettings


def model_digest(model: Path) -> str:
    """Of a file its SHA-256, of a folder the root over its files. Raises OpenbookError when it is not there."""
    if not model.exists():
        raise OpenbookError(f"evaluate.gates.earlier: there is no model {model}.")
    return sha256_file(model) if model.is_file() else files_root(hash_files(model))


def pair_files(settings: EvaluateSettings, base: Path) -> list[Path]:
    """The files of the recipe's minimal pairs, each once, sorted. Raises OpenbookError for a pattern without a file."""
    return sorted({path for source in settings.pairs for path in files(source, base)})


def named(settings: EvaluateSettings, base: Path) -> EvaluateSettings:
    """The settings as they stand in the books: the earlier model's digest in place of its path."""
    earlier = settings.gates.earlier
    if earlier is None:
        return settings
    known = earlier.model_copy(update={"model": f"sha256:{model_digest(base / earlier.model)}"})
    return settings.model_copy(update={"gates": settings.gates.model_copy(update={"earlier": known})})


def evidence(settings: EvaluateSettings, base: Path) -> dict[str, str]:
    """Digests of the files of pairs, where there are any."""
    paths = pair_files(settings, base)
    return {"minimal pairs": digest(paths)} if paths else {}


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 (hex) over names and contents, in the order given; folders do not count."""
    return sha256_bytes(canonical_json([[path.name, sha256_file(path)] for path in paths]))
