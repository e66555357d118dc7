"""What the books say about a run, gathered once: every document and every summary is rendered from this."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.books.record import Record
from openbook.corpus import Corpus
from openbook.corpus.sources import Sources
from openbook.languages import LANGUAGES


@dataclass(frozen=True)
class LanguageFigures:
    """One language's row of the summary; None where a step did not measure it."""

    code: str
    documents: int
    text_bytes: int
    bytes_per_token: float | None
    tokens_relative_to_english: float | None
    bits_per_byte: float | None
    low: float | None
    high: float | None
    held_out_documents: int | None
    baseline: float | None
    """Bits per byte of a general compressor on the same held-out text."""
    information_parity: float | None

    @property
    def name(self) -> str:
        return LANGUAGES[self.code].name


@dataclass(frozen=True)
class Evidence:
    records: Mapping[str, Record]
    languages: tuple[LanguageFigures, ...]
    packages: tuple[Mapping[str, Any], ...]
    """Source packages with version, SHA-256 and license."""
    memorization: Mapping[str, Any]
    """What the evaluation found (`memorization.json`); empty where it was not measured."""


def gather(artifacts: Mapping[str, Path], records: Mapping[str, Record]) -> Evidence:
    """Read what the steps wrote. `artifacts` holds those steps' folders that have been made."""
    priced = _json(artifacts, "tokenizer", "report.json").get("prices", [])
    prices = {price["language"]: price for price in priced}
    bits = _json(artifacts, "evaluation", "bits.json").get("languages", {})
    parity = _json(artifacts, "evaluation", "parity.json").get("languages", {})
    packages = tuple(Sources.open(artifacts["sources"]).packages) if "sources" in artifacts else ()
    rows = []
    if "corpus" in artifacts:
        corpus = Corpus.open(artifacts["corpus"])
        for code in corpus.languages:
            counts, price, bit = corpus.counts(code), prices.get(code, {}), bits.get(code, {})
            rows.append(
                LanguageFigures(
                    code,
                    counts["documents"],
                    counts["bytes"],
                    price.get("bytes_per_token"),
                    price.get("relative_to_english"),
                    bit.get("bits_per_byte"),
                    bit.get("low"),
                    bit.get("high"),
                    bit.get("documents"),
                    bit.get("baseline"),
                    parity.get(code, {}).get("relative"),
                )
            )
    rows.sort(key=lambda row: (row.text_bytes, row.code))
    return Evidence(records, tuple(rows), packages, _json(artifacts, "evaluation", "memorization.json"))


def _json(artifacts: Mapping[str, Path], step: str, name: str) -> dict[str, Any]:
    path = artifacts[step] / name if step in artifacts else None
    return json.loads(path.read_text()) if path and path.exists() else {}
