"""Duplicates are the same however the work is cut up, and each names a kept one that it resembles."""

import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbook.compute import local
from openbook.corpus import candidates, duplicates, resemblance
from openbook.corpus.candidates import BEST, NEAREST, NO_VALUE, band_keys
from openbook.corpus.duplicates import Near
from openbook.corpus.ledger import Ledger, rank
from openbook.corpus.settings import DuplicateSettings
from openbook.corpus.statistics import measure

WORDS = [f"word{number}" for number in range(400)]
SMALL = DuplicateSettings(similarity=0.6, bands=4, rows=2)


@pytest.fixture(autouse=True)
def always_through_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "SMALL", 0)


class Backwards:
    """An engine whose tasks end in the worst order."""

    workers = 3

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[int], None] | None = None
    ) -> Iterator[Any]:
        return iter([function(task) for task in reversed(tasks)][::-1])


def written(folder: Path, signatures: Sequence[bytes | None], rows: int = 1000) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{at}.parquet" for at in range(0, len(signatures), rows)]
    for at, path in enumerate(paths):
        column = pa.array(signatures[at * rows : (at + 1) * rows], pa.binary())
        pq.write_table(pa.table({"signature": column}), path)
    return paths


def search(folder: Path, signatures: np.ndarray, wanted: DuplicateSettings, **cut: Any) -> dict[int, tuple[int, float]]:
    """Dropped document -> (the one it names, similarity); rows in order of rank."""
    files = written(folder / "parts", [row.tobytes() for row in signatures], cut.pop("part", 1000))
    engine = cut.pop("engine", local(1))
    found = duplicates.near(files, np.arange(len(signatures)), wanted, engine, folder / "near", **cut)
    return told(found)


def told(found: Near) -> dict[int, tuple[int, float]]:
    return {
        int(worse): (int(better), float(similarity))
        for worse, better, similarity in zip(found.worse, found.better, found.similarity, strict=True)
    }


def naive(signatures: np.ndarray, wanted: DuplicateSettings) -> dict[int, tuple[int, float]]:
    """Best first: a document is dropped when a better, kept one that shares a band with it resembles it."""
    assert wanted.bands and wanted.rows
    buckets: dict[tuple[int, bytes], list[int]] = {}
    dropped: dict[int, tuple[int, float]] = {}
    for row, values in enumerate(signatures):
        met: set[int] = set()
        for band in range(wanted.bands):
            bucket = buckets.setdefault((band, values[band * wanted.rows : (band + 1) * wanted.rows].tobytes()), [])
            met |= {*bucket[:BEST], *bucket[-NEAREST:]}
            bucket.append(row)
        alike = [(float(np.mean(signatures[other] == values)), -other) for other in met if other not in dropped]
        best = max(alike, default=(0.0, 0))
        if best[0] >= wanted.similarity:
            dropped[row] = (-best[1], best[0])
    return dropped


def text(start: int, changed: int = 0) -> str:
    words = [WORDS[(start * 37 + 7 * step) % 400] + str(start) for step in range(200)]
    for at in range(changed):
        words[5 + 7 * at] = f"changed{at}"
    return " ".join(words)


def test_a_slightly_changed_text_is_a_near_duplicate_and_another_text_is_none(tmp_path: Path) -> None:
    found = search(
        tmp_path,
        np.array([measure(one).signature for one in (text(1), text(2), text(1, changed=2))]),
        DuplicateSettings(),
    )
    assert found.keys() == {2}
    shared = 196 - 10  # two changed words leave 186 of 196 runs of five in common
    assert found[2] == (0, pytest.approx(shared / (2 * 196 - shared), abs=0.1))


def test_equal_hashes_name_the_best_one() -> None:
    hashes = np.array([[1, 2], [3, 4], [1, 2], [3, 5], [1, 2], [3, 4]], np.uint64).view("V16").reshape(-1)
    assert duplicates.exact(hashes).tolist() == [0, 1, 0, 3, 0, 1]
    assert duplicates.exact(hashes[:0]).tolist() == []


