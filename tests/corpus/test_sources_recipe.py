"""Mistakes in the sources of a recipe are told with file, line, key and what is allowed there."""

from pathlib import Path

import pytest

from openbook import recipe
from openbook.errors import OpenbookError

RECIPE = """name = "x"
languages = ["mt"]

[train]
tokens = 1000

[[sources]]
name = "far"
"""


def load(folder: Path, lines: str) -> recipe.Recipe:
    path = folder / "recipe.toml"
    path.write_text(RECIPE + lines)
    return recipe.load(path)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('kind = "common-crawl"\ncrawl = "2024-22"\nsample = 3', r"line 10: sources\.1\.crawl: .*found '2024-22'"),
        (
            'kind = "common-crawl"\ncrawl = "CC-MAIN-2024-22"',
            r"line 7: sources\.1: say which part of the crawl",
        ),
        (
            'kind = "common-crawl"\ncrawl = "CC-MAIN-2024-22"\nsamples = 3',
            r"line 11: .*\.samples'.*'sample'",
        ),
        ('kind = "hugging-face"\ndataset = "lab/books"\nsplits = "train"', r"line 11: .*Did you mean 'split'\?"),
        ('kind = "hugging-face"\ndataset = "a/b/c"', r"line 10: sources\.1\.dataset"),
        ('kind = "hugging-face"\ndataset = "lab/books"\nendpoint = "hub"', r"line 11: .*endpoint: .*https://"),
        ('kind = "warc"\npaths = ["https://me:pw@example.org/a"]', r"line 10: .*must not hold a password"),
        ('kind = "text"\npaths = ["s3://bucket/notes"]', r"line 10: .*folders must lie on this machine"),
        ('kind = "wark"\npaths = ["x"]', r"line 7: .*'common-crawl', 'hugging-face'"),
    ],
)
def test_mistake_is_named_with_its_line(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(OpenbookError, match=sentence):
        load(tmp_path, lines + "\n")


def test_examples_of_the_page_are_recipes(tmp_path: Path) -> None:
    """Every [[sources]] table of docs/sources.md, as it stands there."""
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    tables = "\n".join(block for block in blocks if "[[sources]]" in block)
    loaded = load(tmp_path, 'kind = "text"\npaths = ["x"]\n' + tables)
    kinds = {source.kind for source in loaded.sources}
    assert kinds == {"warc", "html", "text", "jsonl", "parquet", "debian", "common-crawl", "hugging-face"}
