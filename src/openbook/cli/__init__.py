"""The command line. The verbs parse, call and print, and hold no logic; `--help` names them in the order below."""

from openbook.cli import running, corpus, looking, measuring, training, books, removing, serving  # isort: skip
from openbook.cli.main import main

__all__ = ["books", "corpus", "looking", "main", "measuring", "removing", "running", "serving", "training"]
