"""The corpus room: pages in, documents out, every page accounted for. Its files in the order in which a page passes:

sources/ reads the page, extract/ its main text; annotation (identify, redact, rights, statistics) notes what it is,
annotate does so for all pages, in parts that outlive a killed run;
build (decide, ledger, duplicates, deal) says what becomes of it; corpus is the artifact, page the report to look at.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from openbook.corpus.annotated import Annotated
from openbook.corpus.corpus import Corpus
from openbook.corpus.settings import ANNOTATE_VERSION, VERSION, AnnotateSettings, CorpusSettings

if TYPE_CHECKING:
    from openbook.books.record import Outcome
    from openbook.context import Context
    from openbook.corpus.sources import Sources

__all__ = [
    "ANNOTATE_VERSION",
    "VERSION",
    "AnnotateSettings",
    "Annotated",
    "Corpus",
    "CorpusSettings",
    "run_annotate",
    "run_corpus",
]


def run_annotate(settings: AnnotateSettings, sources: "Sources", work: Path, context: "Context") -> "Outcome":
    """sources/ -> annotated/: every page with what it is. Raises OpenbookError when the sources hold no page."""
    from openbook.corpus import annotate

    return annotate.run(settings, sources, work, context)


def run_corpus(settings: CorpusSettings, annotated: Annotated, work: Path, context: "Context") -> "Outcome":
    """annotated/ -> corpus/: what is kept. Raises OpenbookError when nothing is."""
    from openbook.corpus import build

    return build.run(settings, annotated, work, context)
