"""How good a text is, by a recipe's own examples: a small classifier a language, measured on texts it did not see.

Weights and figures are part of the corpus; documents carry the scores.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import xxhash
from numpy.typing import NDArray

from openbook.books.digest import sha256_file
from openbook.books.store import write_bytes
from openbook.corpus import rights, samples
from openbook.corpus.addresses import site_of
from openbook.corpus.optouts import OptOuts
from openbook.corpus.robots import Site, sites
from openbook.corpus.scan_settings import QualitySettings
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES

if TYPE_CHECKING:
    from openbook.corpus.annotated import Annotated
    from openbook.corpus.settings import CorpusSettings

FOLDER = "quality"
"""In the corpus: NAME/CODE.safetensors, and index.json with the figures."""
LEAST = 50
"""Texts of each kind that a language must have for a classifier."""
HELD_OUT = 5
"""Every fifth text, by its hash, is left out of training and measured on."""
_GOOD, _BAD = {"good", "true", "yes", "1"}, {"bad", "false", "no", "0"}


@dataclass(frozen=True, order=True)
class Example:
    hash: int
    good: bool
    text: str


def files(settings: Sequence[QualitySettings], base: Path) -> list[Path]:
    """What the classifiers are made from that lies outside of the run. Raises OpenbookError for what is not there."""
    found = []
    for one in settings:
        found += samples.matching(one.sample, base)
        if one.model is not None:
            if not (base / one.model).is_file():
                raise OpenbookError(f"[[corpus.quality]] {one.name}: there is no model {one.model} (looked in {base}).")
            found.append(base / one.model)
    return found


def make(settings: "CorpusSettings", annotated: "Annotated", base: Path, work: Path) -> dict[str, Any]:
    """Train what is to be trained into work/quality/; returns the figures. Raises OpenbookError for a bad sample."""
    index = {}
    for one in settings.quality:
        examples = _from_sources(one, settings, annotated) if one.good else _from_sample(one, base)
        index[one.name] = _made(one, examples, base, work / FOLDER / one.name)
    if index:
        write_bytes(work / FOLDER / "index.json", orjson.dumps(index, option=orjson.OPT_INDENT_2) + b"\n")
    return index


def _made(
    settings: QualitySettings, examples: Iterator[tuple[str, Example]], base: Path, folder: Path
) -> dict[str, Any]:
    from safetensors.numpy import save

    from openbook.corpus import logistic

    if settings.model is not None:
        path = base / settings.model
        fasttext_model(path, settings.label)
        return {"model": samples.name(path, base), "sha256": sha256_file(path), "label": settings.label}
    best = _chosen(examples, settings.most_texts)
    figures: dict[str, Any] = {}
    featurize = logistic.Featurizer()
    for language, mine in sorted(best.items()):
        good = np.array([one.good for one in mine])
        held = np.array([one.hash % HELD_OUT == 0 for one in mine])
        kinds = [int((good[~held] == kind).sum()) for kind in (True, False)]
        if min(kinds) < LEAST or len(set(good[held].tolist())) < 2:
            figures[language] = {"good": int(good.sum()), "bad": int((~good).sum()), "too_few": True}
            continue
        rows = [featurize(one.text) for one in mine]
        weights = logistic.fit([rows[at] for at in np.flatnonzero(~held)], good[~held], f"quality {settings.name}")
        write_bytes(folder / f"{language}.safetensors", save({"weights": weights}))
        scores = logistic.score([rows[at] for at in np.flatnonzero(held)], weights)
        figures[language] = {
            "good": int(good.sum()),
            "bad": int((~good).sum()),
            "held_out": int(held.sum()),
            "accuracy": accuracy(scores >= 0.5, good[held]),
            "auc": area(scores, good[held]),
        }
    if all("too_few" in one for one in figures.values()):
        raise OpenbookError(
            f"[[corpus.quality]] {settings.name}: no language has {LEAST} good and {LEAST} bad texts to train on, "
            f"besides those to measure on ({_counted(figures)}): give more examples."
        )
    origin = (
        {"good": list(settings.good), "bad": list(settings.bad)} if settings.good else _sample_facts(settings, base)
    )
    return {**origin, "languages": figures}


def _sample_facts(settings: QualitySettings, base: Path) -> dict[str, Any]:
    paths = samples.matching(settings.sample, base)
    return {"sample": [samples.name(path, base) for path in paths], "sha256": samples.digest(paths, base)}


def _counted(figures: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(f"{code}: {one['good']} and {one['bad']}" for code, one in figures.items()) or "it holds none"


def _from_sample(settings: QualitySettings, base: Path) -> Iterator[tuple[str, Example]]:
    from openbook.corpus.identify import identifier

    for path in samples.matching(settings.sample, base):
        for row in samples.rows(path):
            text = samples.text_of(row, path)
            if "label" not in row:
                raise OpenbookError(f"{path}: a row has no `label`: true or false, good or bad, or a number.")
            code = row.get("language") or identifier().identify(text).language
            if code in (settings.languages or LANGUAGES) and text.strip():
                yield str(code), _example(text, good_label(row["label"], settings.good_from, path))


def good_label(label: Any, good_from: float, path: Path) -> bool:
    """Raises OpenbookError for a label that says neither."""
    if isinstance(label, bool):
        return label
    if isinstance(label, int | float):
        return label >= good_from
    said = str(label).strip().lower().removeprefix("__label__")
    if said not in _GOOD | _BAD:
        raise OpenbookError(f"{path}: a label is {label!r}; it must be true or false, good or bad, or a number.")
    return said in _GOOD


def _from_sources(
    settings: QualitySettings, corpus: "CorpusSettings", annotated: "Annotated"
) -> Iterator[tuple[str, Example]]:
    """Of pages that are left out by name or for their rights nothing is learned either."""
    import pyarrow.parquet as pq

    optouts, known = OptOuts(corpus.optouts), sites(annotated.policy_files())
    seen: set[str] = set()
    columns = ["id", "url", "source", "language", "text", "license", "reservations", "unreadable", "exact"]
    columns += ["rejected_by"]
    for part in annotated.parts:
        for batch in pq.ParquetFile(part).iter_batches(512, columns=columns):
            for row in batch.to_pylist():
                if row["rejected_by"] is None and row["source"] in (*settings.good, *settings.bad):
                    seen.add(row["source"])
                    named = optouts.reason(row["id"], row["url"], row["exact"]) is not None
                    allowed = not named and not _excluded(row, known, corpus.rights)
                    if allowed and row["language"] in (settings.languages or LANGUAGES):
                        yield row["language"], _example(row["text"], row["source"] in settings.good)
    missing = sorted({*settings.good, *settings.bad} - seen)
    if missing:
        raise OpenbookError(f"[[corpus.quality]] {settings.name}: no text comes from a source {missing[0]!r}.")


def _excluded(row: Mapping[str, Any], known: Mapping[str, Site], policy: rights.RightsPolicy) -> bool:
    reservations, unreadable = list(row["reservations"] or ()), list(row["unreadable"] or ())
    site = known.get(site_of(row["url"])) if known else None
    if site is not None:
        reservations += site.reservations(row["url"])
        unreadable += site.unreadable
    return rights.decide(policy, row["license"], reservations, unreadable)[0] == "excluded"


def _example(text: str, good: bool) -> Example:
    from openbook.corpus.logistic import READ

    text = text[:READ]
    return Example(xxhash.xxh3_64_intdigest(text.encode()), good, text)


def _chosen(examples: Iterator[tuple[str, Example]], most: int) -> dict[str, list[Example]]:
    """By language, those with the smallest hashes of each kind, each text once, in order of their hashes."""
    heaps: dict[tuple[str, bool], list[tuple[int, str]]] = {}
    held: dict[tuple[str, bool], set[int]] = {}
    for language, one in examples:
        key = (language, one.good)
        heap, mine = heaps.setdefault(key, []), held.setdefault(key, set())
        if one.hash in mine or (len(heap) == most and -one.hash <= heap[0][0]):
            continue
        mine.add(one.hash)
        if len(heap) < most:
            heapq.heappush(heap, (-one.hash, one.text))
        else:
            mine.discard(-heapq.heapreplace(heap, (-one.hash, one.text))[0])
    chosen: dict[str, list[Example]] = {}
    for (language, good), heap in sorted(heaps.items()):
        chosen.setdefault(language, []).extend(Example(-negative, good, text) for negative, text in heap)
    return {language: sorted(mine) for language, mine in chosen.items()}


def accuracy(said: NDArray[np.bool_], good: NDArray[np.bool_]) -> dict[str, float]:
    """Share that is right, with Wilson's (1927) 95 % interval."""
    n, share, z = good.size, float((said == good).mean()), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n)
    return {"value": round(share, 4), "low": round(middle - reach, 4), "high": round(middle + reach, 4), "n": n}


