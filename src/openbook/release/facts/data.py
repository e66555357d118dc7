"""What the model was trained on: sources, sizes, languages, licenses, reservations, dates, what was left out."""

from datetime import datetime

from openbook.languages import LANGUAGES
from openbook.release.fact import NOT_APPLICABLE, Books, Fact, Table, anchor, derived, sentence

STATISTICS, CORPUS, SOURCES, TOKENS, ANNOTATED = (
    "corpus/statistics.json", "records/corpus.json", "records/sources.json", "records/tokens.json",
    "records/annotated.json",
)  # fmt: skip
INDEX = "corpus/index.json"
MOST_BINS = ((1e9, "size_below_1b"), (10e12, "size_1b_10t"), (float("inf"), "size_above_10t"))
"""Bins of the AI Office's template for text, in tokens."""
NAMED = "the name of the entry"
MOST_DOMAINS_SHOWN = 1000
CATEGORIES = {
    "public": "public", "licensed": "licensed", "third party": "third_party", "crawled": "crawled",
    "interactions": "interactions", "services": "services", "synthetic": "synthetic", "other": "other",
}  # fmt: skip
"""Origin of a source -> prefix of its facts."""


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    _sizes(books, facts)
    _dates(books, facts)
    _languages(books, facts, tables)
    _origins(books, facts, tables)
    _rights(books, facts, tables)
    _domains(books, facts, tables)
    _processing(books, facts, tables)


def _sizes(books: Books, facts: dict[str, Fact]) -> None:
    for key, name in (("pages", "pages"), ("documents", "documents"), ("rejected", "rejected"), ("bytes", "bytes"),
                      ("held_out", "held_out"), ("language_count", "languages")):  # fmt: skip
        facts[key] = books.fact(CORPUS, "counts", name)
    facts["corpus_tokens"] = books.fact(TOKENS, "counts", "tokens")
    tokens = facts["corpus_tokens"]
    bin = next((name for most, name in MOST_BINS if isinstance(tokens.value, int) and tokens.value < most), "")
    facts["size_bin"] = Fact(anchors=tokens.anchors, text=bin) if bin else Fact()
    facts["corpus_root"] = books.fact(CORPUS, "roots", "documents")
    facts["modality"] = Fact(text="modality_text")
    facts["content_types"] = sentence(
        "content_types", sources=books.fact(SOURCES, "counts", "sources"), documents=facts["documents"]
    )


def _dates(books: Books, facts: dict[str, Fact]) -> None:
    sources = books.get(STATISTICS, "sources") or {}
    for key, name, choose in (("first_date", "first", min), ("last_date", "last", max)):
        dated = [
            (entry[name], anchor(STATISTICS, "sources", one, name)) for one, entry in sources.items() if entry[name]
        ]
        chosen = choose(dated) if dated else None
        facts[key] = Fact(chosen[0][:10], (chosen[1],), "the day of the date that stands there") if chosen else Fact()
    gathered = books.fact(SOURCES, "started")
    facts["gathered"] = gathered
    month = datetime.fromisoformat(str(gathered.value)).strftime("%m/%Y") if gathered.recorded else None
    facts["latest_acquisition"] = derived(month, "the month in which the sources were read", gathered)


