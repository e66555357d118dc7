"""What model files say of their origin follows from the recipe: no root of the corpus, no path of this machine."""

from pathlib import Path

import pytest

from openbook.provenance import told
from openbook.recipe import Recipe, load
from tests.end_to_end.crawl import write_crawl

RELEASE = """
[release]
license = "Apache-2.0"
provider = "A Lab"
version = "2"
url = "https://example.org/small"
[release.base_model]
name = "Older"
url = "https://example.org/older"
[[sources]]
name = "hub"
kind = "hugging-face"
dataset = "lab/leaflets"
[[sources]]
name = "crawled"
kind = "common-crawl"
crawl = "CC-MAIN-2026-05"
sample = 1
[[sources]]
name = "manuals"
kind = "debian"
packages = ["a-doc"]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = write_crawl(tmp_path)
    text = path.read_text()
    path.write_text(text[: text.index("[release]")] + RELEASE)
    return load(path)


def test_files_name_provider_license_sources_and_base(recipe: Recipe, tmp_path: Path) -> None:
    said = told(recipe).provenance(["mt", "ga"])
    assert (said.name, said.organization, said.version, said.url) == (recipe.name, "A Lab", "2", RELEASE_URL)
    assert (said.license, said.license_link) == ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")
    assert said.bases == (("Older", "https://example.org/older"),)
    hub, crawl, manuals = said.datasets[-3:]
    assert hub == "https://huggingface.co/datasets/lab/leaflets"
    assert (crawl, manuals) == ("Common Crawl CC-MAIN-2026-05", "Debian documentation packages (manuals)")
    assert str(tmp_path) not in repr(said) and "corpus" not in repr(said.datasets)


RELEASE_URL = "https://example.org/small"


def test_what_export_says_itself_goes_before_what_the_release_says(recipe: Recipe) -> None:
    export = recipe.export.model_copy(update={"organization": "Another", "datasets": ("ours",), "license": "CC0-1.0"})
    said = told(recipe.model_copy(update={"export": export}))
    assert (said.organization, said.datasets, said.license, said.version) == ("Another", ("ours",), "CC0-1.0", "2")