def area(scores: NDArray[np.float64], good: NDArray[np.bool_]) -> dict[str, float]:
    """Area under the ROC curve, with the 95 % interval of Newcombe 2006 (Stat. Med. 25:559, method 5): Hanley and
    McNeil's variance taken at the ends of the interval, so that it has a width at 1 too."""
    ups, downs = np.sort(scores[good]), np.sort(scores[~good])
    below, not_above = np.searchsorted(downs, ups, "left"), np.searchsorted(downs, ups, "right")
    value = float((below + not_above).sum()) / (2 * ups.size * downs.size)
    low, high = (_bound(value, end, ups.size, downs.size) for end in (0.0, 1.0))
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "n": good.size}


def _bound(value: float, end: float, ups: int, downs: int) -> float:
    """The area, between `value` and `end`, whose own 95 % interval ends at `value`; by bisection."""
    inside, outside = value, end
    for _ in range(60):
        middle = (inside + outside) / 2
        pairs = (ups + downs) / 2 - 1
        spread = middle * (1 - middle) * (1 + pairs * ((1 - middle) / (2 - middle) + middle / (1 + middle)))
        if abs(middle - value) <= 1.96 * float(np.sqrt(spread / (ups * downs))):
            inside = middle
        else:
            outside = middle
    return inside


