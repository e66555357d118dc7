"""The corpus room: pages in, documents out, every page accounted for. Its files in the order in which a page passes:

sources/ reads the page, extract/ its main text; annotation (identify, redact, rights, statistics) notes what it is,
annotate does so for all pages, in parts that outlive a killed run; build (decide, ledger, repeated_lines, duplicates,
deal) says what becomes of it; corpus is the artifact, page the report to look at, find where anything in it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from openbook.corpus.annotated import Annotated
from openbook.corpus.corpus import Corpus
from openbook.corpus.settings import ANNOTATE_VERSION, VERSION, AnnotateSettings, CorpusSettings

if TYPE_CHECKING:
    from openbook.books.record import Outcome
    from openbook.context import Context
    from openbook.corpus.parallel import ParallelText
    from openbook.corpus.sources import Sources

__all__ = [
    "ANNOTATE_VERSION",
    "VERSION",
    "AnnotateSettings",
    "Annotated",
    "Corpus",
    "CorpusSettings",
    "corpus_files",
    "located",
    "named",
    "run_annotate",
    "run_corpus",
]


def located(settings: AnnotateSettings, base: Path) -> AnnotateSettings:
    """The settings with the identifier's path made absolute. Raises OpenbookError when it is no model."""
    from openbook.corpus import identifiers

    return identifiers.located(settings, base)


def named(settings: AnnotateSettings) -> AnnotateSettings:
    """The settings as they stand in the books: the identifier's digest in place of its path."""
    from openbook.corpus import identifiers

    return identifiers.named(settings)


def run_annotate(settings: AnnotateSettings, sources: "Sources", work: Path, context: "Context") -> "Outcome":
    """sources/ -> annotated/: every page with what it is. Raises OpenbookError when the sources hold no page."""
    from openbook.corpus import annotate

    return annotate.run(settings, sources, work, context)


def run_corpus(
    settings: CorpusSettings,
    annotated: Annotated,
    work: Path,
    context: "Context",
    base: Path = Path(),
    parallel: "ParallelText | None" = None,
) -> "Outcome":
    """annotated/ -> corpus/: what is kept. Raises OpenbookError when nothing is.

    `base`: the folder that the settings' paths are relative to. `parallel`: text that nothing kept may hold.
    """
    from openbook.corpus import build

    return build.run(settings, annotated, work, context, base, parallel)


def corpus_files(settings: CorpusSettings, base: Path) -> list[Path]:
    """Files outside of the run that decide over the corpus: samples, classifiers, evaluation sets.

    Raises OpenbookError for what is not there.
    """
    from openbook.corpus import decontaminate, quality

    return decontaminate.files(settings.decontaminate, base) + quality.files(settings.quality, base)