def test_rank_is_rights_then_length_then_id_then_place() -> None:
    generator = np.random.default_rng(4)
    count = 300
    ids = generator.integers(0, 2, (count, 32), np.uint8)  # the first eight bytes are often equal
    names = ["b.warc", "open", "excluded", "a.warc", "sealed"]
    book = Ledger(
        names,
        [0, count],
        ids.view("V32").reshape(-1),
        *(np.zeros(count, np.int32) for _ in range(2)),
        file=generator.choice([0, 3], count).astype(np.int32),
        rights=generator.choice([1, 4], count).astype(np.int32),
        rule=np.full(count, -1, np.int32),
        offset=generator.integers(0, 5, count),
        bytes=generator.integers(100, 103, count),
        measure=np.zeros(count),
        duplicate_of=np.full(count, -1),
        similarity=np.zeros(count),
        held_out=np.zeros(count, bool),
        cut_lines=np.zeros(count, np.int32),
        cut_bytes=np.zeros(count, np.int32),
        quoting=np.zeros(count, bool),
    )
    book.ids[1::2] = book.ids[::2]

    def key(row: int) -> tuple[object, ...]:
        rights = ["open", "sealed"].index(names[book.rights[row]])
        return rights, -book.bytes[row], book.id(row), names[book.file[row]], book.offset[row], row

    rows = np.arange(count)
    assert rank(book, rows).tolist() == sorted(rows.tolist(), key=key)


def test_texts_without_words_are_not_searched(tmp_path: Path) -> None:
    same = np.arange(8, dtype=np.uint32).tobytes()
    files = written(tmp_path / "parts", [None, same, None, same, same])
    found = duplicates.near(files, np.array([0, 3, 1, 2, -1]), SMALL, local(1), tmp_path / "near")
    assert told(found) == {3: (2, 1.0)}, "a row of rank -1 takes no part"
    nothing = written(tmp_path / "none", [None, None])
    assert told(duplicates.near(nothing, np.arange(2), SMALL, local(1), tmp_path / "b")) == {}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_search_equals_the_naive_one_however_it_is_cut_up(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    count = data.draw(st.integers(2, 60))
    values = data.draw(st.lists(st.integers(0, 2), min_size=count * 8, max_size=count * 8))
    signatures = np.array(values, np.uint32).reshape(count, 8)
    cut = {
        "range_rows": data.draw(st.integers(5, 70)),
        "partitions": data.draw(st.sampled_from([1, 2, 8])),
        "part": data.draw(st.integers(7, 70)),
        "engine": data.draw(st.sampled_from([local(1), Backwards()])),
    }
    found = search(tmp_path_factory.mktemp("search"), signatures, SMALL, **cut)
    assert found == naive(signatures, SMALL)
    assert all(better not in found and better < worse for worse, (better, _) in found.items())


def clusters(count: int, seed: int = 0) -> np.ndarray:
    """Signatures in groups of resembling ones, some of them chains: each like the one before, less like the first."""
    generator = np.random.default_rng(seed)
    signatures = generator.integers(0, 2**32 - 1, (count, 112), dtype=np.uint32)
    for row in range(1, count):
        if row % 5:
            kept = generator.random(112) < generator.uniform(0.6, 1)
            signatures[row, kept] = signatures[row - 1, kept]
    return signatures[generator.permutation(count)]


class TwoProcesses:
    """Two worker processes that stay from one map to the next."""

    workers = 2

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[int], None] | None = None
    ) -> Iterator[Any]:
        return self.pool.map(function, tasks)


def test_the_result_does_not_depend_on_workers_or_the_place_of_the_rows(
    tmp_path: Path,
) -> None:
    signatures = clusters(900)
    wanted = DuplicateSettings()
    one = search(tmp_path / "one", signatures, wanted)
    assert len(one) > 200
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        cut = {"range_rows": 200, "partitions": 4, "part": 250, "engine": TwoProcesses(pool)}
        assert search(tmp_path / "two", signatures, wanted, **cut) == one
    ranks = np.random.default_rng(5).permutation(900)
    moved = written(tmp_path / "moved", [signatures[rank].tobytes() for rank in ranks], 70)
    found = duplicates.near(moved, ranks, wanted, Backwards(), tmp_path / "near", range_rows=64)
    assert told(found) == one