def _languages(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    covered = books.get(INDEX, "languages") or {}
    rows = []
    for code, language in LANGUAGES.items():
        if language.standing == "official":
            there = code in covered
            place = anchor(INDEX, "languages", code) if there else anchor(INDEX, "languages")
            rows.append((
                Fact(f"{language.own_name} ({code})"),
                Fact(there, (place,), "whether the language has documents in the corpus"),
                books.fact(INDEX, "languages", code, "documents") if there else Fact(0, (place,), "no entry"),
                books.fact(INDEX, "languages", code, "bytes") if there else Fact(0, (place,), "no entry"),
            ))  # fmt: skip
    tables["eu_languages"] = Table(("language", "covered", "documents", "bytes"), tuple(rows))
    official = [code for code, one in LANGUAGES.items() if one.standing == "official"]
    missing = tuple(f"{LANGUAGES[code].own_name} ({code})" for code in official if code not in covered)
    inside = len(official) - len(missing)
    where = (anchor(INDEX, "languages"),)
    counted = "official languages of the Union among the languages of the corpus"
    facts["eu_languages"] = sentence("eu_languages", covered=Fact(inside, where, counted), all=Fact(len(official)))
    facts["eu_languages_missing"] = Fact(missing, where, counted) if missing else Fact(anchors=where, text="none")
    others = tuple(
        f"{LANGUAGES[code].own_name if code in LANGUAGES else code} ({code})"
        for code in covered
        if code not in official
    )
    facts["other_languages"] = (
        Fact(others, where, "languages of the corpus that are not official in the Union")
        if others
        else Fact(text="none")
    )
    facts["languages"] = Fact(tuple(covered), where, "the languages of the corpus") if covered else Fact()


def _origins(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    origins = books.get(STATISTICS, "origins") or {}
    sources = books.get(STATISTICS, "sources") or {}
    asked = {one["name"]: (at, one) for at, one in enumerate(books.get(SOURCES, "settings", "sources") or [])}
    for origin, prefix in CATEGORIES.items():
        names = origins.get(origin, [])
        where = (anchor(STATISTICS, "origins", origin) if names else anchor(STATISTICS, "origins"),)
        facts[f"{prefix}_used"] = Fact(bool(names), where, "whether a source of the recipe is of this origin")
        facts[f"{prefix}_modality"] = Fact(text="modality_text") if names else NOT_APPLICABLE
        facts[f"{prefix}_sources"] = Fact(tuple(names), where) if names else NOT_APPLICABLE
        tables[f"{prefix}_sources"] = _table_of(books, names, sources, asked)
    tables["sources"] = _table_of(books, list(asked), sources, asked)
    facts["source_count"] = books.fact(SOURCES, "counts", "sources")
    facts["origin_kinds"] = Fact(tuple(origins), (anchor(STATISTICS, "origins"),)) if origins else Fact()


def _table_of(
    books: Books, names: list[str], found: dict[str, object], asked: dict[str, tuple[int, dict[str, object]]]
) -> Table:
    rows = []
    for name in names:
        at, one = asked[name]
        licensed = books.fact(SOURCES, "settings", "sources", at, "license")
        if not licensed.recorded and name in found:
            licenses = tuple(books.get(STATISTICS, "sources", name, "licenses"))
            licensed = Fact(licenses, (anchor(STATISTICS, "sources", name, "licenses"),), "as its documents say")
        # "A source without a document in the corpus" is a fact of its own: everything it had was rejected.
        count = {
            key: books.fact(STATISTICS, "sources", name, key)
            if name in found
            else Fact(0, (anchor(STATISTICS, "sources"),), "no entry")
            for key in ("documents", "bytes")
        }
        dates = tuple(
            Fact(str(fact.value)[:10], fact.anchors, "the day") if fact.recorded else fact
            for fact in (books.fact(STATISTICS, "sources", name, key) for key in ("first", "last"))
        )
        rows.append((
            books.fact(SOURCES, "settings", "sources", at, "name"),
            books.fact(SOURCES, "settings", "sources", at, "kind"),
            _where(books, at, one), licensed, count["documents"], count["bytes"], *dates,
        ))  # fmt: skip
    return Table(("source", "kind", "where", "license", "documents", "bytes", "first_date", "last_date"), tuple(rows))


def _where(books: Books, at: int, one: dict[str, object]) -> Fact:
    """What a source was taken from, in the words of the recipe."""
    for key in ("packages", "dataset", "crawl", "url", "paths"):
        if one.get(key):
            return books.fact(SOURCES, "settings", "sources", at, key)
    return Fact()


def _rights(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    for key, columns in (("licenses", ("license", "documents", "bytes")), ("rights", ("rights", "documents", "bytes"))):
        names = list(books.get(STATISTICS, key) or {})
        rows = tuple(
            (
                Fact(name, (anchor(STATISTICS, key, name),), NAMED),
                books.fact(STATISTICS, key, name, "documents"),
                books.fact(STATISTICS, key, name, "bytes"),
            )
            for name in names
        )
        tables[key] = Table(columns, rows)
    names = list(books.get(STATISTICS, "reservations") or {})
    tables["reservations"] = Table(
        ("reservation", "documents"),
        tuple(
            (Fact(n, (anchor(STATISTICS, "reservations", n),), NAMED), books.fact(STATISTICS, "reservations", n))
            for n in names
        ),
    )
    sealed = books.fact(STATISTICS, "rights", "sealed", "documents")
    none = Fact(0, (anchor(STATISTICS, "rights"),), "no entry")
    facts["sealed"] = sealed if sealed.recorded else none
    policy = {
        key: books.fact(CORPUS, "settings", "corpus", "rights", key)
        for key in ("reserved", "unreadable", "unindexed", "unknown_license")
    }
    facts["tdm_measures"] = sentence("tdm_measures", **policy)
    dropped = [rule for rule in books.get(STATISTICS, "rejected") or {} if rule.split(":")[0] in ("rights", "optout")]
    total = sum(books.get(STATISTICS, "rejected", rule) for rule in dropped)
    where = tuple(anchor(STATISTICS, "rejected", rule) for rule in dropped) or (anchor(STATISTICS, "rejected"),)
    facts["reserved_rejected"] = Fact(total, where, "sum over the rules of rights and of lists of those who opted out")


def _domains(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    crawled = bool(facts["crawled_used"].value)
    listed = books.get(STATISTICS, "domains", "listed") or []
    rows = tuple(
        tuple(books.fact(STATISTICS, "domains", "listed", at, key) for key in ("domain", "documents", "bytes"))
        for at in range(min(len(listed), MOST_DOMAINS_SHOWN))
    )
    tables["domains"] = Table(("domain", "documents", "bytes"), rows)
    if not crawled:
        for key in (
            "domain_rule",
            "crawler_name",
            "crawler_purpose",
            "crawler_behavior",
            "crawl_period",
            "crawled_content",
        ):
            facts[key] = NOT_APPLICABLE
        return
    rule = "domain_rule_sme" if books.get(STATISTICS, "domains", "rule") == "sme" else "domain_rule"
    count = Fact(len(listed), (anchor(STATISTICS, "domains", "listed"),), "its length")
    facts["domain_rule"] = sentence(rule, count=books.fact(STATISTICS, "domains", "count"), listed=count)
    names = books.get(STATISTICS, "origins", "crawled") or []
    ends = []
    for key, choose in (("first", min), ("last", max)):
        dated = [
            (books.get(STATISTICS, "sources", n, key), n) for n in names if books.get(STATISTICS, "sources", n, key)
        ]
        value, name = choose(dated) if dated else (None, "")
        ends.append(Fact(value[:10], (anchor(STATISTICS, "sources", name, key),), "the day") if value else Fact())
    facts["crawl_period"] = sentence("period", first=ends[0], last=ends[1])
    facts["crawled_content"] = sentence(
        "crawled_content",
        documents=_sum(books, names, "documents"),
        bytes=_sum(books, names, "bytes"),
        domains=books.fact(STATISTICS, "domains", "count"),
    )


def _sum(books: Books, names: list[str], key: str) -> Fact:
    there = [name for name in names if books.get(STATISTICS, "sources", name)]
    where = tuple(anchor(STATISTICS, "sources", name, key) for name in there)
    return Fact(sum(books.get(STATISTICS, "sources", name, key) for name in there), where, "sum over the sources")


def _processing(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    rules = books.get(STATISTICS, "rejected") or {}
    tables["rejected"] = Table(
        ("rule", "pages"),
        tuple(
            (Fact(rule, (anchor(STATISTICS, "rejected", rule),), NAMED), books.fact(STATISTICS, "rejected", rule))
            for rule in rules
        ),
    )
    asked = (CORPUS, "settings", "corpus")
    facts["curation"] = sentence(
        "curation", pages=facts["pages"], documents=facts["documents"], profile=books.fact(*asked, "profile"),
        similarity=books.fact(*asked, "duplicates", "similarity"),
    )  # fmt: skip
    facts["split"] = sentence("split", held_out=facts["held_out"], share=books.fact(*asked, "held_out", "share"))
    kinds = books.fact(ANNOTATED, "settings", "annotate", "redact")
    replaced = books.get(STATISTICS, "personal_data_replaced")
    total = (
        Fact(sum(replaced.values()), (anchor(STATISTICS, "personal_data_replaced"),), "sum over the kinds")
        if replaced is not None
        else Fact()
    )
    facts["personal_data"] = sentence("personal_data", kinds=kinds, count=total)
    facts["unsuitable"] = sentence("unsuitable", rejected=facts["rejected"], profile=books.fact(*asked, "profile"))
