"""How files come from elsewhere: tried again with back-off, resumed where they broke off, kept by their digest."""

from openbook.corpus.sources.remote.backoff import BackOff, Gate
from openbook.corpus.sources.remote.download import Downloaded, Downloads
from openbook.corpus.sources.remote.threads import in_threads
from openbook.corpus.sources.remote.web import Web

__all__ = ["BackOff", "Downloaded", "Downloads", "Gate", "Web", "in_threads"]
