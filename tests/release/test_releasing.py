"""The release step as the recipe's user meets it: the license that cannot be given, the fields that nobody told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.errors import OpenbookError
from openbook.release import ReleaseSettings, documents, missing_of
from openbook.release.fact import Books
from openbook.release.facts import terms
from openbook.release.licenses import demand
from tests.release.folder import SAID, write_folder


def test_a_strict_recipe_is_stopped_by_the_license_of_its_texts(tmp_path: Path) -> None:
    books = Books(write_folder(tmp_path, SAID | {"license_policy": "strict"}))
    with pytest.raises(OpenbookError) as stopped:
        demand(terms.lineage(books), "Apache-2.0", "tiny")
    assert "documents under CC-BY-SA-3.0" in str(stopped.value) and "documents under none" in str(stopped.value)


def test_a_recipe_that_names_a_restricted_teacher_is_stopped(tmp_path: Path) -> None:
    said = SAID | {"teachers": [{"name": "Llama-2-7b", "license": "llama2", "on_the_market": True}]}
    books = Books(write_folder(tmp_path, said))
    with pytest.raises(OpenbookError, match="teacher Llama-2-7b"):
        demand(terms.lineage(books), "Apache-2.0", "tiny")


def test_missing_lists_each_field_with_its_key(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "release", {"provider": "A Lab"})
    documents.write(folder)
    found = missing_of(folder)
    assert found["contact"] == "say it in the recipe: release.contact"
    assert found["crawler_name"] == "say it in the recipe: release.crawlers"
    assert "provider" not in found and set(found) <= {*ReleaseSettings.model_fields, "crawler_name", "crawler_purpose",
                                                      "crawler_behavior", "license_kind"}  # fmt: skip
    shown = CliRunner().invoke(app, ["release", str(tmp_path), "--missing"])
    assert "release.contact" in shown.output and f"{len(found)} fields" in shown.output


def test_a_run_without_evidence_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    with pytest.raises(OpenbookError, match="build the release again"):
        missing_of(tmp_path / "release")
