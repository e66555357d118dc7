"""Where is this address, site, text or document, or why was it dropped: an index in the corpus artifact, and answers.

quote and winnow take a text apart, table is a lookup table on disk, index builds find/ in the artifact, ask reads it.
"""

from openbook.corpus.find.ask import Answer, Finder, Found
from openbook.corpus.find.quote import LEAST_WORDS, SURE_WORDS

__all__ = ["LEAST_WORDS", "SURE_WORDS", "Answer", "Finder", "Found"]
