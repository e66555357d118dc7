"""The page on which one sees what became of everything that was read: report.html.

histogram, tally and samples read the artifact once; languages, counted and shown are its sections; whole puts them
in their order.
"""

from openbook.corpus.page.whole import report_of, write_report

__all__ = ["report_of", "write_report"]
