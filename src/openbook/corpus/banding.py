"""Which documents are compared at all: signatures are cut into bands, and who shares one is a candidate (LSH).

A pair of similarity s is found with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, section 3.4).
"""

from dataclasses import dataclass

from openbook.corpus.settings import DuplicateSettings
from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Banding:
    bands: int
    rows: int

    def probability(self, similarity: float) -> float:
        """That two texts of this Jaccard similarity share at least one band."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def banding(similarity: float, recall: float, values: int) -> Banding:
    """The highest bands (fewest needless comparisons) that a pair at `similarity` shares with probability `recall`.

    values: of a signature; as many bands as fit into it. Raises OpenbookError when no banding is that good.
    """
    for rows in range(values, 0, -1):
        found = Banding(values // rows, rows)
        if found.probability(similarity) >= recall:
            return found
    raise OpenbookError(
        f"[corpus.duplicates]: {values} signature values cannot find pairs of similarity {similarity} with probability "
        f"{recall}: lower recall, or raise annotate.signature_values."
    )


def chosen(settings: DuplicateSettings, values: int) -> Banding:
    """The banding of a recipe over signatures of so many values. Raises OpenbookError for one that does not fit."""
    if settings.bands is None or settings.rows is None:
        return banding(settings.similarity, settings.recall, values)
    wanted = settings.bands * settings.rows
    if wanted > values:
        raise OpenbookError(
            f"[corpus.duplicates] asks for {settings.bands} bands of {settings.rows} values, but the pages were "
            f"annotated with {values}: set annotate.signature_values to {wanted} or more."
        )
    return Banding(settings.bands, settings.rows)
