"""Which identifier annotated the pages: found by path, named in the books by digest, remembered for the cut-offs."""

from pathlib import Path

import orjson

from openbook.books.store import write_bytes
from openbook.corpus.fasttext_model import check, digest
from openbook.corpus.settings import AnnotateSettings

DEFAULT = "py3langid"
FILE = "identifier.json"


def located(settings: AnnotateSettings, base: Path) -> AnnotateSettings:
    """With the path of a model made absolute; `base`: the recipe's folder. Raises OpenbookError when it is no model."""
    if settings.identifier == DEFAULT:
        return settings
    path = (base / settings.identifier).absolute()
    check(path)
    return settings.model_copy(update={"identifier": str(path)})


def named(settings: AnnotateSettings) -> AnnotateSettings:
    """With the digest of a model in place of its path: the same model elsewhere is the same setting."""
    if settings.identifier == DEFAULT:
        return settings
    return settings.model_copy(update={"identifier": f"fasttext sha256:{digest(Path(settings.identifier))}"})


def note(settings: AnnotateSettings, folder: Path) -> None:
    """Write down, in the annotated artifact, what the scores are scores of."""
    labels = None if settings.identifier == DEFAULT else check(Path(settings.identifier))
    facts = {"identifier": named(settings).identifier, "labels": labels}
    write_bytes(folder / FILE, orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n")


def score_rule(folder: Path) -> str:
    """Which rule's cut-offs fit the scores of the annotated pages in `folder`: `language_score` or `glotlid_score`."""
    from openbook.corpus.identify import table

    path = folder / FILE
    labels = orjson.loads(path.read_bytes())["labels"] if path.is_file() else None
    return "glotlid_score" if labels and labels >= table()["glotlid_labels"] else "language_score"
