"""Common Crawl: whole files of a crawl, or the records of some sites, taken out of it through its index."""

from openbook.corpus.sources.common_crawl.listing import crawl_files
from openbook.corpus.sources.common_crawl.records import pack_records

__all__ = ["crawl_files", "pack_records"]
