"""What the evaluation measured, language by language, with intervals, and what the books show of the model's limits."""

from openbook.languages import LANGUAGES
from openbook.release.fact import Books, Fact, Table, anchor, derived, sentence

BITS, PARITY, MEMORIZATION, TOKENIZER, INDEX = (
    "reports/bits.json",
    "reports/parity.json",
    "reports/memorization.json",
    "reports/tokenizer.json",
    "corpus/index.json",
)
LOSS, PAIRS = "reports/loss.json", "reports/pairs.json"
THIN = 500_000
"""Bytes of text; a language with less is named among the limits."""


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    prices = {one["language"]: at for at, one in enumerate(books.get(TOKENIZER, "prices") or [])}
    covered = books.get(INDEX, "languages") or {}
    order = sorted(covered, key=lambda code: (covered[code]["bytes"], code))
    rows = []
    for code in order:
        at = prices.get(code)
        price = [
            books.fact(TOKENIZER, "prices", at, key) if at is not None else Fact()
            for key in ("bytes_per_token", "relative_to_english")
        ]
        bits = [
            books.fact(BITS, "languages", code, key)
            for key in ("bits_per_byte", "low", "high", "documents", "baseline")
        ]
        rows.append((
            Fact(_name(code)), books.fact(INDEX, "languages", code, "documents"),
            books.fact(INDEX, "languages", code, "bytes"), *price, *bits,
            books.fact(PARITY, "languages", code, "relative"),
        ))  # fmt: skip
    tables["evaluation"] = Table(
        ("language", "documents", "bytes", "bytes_per_token", "tokens_to_english", "bits_per_byte", "low", "high",
         "evaluated", "baseline", "parity"), tuple(rows),
    )  # fmt: skip
    facts["evaluated_languages"] = books.fact("records/evaluation.json", "counts", "languages")
    facts["evaluated_documents"] = books.fact("records/evaluation.json", "counts", "documents")
    asked = ("records/evaluation.json", "settings", "evaluate")
    facts["evaluation_method"] = sentence(
        "evaluation_method", languages=facts["evaluated_languages"], documents=facts["evaluated_documents"],
        resamples=books.fact(*asked, "resamples"), confidence=books.fact(*asked, "confidence"),
    )  # fmt: skip
    tables["pairs"] = _pairs(books)
    tables["prefixes"] = _prefixes(books)
    tables["memorization"] = _memorization(books)
    tables["canaries"] = _canaries(books)
    tables["quantization"] = _quantization(books)
    _limits(books, facts, covered)


def _pairs(books: Books) -> Table:
    """Of each language the share of minimal pairs that the model tells apart; chance is a half."""
    rows = []
    for code in sorted(books.get(PAIRS, "languages") or {}):
        own = ("languages", code, "all")
        cells = [books.fact(PAIRS, *own, key) for key in ("n", "accuracy", "low", "high")]
        rows.append((Fact(_name(code)), *cells))
    return Table(("language", "evaluated", "told_apart", "low", "high"), tuple(rows))


def _memorization(books: Books) -> Table:
    """How many trained passages the model writes on word for word, with the longest prefix that was given."""
    columns = ("language", "given", "passages", "verbatim", "low", "high", "longest_run", "held_out_run")
    rows = []
    for code, row in sorted((books.get(MEMORIZATION, "languages") or {}).items()):
        measured = [prefix for prefix, figures in row["trained"].items() if figures["n"]]
        if not measured:
            continue
        longest = max(measured, key=int)  # keys of JSON are sorted as text
        own = ("languages", code, "trained", longest)
        cells = [books.fact(MEMORIZATION, *own, key) for key in ("n", "verbatim", "low", "high", "longest")]
        held = books.fact(MEMORIZATION, "languages", code, "held_out", longest, "longest")
        given = Fact(int(longest), (anchor(MEMORIZATION, "languages", code, "trained"),))
        rows.append((Fact(_name(code)), given, *cells, held))
    return Table(columns, tuple(rows))


