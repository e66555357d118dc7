"""The command line. The verbs parse, call and print, and hold no logic; `--help` names them in the order below."""

from openbook.cli import running, corpus, looking, measuring, training, releasing, books, proving, serving  # isort: skip
from openbook.cli.main import main

__all__ = ["books", "corpus", "looking", "main", "measuring", "proving", "releasing", "running", "serving", "training"]