def fasttext_model(path: Path, label: str) -> Any:
    """A classifier of fastText. Raises OpenbookError when it cannot be read or does not know the label."""
    try:
        import fasttext
    except ImportError:
        raise OpenbookError(
            f"{path.name} is a fastText model, and the library that reads it is missing: pip install fasttext-predict."
        ) from None
    try:
        model = fasttext.load_model(str(path))
        labels, _ = model.predict("a", k=-1)
    except ValueError as error:
        raise OpenbookError(f"{path} cannot be read as a fastText classifier ({error}).") from None
    if labels and label not in labels:
        raise OpenbookError(f"{path.name} has no label {label!r}; it has {', '.join(sorted(labels)[:8])}.")
    return model


class Scorer:
    """Scores texts by everything a recipe asks for; one of a worker."""

    def __init__(self, settings: Sequence[QualitySettings], base: Path, work: Path) -> None:
        self._models = [(one, fasttext_model(base / one.model, one.label)) for one in settings if one.model]
        self._weights: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._featurize: Any = None
        trained = [one for one in settings if one.model is None]
        if trained:
            from safetensors.numpy import load_file

            from openbook.corpus.logistic import Featurizer

            self._featurize = Featurizer()
            for one in trained:
                for path in sorted((work / FOLDER / one.name).glob("*.safetensors")):
                    self._weights[(one.name, path.stem)] = load_file(path)["weights"]
        self._languages = {language for _, language in self._weights}

    def scores(self, text: str, language: str) -> list[tuple[str, float]]:
        """(Name, score) of each classifier that knows the language, in order of the names."""
        from openbook.corpus.logistic import READ, score

        found = []
        for one, model in self._models:
            if one.languages and language not in one.languages:
                continue
            labels, shares = model.predict(" ".join(text[:READ].split()), k=-1)
            found.append((one.name, round(float(dict(zip(labels, shares, strict=True)).get(one.label, 0.0)), 4)))
        if language in self._languages:
            row = self._featurize(text)
            found += [
                (name, float(score([row], weights)[0]))
                for (name, code), weights in self._weights.items()
                if code == language
            ]
        return sorted(found)