def _prefixes(books: Books) -> Table:
    """The same over all languages, for every length of prefix that was given."""
    columns = ("given", "passages", "verbatim", "low", "high", "longest_run", "held_out_run")
    rows = []
    for prefix in sorted(books.get(MEMORIZATION, "summary", "trained") or {}, key=int):
        own = ("summary", "trained", prefix)
        cells = [books.fact(MEMORIZATION, *own, key) for key in ("n", "verbatim", "low", "high", "longest")]
        held = books.fact(MEMORIZATION, "summary", "held_out", prefix, "longest")
        rows.append((Fact(int(prefix), (anchor(MEMORIZATION, *own),), "the name of the entry"), *cells, held))
    return Table(columns, tuple(rows))


def _canaries(books: Books) -> Table:
    """Exposure by number of repeats; no rows where the recipe put no canaries into the training."""
    columns = ("repeats", "canaries", "exposure", "low", "high")
    rows = []
    for repeats in sorted(books.get(MEMORIZATION, "canaries", "repeats") or {}, key=int):
        own = ("canaries", "repeats", repeats)
        cells = [books.fact(MEMORIZATION, *own, key) for key in ("n", "exposure", "low", "high")]
        rows.append((Fact(int(repeats), (anchor(MEMORIZATION, *own),), "the name of the entry"), *cells))
    return Table(columns, tuple(rows))


def _quantization(books: Books) -> Table:
    """What is lost with each file of the release, largest file first: who pays most, and what English pays."""
    columns = ("file", "file_format", "bytes", "mean_loss", "worst_language", "worst_loss", "low", "high",
               "english_loss", "same_top")  # fmt: skip
    files = books.get(LOSS, "files") or {}
    rows = []
    for name in sorted(files, key=lambda name: (-files[name]["bytes"], name)):
        own = ("files", name, "summary")
        worst = books.get(LOSS, *own, "worst", "language")
        english = (books.get(LOSS, *own, "reference") or {}).get("language") == "en"
        rows.append((
            books.fact(LOSS, "files", name, "released_as"), books.fact(LOSS, "files", name, "format"),
            books.fact(LOSS, "files", name, "bytes"), _thousandths(books, *own, "mean", "value"),
            Fact(_name(worst), (anchor(LOSS, *own, "worst", "language"),), "the language's name"),
            *(_thousandths(books, *own, "worst", part) for part in ("value", "low", "high")),
            _thousandths(books, *own, "reference", "value") if english else Fact(),
            books.fact(LOSS, *own, "same_top"),
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def _thousandths(books: Books, *where: str) -> Fact:
    found = books.fact(LOSS, *where)
    return derived(float(f"{found.value * 1e3:.3g}"), "times 1,000", found) if isinstance(found.value, float) else found


def _limits(books: Books, facts: dict[str, Fact], covered: dict[str, dict[str, int]]) -> None:
    thin = [code for code in sorted(covered) if covered[code]["bytes"] < THIN]
    where = tuple(anchor(INDEX, "languages", code, "bytes") for code in thin) or (anchor(INDEX, "languages"),)
    names = tuple(_name(code) for code in thin)
    facts["thin_languages"] = (
        Fact(names, where, f"under {THIN} bytes of text") if thin else Fact(anchors=where, text="none")
    )
    absent = tuple(_name(code) for code in LANGUAGES if code not in covered)
    known = (anchor(INDEX, "languages"),)
    facts["absent_languages"] = (
        Fact(absent, known, "languages of the program's table without a document")
        if absent
        else Fact(anchors=known, text="none")
    )
    bits = books.get(BITS, "languages") or {}
    worse = [code for code in sorted(bits) if (bits[code].get("baseline") or 99) <= bits[code]["bits_per_byte"]]
    places = tuple(anchor(BITS, "languages", code, "bits_per_byte") for code in worse)
    facts["below_baseline"] = (
        Fact(tuple(_name(code) for code in worse), places, "bits per byte no better than a general compressor's")
        if worse
        else Fact(anchors=(anchor(BITS, "languages"),), text="none")
        if bits
        else Fact()
    )


def _name(code: str) -> str:
    return f"{LANGUAGES[code].own_name} ({code})" if code in LANGUAGES else code
