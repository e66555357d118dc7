"""Bands follow from the stated threshold; the curve in the docs is the formula's, and real texts keep to it."""

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from openbook.corpus.banding import Banding, banding, chosen
from openbook.corpus.candidates import band_keys
from openbook.corpus.settings import DuplicateSettings
from openbook.corpus.statistics import measure
from openbook.errors import OpenbookError

DOCS = Path(__file__).parents[2] / "docs" / "duplicates.md"


def test_the_banding_is_the_highest_that_finds_what_is_asked() -> None:
    assert banding(0.75, 0.9, 112) == Banding(18, 6)
    assert banding(0.75, 0.75, 112) == Banding(14, 8), "FineWeb's, Penedo et al. 2024, appendix"
    for similarity, recall, values in ((0.5, 0.9, 112), (0.8, 0.99, 128), (0.75, 0.5, 64)):
        found = banding(similarity, recall, values)
        assert found.probability(similarity) >= recall
        assert found.bands * found.rows <= values
        assert Banding(values // (found.rows + 1), found.rows + 1).probability(similarity) < recall
    assert banding(0.75, 0.9, 112) == chosen(DuplicateSettings(), 112)
    assert chosen(DuplicateSettings(bands=14, rows=8), 112) == Banding(14, 8)


def test_a_banding_that_cannot_be_had_is_a_sentence() -> None:
    with pytest.raises(OpenbookError, match="lower recall, or raise"):
        banding(0.05, 0.99, 16)
    with pytest.raises(OpenbookError, match="asks for 20 bands of 8"):
        chosen(DuplicateSettings(bands=20, rows=8), 112)
    with pytest.raises(ValidationError, match="belong together"):
        DuplicateSettings(bands=20)


def test_the_curve_in_the_docs_is_that_of_the_formula() -> None:
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in DOCS.read_text().splitlines()]
    told = {row[0]: row[1:] for row in rows if re.match(r"\*s\*|\d+ bands of \d+", row[0])}
    similarities = [float(one) for one in told.pop("*s*")]
    assert len(told) == 3 and len(similarities) == 9
    for name, cells in told.items():
        bands, height = (int(one) for one in re.findall(r"\d+", name)[:2])
        for similarity, cell in zip(similarities, cells, strict=True):
            assert float(cell) == pytest.approx(1 - (1 - similarity**height) ** bands, abs=0.0051), (name, similarity)


def pair(similarity: float, number: int, runs: int = 120) -> tuple[str, str, float]:
    """Two texts of single words, and the true Jaccard similarity of their words."""
    shared = round(2 * runs * similarity / (1 + similarity))
    words = [f"w{number}x{at}" for at in range(2 * runs - shared)]
    first, second = words[:runs], words[runs - shared :]
    return " ".join(first), " ".join(second), shared / (2 * runs - shared)


@pytest.mark.parametrize("similarity", [0.5, 0.65, 0.75, 0.85])
def test_real_signatures_keep_to_the_curve_and_to_the_true_similarity(similarity: float) -> None:
    pairs = 1200
    texts = [pair(similarity, number) for number in range(pairs)]
    true = texts[0][2]
    first, second = (np.array([measure(one[side], run=1).signature for one in texts]) for side in (0, 1))
    wanted = chosen(DuplicateSettings(), 112)
    met = np.zeros(pairs, bool)
    for band in range(wanted.bands):
        met |= band_keys(first, band, wanted.rows) == band_keys(second, band, wanted.rows)
    expected = wanted.probability(true)
    assert abs(met.mean() - expected) < 4.5 * np.sqrt(expected * (1 - expected) / pairs) + 1 / pairs
    estimates = (first == second).mean(axis=1)
    deviation = np.sqrt(true * (1 - true) / 112)
    assert abs(estimates.mean() - true) < 4.5 * deviation / np.sqrt(pairs)
    assert estimates.std() == pytest.approx(deviation, rel=0.15)


def test_estimates_of_running_text_are_those_of_its_runs_of_words() -> None:
    generator = np.random.default_rng(0)
    differences = []
    for _ in range(60):
        words = generator.integers(0, 10**6, 300)
        changed = np.where(generator.random(300) < 0.03, words + 1, words)
        sets = [{tuple(one[at : at + 5]) for at in range(296)} for one in (words.tolist(), changed.tolist())]
        true = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        first, second = (measure(" ".join(f"n{word}" for word in one)).signature for one in (words, changed))
        differences.append((first == second).mean() - true)
    assert abs(np.mean(differences)) < 4.5 * 0.045 / np.sqrt(60)
    assert np.std(differences) < 0.06
