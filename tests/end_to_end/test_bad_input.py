"""Each kind of bad input gets a sentence, exit code 2, and leaves nothing half-written; a bad page is only counted."""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from openbook.books import store
from tests.end_to_end.conftest import SmallRun, openbook
from tests.end_to_end.crawl import page, record

RECIPE = """name = "bad"
languages = ["en", "mt"]

[[sources]]
name = "crawl"
kind = "warc"
paths = ["*.warc.gz"]

[parallel]
kind = "own"

[corpus]
profile = "documentation"

[train]
steps = 2
"""


def written(folder: Path, recipe: str = RECIPE, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / f"{name}.warc.gz").write_bytes(content)
    path = folder / "bad.toml"
    path.write_text(recipe)
    return path


def refused(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr, result.stderr


def rejected(folder: Path) -> list[dict[str, object]]:
    return [
        row
        for path in (folder / "runs/bad/corpus/rejected").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]


def kept(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (folder / "runs/bad/corpus/documents").glob("*.parquet"))


def good_pages() -> bytes:
    return b"".join(record(f"https://{code}.example/{n}", page(code, n)) for code in ("en", "mt") for n in (1, 2, 3))


def test_a_truncated_warc_gives_what_stands_before_the_break(tmp_path: Path) -> None:
    recipe = written(tmp_path, whole=good_pages(), cut=record("https://fi.example/1", page("fi", 1))[:-200])
    result = openbook("run", recipe, "--until", "corpus", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert kept(tmp_path) == 6
    assert len([row for row in rejected(tmp_path) if str(row["rejected_by"]).startswith("read:")]) == 1


def test_a_page_of_200_megabytes_is_counted_and_costs_no_memory(tmp_path: Path) -> None:
    bomb = record("https://bomb.example/", b"<p>" + b"word " * (40 << 20))
    assert len(bomb) < 1 << 20
    recipe = written(tmp_path, pages=good_pages() + bomb + record("https://fi.example/1", page("fi", 1)))
    result = openbook("run", recipe, "--until", "corpus", "--workers", "1", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert kept(tmp_path) == 6
    reasons = {row["url"]: row["rejected_by"] for row in rejected(tmp_path)}
    assert str(reasons["https://bomb.example/"]).startswith("read:")
    assert str(reasons["https://fi.example/1"]).startswith(
        "identify:"
    )  # what comes behind it is read, and is not asked for


def test_broken_utf8_is_read_as_well_as_can_be(tmp_path: Path) -> None:
    body = page("en", 1)
    middle = body.index(b". ", len(body) // 2)
    broken = record("https://broken.example/", body[:middle] + b"\xff\xfe\xc3" + body[middle:])
    result = openbook("run", written(tmp_path, pages=broken + good_pages()), "--until", "corpus", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert kept(tmp_path) + len(rejected(tmp_path)) == 7


def test_an_empty_source_is_a_sentence(tmp_path: Path) -> None:
    refused(openbook("run", written(tmp_path), folder=tmp_path), "'crawl'", "*.warc.gz")
    refused(openbook("run", written(tmp_path, empty=b""), folder=tmp_path), "crawl")
    assert not (tmp_path / "runs/bad/corpus").exists()


def test_a_crawl_with_no_kept_page_is_a_sentence_that_names_the_reasons(tmp_path: Path) -> None:
    recipe = written(tmp_path, pages=record("https://fi.example/1", page("fi", 1)))
    refused(openbook("run", recipe, folder=tmp_path), "no document is kept", "identify:")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('"mt"', '"xx"', ("bad.toml, line 2", "no language 'xx'")),
        ("steps = 2", "stepps = 2", ("bad.toml, line 16", "Did you mean 'steps'?")),
        ('kind = "warc"', 'kind = "wark"', ("bad.toml, line", "wark")),
    ],
)
def test_a_typo_in_the_recipe_names_file_key_and_line(tmp_path: Path, old: str, new: str, parts: tuple[str]) -> None:
    recipe = written(tmp_path, RECIPE.replace(old, new), pages=good_pages())
    refused(openbook("run", recipe, folder=tmp_path), *parts)
    assert not (tmp_path / "runs").exists()


def test_a_second_run_in_one_folder_is_told_of_the_first(tmp_path: Path) -> None:
    recipe = written(tmp_path, pages=good_pages())
    with store.lock(tmp_path / "runs/bad"):
        refused(openbook("run", recipe, folder=tmp_path), "another run", str(os.getpid()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    recipe = written(tmp_path, pages=good_pages())
    arguments = ("run", recipe, "--runs", small_disk, "--cache", tmp_path / "cache")
    refused(openbook(*arguments, folder=tmp_path), "the disk is full", "same command again")
    made = [path for path in (small_disk / "bad").iterdir() if not path.name.startswith(".")]
    assert all((path / "record.json").exists() for path in made)
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    result = openbook(*arguments, "--until", "tokenizer", folder=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def release(small_run: SmallRun, tmp_path: Path) -> Path:
    copy = tmp_path / "release"
    shutil.copytree(small_run.run / "release", copy)
    return copy


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1
    path.write_bytes(bytes(data))


def test_a_sound_release_is_found_sound(release: Path, tmp_path: Path) -> None:
    result = openbook("verify", release, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "nothing was changed" in result.stdout


def test_a_flipped_byte_in_any_file_of_a_release_is_named(release: Path, tmp_path: Path) -> None:
    from openbook.errors import OpenbookError
    from openbook.release import verify

    files = sorted(path for path in release.rglob("*") if path.is_file())
    assert len(files) > 15
    for number, path in enumerate(files):
        name = path.relative_to(release).as_posix()
        before = path.read_bytes()
        flip(path, number * 7919)
        if name in {"manifest.json", "manifest.sha256"}:
            with pytest.raises(OpenbookError, match=name.replace(".", r"\.")):
                verify(release)
        else:
            assert f"{name} was changed" in verify(release).problems
        path.write_bytes(before)
    assert verify(release).sound
    flip(files[0], 5)
    refused(openbook("verify", release, folder=tmp_path), f"{files[0].relative_to(release)} was changed")


def test_a_missing_and_an_added_file_are_named(release: Path, tmp_path: Path) -> None:
    (release / "model/config.json").unlink()
    (release / "model/pickle.bin").write_bytes(b"x")
    result = openbook("verify", release, folder=tmp_path)
    refused(result, "model/config.json is missing", "model/pickle.bin was added")


def test_a_record_that_contradicts_the_release_is_named(release: Path) -> None:
    """A forger who mends the manifest too is still caught by the chain of records."""
    from openbook.release import manifest as manifests
    from openbook.release import verify

    path = release / "records/corpus.json"
    content = json.loads(path.read_text())
    content["settings"]["corpus"]["profile"] = "web"
    path.write_text(json.dumps(content))
    old = manifests.read(release)
    manifests.write(release, **old.model_dump(exclude={"files", "root", "format"}))
    assert "records/corpus.json: its identity is not that of its settings and inputs" in verify(release).problems


def test_what_is_no_release_is_a_sentence(tmp_path: Path) -> None:
    refused(openbook("verify", tmp_path, folder=tmp_path), "is not a release", "manifest.json is missing")
    refused(openbook("show", tmp_path, folder=tmp_path), "is not a run")


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16])
def test_a_gguf_that_is_not_one_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(content)
    refused(openbook("serve", model, "--port", "0", folder=tmp_path), "model.gguf")


def test_a_made_key_opens_the_key_file_that_it_is_added_to_and_bad_ones_are_a_sentence(
    release: Path, tmp_path: Path
) -> None:
    from openbook.serve.keys import read_keys

    made = openbook("key", "the web shop", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "keys.toml").write_text(made.stdout)
    secret = made.stderr.split()[-1]
    assert secret not in made.stdout
    caller = read_keys(tmp_path / "keys.toml").caller(secret)
    assert caller is not None
    assert caller.name == "the web shop"
    (tmp_path / "bad.toml").write_text("[[key]]\nname = 3\n")
    refused(openbook("serve", release, "--port", "0", "--keys", "bad.toml", folder=tmp_path), "bad.toml")


def test_lineage_beyond_the_run_is_a_sentence(small_run: SmallRun) -> None:
    refused(openbook("lineage", small_run.run, "--step", "30", "--row", "0", folder=small_run.folder), "30")
    refused(openbook("lineage", small_run.run, "--step", "0", "--row", "8", folder=small_run.folder), "8")


def test_a_line_that_is_no_json_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{word} " * 80 + "."}) for word in ("The library lends books to everyone",)]
    (tmp_path / "ready.jsonl.gz").write_bytes(gzip.compress("\n".join([*lines, "{broken", *lines]).encode(), mtime=0))
    ready = '[[sources]]\nname = "ready"\nkind = "jsonl"\npaths = ["ready.jsonl.gz"]\n'
    recipe = written(tmp_path, RECIPE.replace("[parallel]", f"{ready}\n[parallel]"), pages=good_pages())
    result = openbook("run", recipe, "--until", "corpus", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    broken = [
        row for row in rejected(tmp_path) if row["source"] == "ready" and str(row["rejected_by"]).startswith("read:")
    ]
    assert len(broken) == 1
