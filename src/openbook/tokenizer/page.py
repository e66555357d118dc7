"""The price list as a page to look at, alone or beside another tokenizer's."""

from collections.abc import Mapping
from pathlib import Path

from openbook.languages import LANGUAGES
from openbook.report import Report
from openbook.tokenizer.measure import Price, PriceList

CAVEAT = (
    "The parallel text is the same content in every language and is never trained on. Its wording differs between "
    "languages, so a few per cent are the translation's and not the tokenizer's."
)


def write(path: Path, lists: Mapping[str, PriceList], notes: Mapping[str, str] | None = None) -> None:
    """The price list of every tokenizer; with more than one, first a table with a column each."""
    first = next(iter(lists.values()))
    report = Report("Tokenizer", "What each language pays for what it says.")
    report.figures(figures(first))
    for label, text in (notes or {}).items():
        report.section(label, text)
    if len(lists) > 1:
        report.section("Side by side", "Tokens of the parallel text relative to English, and bytes per token.")
        report.table(*comparison(lists), note=CAVEAT)
    for name, prices in lists.items():
        _list(report, prices, "" if len(lists) == 1 else f": {name}")
    report.write(path)


def _list(report: Report, prices: PriceList, whose: str) -> None:
    report.section(f"Price list{whose}", _entries(prices) if whose else "")
    report.table(*table(prices), note=CAVEAT)
    paid = [price for price in prices.prices if price.relative_to_english is not None]
    if paid:
        report.section(f"Tokens relative to English{whose}")
        ranked = sorted(paid, key=lambda price: (-(price.relative_to_english or 0), price.language))
        report.bars([(named(price.language), {"tokens": price.relative_to_english or 0.0}) for price in ranked])
    report.section(f"Words that take the most tokens{whose}")
    report.table(
        ["language", "words"],
        [
            [named(price.language), " · ".join(f"{word} ({tokens})" for word, tokens in price.costly_words)]
            for price in prices.prices
        ],
    )


def _entries(prices: PriceList) -> str:
    if prices.unreachable is None:
        return f"{prices.vocabulary:,} entries; which of them no text is ever encoded to cannot be told of this kind."
    shown = ", ".join(prices.unreachable_entries[:20])
    lost = f"{prices.unreachable:,} of them unreachable" + (f" ({shown})" if shown else "")
    return f"{prices.vocabulary:,} entries, {lost}."


def named(language: str) -> str:
    return LANGUAGES[language].name if language in LANGUAGES else language


def figures(prices: PriceList) -> dict[str, str]:
    """The figures above the table, as they are shown."""
    shown = {"vocabulary": f"{prices.vocabulary:,}"}
    if prices.bytes_per_token is not None:
        shown["bytes per token, mean over languages"] = f"{prices.bytes_per_token:.3f}"
    if prices.gini is not None:
        shown["Gini over languages"] = f"{prices.gini:.3f}"
    if prices.worst and prices.worst_ratio is not None:
        shown[f"worst, {named(prices.worst)}"] = f"{prices.worst_ratio:.2f}× English"
    if prices.unreachable is not None:
        shown["unreachable entries"] = f"{prices.unreachable:,}"
    return shown


def table(prices: PriceList) -> tuple[list[str], list[list[str | int | float | None]]]:
    columns = ["language", "bytes per token", "tokens per word", "parallel: bytes per token", "tokens: English = 1"]
    return [*columns, "share of vocabulary, %"], [
        [
            named(price.language),
            price.bytes_per_token,
            price.fertility,
            price.parallel_bytes_per_token,
            price.relative_to_english,
            100 * price.vocabulary_share,
        ]
        for price in prices.prices
    ]


def comparison(lists: Mapping[str, PriceList]) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Languages as rows, tokenizers as columns; the last rows hold Gini, worst and total."""
    by_name: dict[str, dict[str, Price]] = {
        name: {price.language: price for price in prices.prices} for name, prices in lists.items()
    }
    languages = sorted({language for prices in by_name.values() for language in prices})
    columns = ["language", *(f"{name}: × English" for name in lists), *(f"{name}: bytes per token" for name in lists)]
    rows: list[list[str | int | float | None]] = [
        [
            named(language),
            *(prices[language].relative_to_english if language in prices else None for prices in by_name.values()),
            *(_bytes_per_token(prices.get(language)) for prices in by_name.values()),
        ]
        for language in languages
    ]
    blank: list[None] = [None] * len(lists)
    rows.append(["Gini over languages", *(prices.gini for prices in lists.values()), *blank])
    rows.append(["worst ratio", *(prices.worst_ratio for prices in lists.values()), *blank])
    rows.append(["tokens of the parallel text, thousands", *(p.parallel_tokens / 1000 for p in lists.values()), *blank])
    rows.append(["entries of the vocabulary", *(prices.vocabulary for prices in lists.values()), *blank])
    rows.append(["unreachable entries", *(prices.unreachable for prices in lists.values()), *blank])
    return columns, rows


def _bytes_per_token(price: Price | None) -> float | None:
    if price is None:
        return None
    return price.bytes_per_token if price.bytes_per_token is not None else price.parallel_bytes_per_token
