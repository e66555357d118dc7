"""The books of a run or a release as one page: chain, records, checks, documents, removals.

chain reads the records; picture lays them out; history reads removals and log; whole puts the page together.
"""

from openbook.release.page.whole import write_page

__all__ = ["write_page"]