def test_a_long_chain_over_many_ranges_is_settled(tmp_path: Path) -> None:
    """Each document resembles the one before it alone: every second one stays."""
    signatures = np.zeros((64, 112), np.uint32)
    for row in range(64):
        shift = row * 20
        signatures[row] = np.where(np.arange(112) < shift % 112, shift // 112 + 1, shift // 112)
    wanted = DuplicateSettings(similarity=0.8, bands=56, rows=2)
    found = search(tmp_path, signatures, wanted, range_rows=4, engine=Backwards())
    assert found == naive(signatures, wanted)
    assert sorted(found) == list(range(1, 64, 2))


def test_a_giant_bucket_costs_a_bounded_number_of_comparisons(tmp_path: Path) -> None:
    """20,000 changed copies of one text share bands; all pairs would be 200 million."""
    generator = np.random.default_rng(2)
    first = generator.integers(0, 2**32 - 1, 112, dtype=np.uint32)
    changed = generator.integers(0, 2**32 - 1, (20_000, 112), dtype=np.uint32)
    signatures = np.where(generator.random((20_000, 112)) < 0.95, first, changed)
    signatures[0] = first
    files = written(tmp_path / "parts", [row.tobytes() for row in signatures], 20_000)
    wanted = DuplicateSettings(bands=2, rows=6)
    keys = [band_keys(signatures, band, 6) for band in range(2)]
    largest = max(np.unique(one, return_counts=True)[1].max() for one in keys)
    assert largest > 10_000
    found = told(duplicates.near(files, np.arange(20_000), wanted, local(1), tmp_path / "near"))
    edges = np.fromfile(tmp_path / "near" / "edges" / "000000", np.uint8).size / resemblance.EDGE.itemsize
    assert edges < 2 * 20_000 * (BEST + NEAREST)
    met = np.zeros(20_000, bool)
    for one in keys:
        _, inverse, sizes = np.unique(one, return_inverse=True, return_counts=True)
        met |= sizes[inverse] > 10_000
    assert all(row in found and found[row][0] == 0 for row in np.flatnonzero(met)[1:].tolist())


def test_pairs_that_do_not_fit_into_memory_are_written_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signatures = clusters(400)
    whole = search(tmp_path / "whole", signatures, DuplicateSettings())
    monkeypatch.setattr(candidates, "PAIR_BLOCK", 50)
    monkeypatch.setattr(resemblance, "MERGE", 20)
    assert search(tmp_path / "blocks", signatures, DuplicateSettings(), range_rows=100) == whole


@pytest.mark.parametrize("death", [("candidates", "_pair"), ("resemblance", "_verify"), ("resemblance", "_settle")])
def test_a_search_killed_anywhere_goes_on_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: tuple[str, str]
) -> None:
    signatures = clusters(500)
    cut = {"range_rows": 100, "partitions": 4}
    whole = search(tmp_path / "whole", signatures, DuplicateSettings(), **cut)
    module = {"candidates": candidates, "resemblance": resemblance}[death[0]]
    real, calls = getattr(module, death[1]), []

    def dies(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, death[1], dies)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "killed", signatures, DuplicateSettings(), **cut)
    laid = [one for one in ("laid", "order") if (tmp_path / "killed" / "near" / one).exists()]
    assert not laid, "what is done is not kept, nor done again"
    monkeypatch.setattr(module, death[1], real)
    monkeypatch.setattr(candidates, "_lay", None)
    monkeypatch.setattr(candidates, "_order", None)
    assert search(tmp_path / "killed", signatures, DuplicateSettings(), **cut) == whole


def test_what_lies_there_of_another_search_is_not_used(tmp_path: Path) -> None:
    first, second = clusters(300), clusters(300, seed=1)
    search(tmp_path, first, DuplicateSettings())
    assert search(tmp_path, second, DuplicateSettings()) == search(tmp_path / "b", second, DuplicateSettings())


def test_no_signature_value_is_that_of_a_document_without_words() -> None:
    assert (measure("!!! ...").signature == NO_VALUE).all()
    assert not (measure("one word more").signature == NO_VALUE).any()
    assert math.log2(int(NO_VALUE) + 1) == 32
