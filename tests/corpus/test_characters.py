"""The table of characters that is shipped says what the Unicode character data say."""

import unicodedata
from pathlib import Path

import numpy as np

from openbook.corpus import characters


def test_shipped_table_equals_the_unicode_character_data() -> None:
    bits, small = characters.derive()
    assigned = np.array([unicodedata.category(chr(point)) != "Cn" for point in range(characters.TABLE_SIZE)])
    shipped = characters.classes() != 0
    both = assigned & (shipped | (bits == 0))  # a later Unicode assigns more
    assert both.sum() > 0.97 * assigned.sum()
    assert np.array_equal(characters.classes()[both], bits[both])
    assert np.array_equal(characters.lower()[both], small[both])


def test_tables_are_written_as_they_are_read(tmp_path: Path) -> None:
    characters.write(tmp_path / "made.npz")
    with np.load(tmp_path / "made.npz") as made:
        bits, small = characters.derive()
        assert np.array_equal(made["classes"], bits)
        assert np.array_equal(made["lower"] + np.arange(characters.TABLE_SIZE), small)
        assert made["lower"].dtype == np.int32
