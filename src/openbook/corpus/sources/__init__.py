"""Where a corpus comes from: crawled files as they are, anything else packed into WARC, each with its license."""

from openbook.corpus.sources.artifact import Sources, read
from openbook.corpus.sources.locate import listing, local_files
from openbook.corpus.sources.page import RawPage, SourceFile
from openbook.corpus.sources.run import run
from openbook.corpus.sources.settings import VERSION, SourceSettings
from openbook.corpus.sources.spans import first_record, read_span, span_starts

__all__ = [
    "VERSION",
    "RawPage",
    "SourceFile",
    "SourceSettings",
    "Sources",
    "first_record",
    "listing",
    "local_files",
    "read",
    "read_span",
    "run",
    "span_starts",
]
