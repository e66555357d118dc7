"""The command line. The verbs parse, call and print, and hold no logic; `--help` names them in the order below."""

from openbook.cli import (  # isort: skip
    running, corpus, looking, measuring, training, tuning, quantizing, releasing, books, tracing, proving, removing,
    serving,
)  # fmt: skip
from openbook.cli.main import main

__all__ = [
    "books", "corpus", "looking", "main", "measuring", "proving", "quantizing", "releasing", "removing", "running",
    "serving", "tracing", "training", "tuning",
]  # fmt: skip
