"""A tuned model's documents state the change, its share of the base's compute, and the languages lost or gained."""

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from folders import SUMS, Told, base, context, recipe

from openbook import tuning
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release import modification
from openbook.release.documents.texts import LANGUAGES
from openbook.release.fact import Books
from openbook.tune import load, open_base
from openbook.tune.artifact import STEP
from openbook.tune.loading import MODULES
from openbook.tune.settings import OriginSettings

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in MODULES), reason="the extra `tune` is not installed"
)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weights of a tiny model, so that every language suffers, which the recipe accepts."""
    home = tmp_path_factory.mktemp("documents")
    base(home)
    more = 'license = "Apache-2.0"\n[origin]\nname = "Tiny"\nlink = "https://huggingface.co/example/tiny"'
    path = recipe(home, "sums", SUMS, 'adapter = "none"\n', more + "\ntraining_flops = 1e12")
    text = path.read_text().replace("languages = []", 'languages = ["mt", "en"]\naccepted = ["mt", "en"]')
    path.write_text(
        text.replace("steps = 6", "steps = 12").replace("[data]", '[data]\ndescription = "Sums, written out"')
    )
    tuning.run(load(path), home, home / "runs", context(home, Told()))
    return home / "runs" / STEP


def written(tuned: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((tuned / "documents" / "modification.json").read_text())
    return tree


def values(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "anchors" in tree:
            yield tree
        for one in tree.values():
            yield from values(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from values(one)


def shown(tuned: Path) -> dict[str, str]:
    return {field["key"]: field["shown"] for section in written(tuned)["sections"] for field in section["fields"]}


def test_every_figure_stands_where_it_says(tuned: Path) -> None:
    books = Books(tuned)
    found = [one for one in values(written(tuned)) if one["anchors"]]
    plain = [one for one in found if not one.get("method") and one["value"] is not None]
    assert len(plain) > 20
    assert all(books.resolve(one["anchors"][0]) == one["value"] for one in plain)
    assert all(books.resolve(place) is not None for one in found for place in one["anchors"])


def test_what_changed_is_said_in_words(tuned: Path) -> None:
    said = shown(tuned)
    assert said["tuning_method"] == "supervised fine-tuning on examples"
    assert said["tuning_adapter"] == "all weights of the model"
    assert said["data_description"] == "Sums, written out" and said["base_name"] == "Tiny"
    assert said["lost"] == "English (en), Malti (mt)" and said["gained"] == "none"


def test_a_hub_reads_the_card(tuned: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(tuned / "README.md").data
    assert card.base_model == "example/tiny" and card.license == "apache-2.0"
    assert card.base_model_relation == "finetune"


@pytest.mark.parametrize(
    ("base_flops", "words"),
    [(2.9, "more than one third"), (3.1, "less than one third"), (None, "is not recorded")],
)
def test_the_third_of_the_bases_compute_decides(
    tuned: Path, tmp_path: Path, base_flops: float | None, words: str
) -> None:
    from openbook.tune import compute

    told = json.loads((tuned / "tuning.json").read_text())
    own = told["compute"]["flops"]
    told["compute"] = compute.share(own, own * base_flops if base_flops else None) | {"tokens": 1}
    (tmp_path / "tuning.json").write_text(json.dumps(told))
    (tmp_path / "forgetting.json").write_bytes((tuned / "forgetting.json").read_bytes())
    modification.write(tmp_path)
    assert words in shown(tmp_path)["compute_threshold"]


def test_every_language_of_the_documents_has_its_page_that_fetches_nothing(tuned: Path) -> None:
    pages = {language: tuned / "documents" / language / "modification.html" for language in LANGUAGES}
    texts = {language: page.read_text() for language, page in pages.items()}
    assert len({text.split("<h1>")[1].split("</h1>")[0] for text in texts.values()}) == len(LANGUAGES)
    assert all("default-src 'none'" in text and "<script" not in text for text in texts.values())


def test_a_release_of_ours_is_cited_with_its_books(tmp_path: Path) -> None:
    release = tmp_path / "release"
    base(tmp_path)
    release.mkdir()
    (tmp_path / "base").rename(release / "model")
    facts = {"license": {"value": "Apache-2.0"}, "flops": {"value": 3.0e12}, "url": {"value": None}}
    (release / "evidence.json").write_text(json.dumps({"facts": facts}))
    made = manifests.write(
        release,
        name="ours",
        serve=None,
        kind="base",
        languages=("mt",),
        corpus_root="c" * 64,
        roots={"model": "m" * 64},
    )
    for named in ("release", "release/model"):
        known = open_base(named, OriginSettings(), tmp_path, tmp_path / "cache")
        assert known.digest == made.root and known.name == "ours" and known.training_flops == 3.0e12
        assert (known.facts["license"], known.facts["link"]) == ("Apache-2.0", "not recorded")
    with (release / "model" / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(OpenbookError, match=r"model/config.json of .* is not what its manifest lists"):
        open_base("release", OriginSettings(), tmp_path, tmp_path / "cache")
