"""A small run with duplicates and with documents that are sealed, made once."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from openbook import pipeline
from openbook.compute import local
from openbook.context import Context
from openbook.progress import quiet
from openbook.recipe import load
from tests.end_to_end.crawl import page, record, write_crawl

COPIES = "https://copy.example/1.html", "https://copy.example/again.html"


@dataclass(frozen=True)
class Made:
    run: Path
    recipe: Path
    context: Context

    def copy(self, folder: Path) -> "Made":
        shutil.copytree(self.run, folder / "run")
        return Made(folder / "run", self.recipe, self.context)

    def again(self, until: str = "corpus") -> None:
        pipeline.run(load(self.recipe), self.recipe.parent, self.run, self.context, until=until)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run of four languages, with two copies of an English page and one that was printed with a line more."""
    folder = tmp_path_factory.mktemp("removal")
    recipe = write_crawl(folder / "sources")
    text = recipe.read_text().replace(
        'license = "CC0-1.0"\n', "", 3
    )  # only the last source and the release keep theirs
    start, end = text.index("languages ="), text.index("\n", text.index("languages ="))
    text = text[:start] + 'languages = ["de", "en", "fi", "mt"]' + text[end:]
    recipe.write_text(
        text.replace("steps = 30", "steps = 8")
        .replace("batch_rows = 8", "batch_rows = 2")
        .replace("checkpoint_every = 10", "checkpoint_every = 2\nkeep = 4")
    )
    near = page("en", 1).replace(b"</p>", b" Printed at home.</p>", 1)
    copies = [record(url, page("en", 1)) for url in COPIES] + [record("https://near.example/1.html", near)]
    (folder / "sources" / "crawl" / "copies.warc.gz").write_bytes(b"".join(copies))
    context = Context(local(1), quiet(), folder / "cache")
    pipeline.run(load(recipe), recipe.parent, folder / "run", context, until="model")
    return Made(folder / "run", recipe, context)
