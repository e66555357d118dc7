"""Datasets of a hub: the commit is pinned and recorded, the right files are taken, the token goes nowhere else."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from openbook.compute import local
from openbook.context import Context
from openbook.corpus.sources import Sources, SourceSettings, elsewhere, read, run
from openbook.corpus.sources.hugging_face import glob_expression
from openbook.corpus.sources.remote import BackOff, Gate
from openbook.corpus.sources.settings import Columns, HuggingFaceSource
from openbook.errors import OpenbookError
from openbook.progress import quiet

from .source_servers import COMMIT, Answer, Asked, Host, hub, serve

DATASET = "lab/books"


def parquet(text: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"body": text, "meta": {"url": f"https://x.org/{text}"}}]), out)
    return out.getvalue()


def jsonl(text: str) -> bytes:
    return json.dumps({"body": text, "meta": {"url": f"https://x.org/{text}"}}).encode() + b"\n"


FILES = {
    "README.md": b"---\nlicense: cc-by-4.0\n---\n",
    ".gitattributes": b"*.parquet filter=lfs\n",
    "ga/train-00000-of-00002.parquet": parquet("ga train 0"),
    "ga/train-00001-of-00002.parquet": parquet("ga train 1"),
    "ga/test-00000-of-00001.parquet": parquet("ga test"),
    "mt/train-00000-of-00001.parquet": parquet("mt train"),
    "mt/validation.jsonl": jsonl("mt validation"),
    "extra/notes.csv": b"a,b\n",
}
GA = [{"split": "train", "path": "ga/train-*"}, {"split": "test", "path": ["ga/test-*"]}]
MT = {"train": "mt/train-*.parquet", "validation": "mt/*.jsonl"}
CARD: dict[str, object] = {
    "license": "cc-by-4.0",
    "configs": [
        {"config_name": "ga", "data_files": GA},
        {"config_name": "mt", "default": True, "data_files": MT},
        {"config_name": "all", "data_files": "**/*.parquet"},
    ],
}


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.setattr(elsewhere, "gate", lambda: Gate(BackOff(), lambda seconds: None))
    with serve(Host()) as api, serve(Host()) as store:
        monkeypatch.setenv("HF_ENDPOINT", api.url)
        yield api, store


def source(**settings: object) -> HuggingFaceSource:
    columns = Columns(text="body", url="meta.url")
    given = {"kind": "hugging-face", "name": "hub", "dataset": DATASET, "columns": columns, **settings}
    return HuggingFaceSource.model_validate(given)


def build(base: Path, *settings: SourceSettings, work: str = "work") -> Sources:
    (base / work).mkdir(exist_ok=True)
    run(settings, base / work, Context(local(1), quiet(), base / "cache"), base)
    return Sources.open(base / work)


def texts(sources: Sources) -> list[str | None]:
    return [page.text for file in sources.files for page in read(file, sources.locate(file.name))]


def test_revision_is_pinned_to_its_commit_and_recorded(tmp_path: Path, hosts: tuple[Host, Host]) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    sources = build(tmp_path, source(config="ga"))
    assert texts(sources) == ["ga train 0", "ga train 1"]
    (told,) = sources.origins
    assert (told["revision"], told["commit"], told["card_license"]) == ("main", COMMIT, "cc-by-4.0")
    first = sources.files[0]
    assert first.name == "hub/ga/train-00000-of-00002.parquet"
    assert (first.package, first.version, first.license) == (DATASET, COMMIT, None)
    assert first.origin == f"hf://datasets/{DATASET}@{COMMIT}/ga/train-00000-of-00002.parquet"
    page = next(iter(read(first, sources.locate(first.name))))
    assert page.url == "https://x.org/ga train 0" and sources.open_record(first.name, 0) == b"ga train 0"


def test_artifact_does_not_depend_on_the_hub_it_was_fetched_from(
    tmp_path: Path, hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    one = build(tmp_path, source(config="ga"), work="one")
    with serve(Host()) as mirror:
        hub(mirror, hosts[1], DATASET, FILES, CARD)
        monkeypatch.setenv("HF_ENDPOINT", mirror.url)
        two = build(tmp_path, source(config="ga"), work="two")
        assert mirror.asked
    for name in ("files.jsonl", "origins.json"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["mt train"]),
        ({"config": "mt", "split": "validation"}, ["mt validation"]),
        ({"config": "ga", "split": None}, ["ga test", "ga train 0", "ga train 1"]),
        ({"config": "all"}, ["ga test", "ga train 0", "ga train 1", "mt train"]),
        ({"files": ["ga/train-*", "mt/*.jsonl"]}, ["ga train 0", "ga train 1", "mt validation"]),
    ],
)
def test_card_says_which_files_a_configuration_has(
    tmp_path: Path, hosts: tuple[Host, Host], settings: dict[str, object], expected: list[str]
) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    assert texts(build(tmp_path, source(**settings))) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"config": "ga"}, ["ga train 0", "ga train 1"]),
        ({"config": "mt", "split": "validation"}, ["mt validation"]),
        ({"config": "ga", "split": "test", "revision": "refs/convert/parquet"}, ["ga test"]),
        ({}, ["ga train 0", "ga train 1", "mt train"]),
    ],
)
def test_without_a_card_folders_and_names_of_files_say_it(
    tmp_path: Path, hosts: tuple[Host, Host], settings: dict[str, object], expected: list[str]
) -> None:
    hub(*hosts, DATASET, FILES)
    assert texts(build(tmp_path, source(**settings))) == expected


def test_listing_of_many_pages_is_followed_to_its_end(tmp_path: Path, hosts: tuple[Host, Host]) -> None:
    files = {f"data/part-{at:03d}.jsonl": jsonl(f"text {at}") for at in range(25)}
    hub(*hosts, DATASET, files, page=4)
    assert len(texts(build(tmp_path, source()))) == 25


def test_files_with_known_digest_are_asked_for_once(tmp_path: Path, hosts: tuple[Host, Host]) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    build(tmp_path, source(config="ga"), work="one")
    hosts[1].asked.clear()
    build(tmp_path, source(config="ga"), work="two")
    assert hosts[1].asked == []


def test_file_that_is_not_what_the_hub_announced_is_refused(tmp_path: Path, hosts: tuple[Host, Host]) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    for path in hosts[1].files:
        hosts[1].files[path] = hosts[1].files[path][:-5]
    with pytest.raises(OpenbookError, match=r"source 'hub': .* does not hold the file any more"):
        build(tmp_path, source(config="ga"))


def test_token_opens_the_hub_and_is_neither_passed_on_nor_recorded(
    tmp_path: Path, hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, store = hosts
    hub(api, store, DATASET, FILES, CARD, token="hf_secret")
    with pytest.raises(OpenbookError, match=r"401.*Access to it is restricted.*token"):
        build(tmp_path, source(config="ga"), work="shut")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    sources = build(tmp_path, source(config="ga"))
    assert len(texts(sources)) == 2 and store.asked
    assert not any("authorization" in asked.headers for asked in store.asked)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hf_secret" not in path.read_bytes()


def test_token_is_not_sent_to_other_sources(
    tmp_path: Path, hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hosts[1].files = {"/a.jsonl": jsonl("elsewhere")}
    given = {"kind": "jsonl", "name": "web", "paths": [f"{hosts[1].url}/a.jsonl"], "columns": {"text": "body"}}
    assert texts(build(tmp_path, TypeAdapter[SourceSettings](SourceSettings).validate_python(given))) == ["elsewhere"]
    assert "authorization" not in hosts[1].asked[0].headers


def test_busy_hub_is_waited_for(tmp_path: Path, hosts: tuple[Host, Host]) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    answer, turn = hosts[0].before, iter(range(1000))

    def busy(asked: Asked) -> Answer | None:
        return Answer(429, headers={"RateLimit": '"api";r=0;t=3'}) if next(turn) % 2 == 0 else answer(asked)

    hosts[0].before = busy
    assert texts(build(tmp_path, source(config="ga"))) == ["ga train 0", "ga train 1"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dataset": "lab/none"}, r"there is no file at .*/api/datasets/lab/none/revision/main"),
        ({"revision": "v9"}, r"revision/v9"),
        ({"config": "xx"}, r"no configuration 'xx'; name one under `config`: ga, mt, all"),
        ({"config": "ga", "split": "dev"}, r"no split 'dev'; name one under `split`: train, test"),
        ({"files": ["*.csv"]}, r"has no Parquet or JSONL file for .*it has 5 \(ga/test"),
        ({"config": "ga", "columns": Columns(text="content")}, r"resolve/.* has no column 'content'; it has body"),
    ],
)
def test_what_the_dataset_lacks_is_a_sentence_with_what_it_has(
    tmp_path: Path, hosts: tuple[Host, Host], settings: dict[str, object], sentence: str
) -> None:
    hub(*hosts, DATASET, FILES, CARD)
    with pytest.raises(OpenbookError, match=sentence):
        build(tmp_path, source(**settings))


def test_files_and_split_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="leave `config` and `split` out"):
        source(files=["*.parquet"], split="train")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("data/*.parquet", "data/a.parquet", True),
        ("data/*.parquet", "data/b/a.parquet", False),
        ("data/**/*.parquet", "data/b/c/a.parquet", True),
        ("**/a.parquet", "a.parquet", True),
        ("data/**", "data/b/a.parquet", True),
        ("a-[0-4]?.jsonl", "a-31.jsonl", True),
        ("a-[!0-4].jsonl", "a-3.jsonl", False),
    ],
)
def test_globs_are_those_of_the_hub(pattern: str, path: str, fits: bool) -> None:
    assert bool(glob_expression(pattern).fullmatch(path)) is fits
