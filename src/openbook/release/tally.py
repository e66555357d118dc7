"""What the corpus' documents add up to: licenses, rights, reservations, dates, domains and sources, counted for the
release, whose documents cite it as corpus/statistics.json."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openbook.corpus import Corpus
from openbook.corpus.funnel import Funnel
from openbook.release.settings import Origin, ReleaseSettings

FILE = "corpus/statistics.json"
NONE = "none"
"""Stands for documents without a license or a reservation."""
BY_KIND: dict[str, Origin] = {
    "debian": "public", "common-crawl": "public", "hugging-face": "public", "warc": "crawled",
}  # fmt: skip
"""Kind of a source -> origin of its content where the recipe does not say; everything else is `other`."""


def origins(settings: ReleaseSettings, sources: list[dict[str, Any]]) -> dict[str, Origin]:
    """Source -> origin of its content, in the order of the recipe."""
    return {
        one["name"]: settings.origins.get(one["name"], BY_KIND.get(one["kind"], "other")) for one in sources
    }  # fmt: skip


def statistics(corpus: Corpus, settings: ReleaseSettings, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of corpus/statistics.json. Documents are those kept, held-out ones included; bytes are UTF-8."""
    where = origins(settings, sources)
    groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    by_source: dict[str, dict[str, Any]] = {}
    reservations: Counter[str] = Counter()
    personal: Counter[str] = Counter()
    domains: dict[str, Counter[str]] = defaultdict(Counter)
    for language in corpus.languages:
        for row in _rows(corpus, language):
            size, source, license = row["bytes"], row["source"], row["license"] or NONE
            for group, name in (("licenses", license), ("rights", row["rights"])):
                groups[group][name] += Counter(documents=1, bytes=size)
            entry = by_source.setdefault(source, {"documents": 0, "bytes": 0, "dates": set(), "languages": set()})
            entry["documents"] += 1
            entry["bytes"] += size
            entry["languages"].add(language)
            entry.setdefault("licenses", Counter())[license] += 1
            if row["date"]:
                entry["dates"] |= {row["date"]}
                entry["dates"] = {min(entry["dates"]), max(entry["dates"])}
            reservations.update(row["reservations"] or [NONE])
            personal.update({kind: count for kind, count in (row["pii"] or {}).items() if count})
            if where.get(source) == "crawled":
                domains[host(row["url"])] += Counter(documents=1, bytes=size)
    return {
        "licenses": _sorted(groups["licenses"]),
        "rights": _sorted(groups["rights"]),
        "reservations": dict(sorted(reservations.items())),
        "personal_data_replaced": dict(sorted(personal.items())),
        "origins": {kind: [name for name in where if where[name] == kind] for kind in sorted({*where.values()})},
        "sources": {name: _source(entry) for name, entry in sorted(by_source.items())},
        "domains": listed_domains(domains, settings.provider_size == "sme"),
        "rejected": _rejected(corpus),
    }


def _rows(corpus: Corpus, language: str) -> Any:
    """One row a document, without its text."""
    names = ["text", "url", "source", "record", "license", "reservations", "rights", "pii"]
    for row in corpus.documents(language, split=None, columns=names):
        yield {**row, "bytes": len(row["text"].encode()), "date": (row["record"] or {}).get("date"), "text": None}


def host(url: str | None) -> str:
    """Host of an address in lower case, without `www.`; what the address begins with where it has none."""
    parts = urlsplit(url or "")
    return (parts.hostname or parts.scheme or "unknown").removeprefix("www.")


def listed_domains(domains: Mapping[str, Mapping[str, int]], small: bool) -> dict[str, Any]:
    """The domains that the public summary must name: the top tenth by content, at least one; of a small or medium-sized
    provider 5 % or 1,000, whichever is lower (template of the AI Office, section 2.3)."""
    order = sorted(domains, key=lambda name: (-domains[name]["bytes"], name))
    count = min(-(-len(order) // 20), 1000) if small else -(-len(order) // 10)
    return {
        "count": len(order),
        "bytes": sum(entry["bytes"] for entry in domains.values()),
        "rule": "sme" if small else "general",
        "listed": [{"domain": name, **dict(sorted(domains[name].items()))} for name in order[:count]],
    }


def _sorted(groups: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    order = sorted(groups, key=lambda name: (-groups[name]["bytes"], name))
    return {name: dict(sorted(groups[name].items())) for name in order}


def _source(entry: dict[str, Any]) -> dict[str, Any]:
    dates = sorted(entry["dates"])
    return {
        "documents": entry["documents"],
        "bytes": entry["bytes"],
        "languages": len(entry["languages"]),
        "licenses": dict(sorted(entry["licenses"].items())),
        "first": dates[0] if dates else None,
        "last": dates[-1] if dates else None,
    }


def _rejected(corpus: Corpus) -> dict[str, int]:
    path: Path = corpus.folder / "funnel.json"
    return dict(Funnel.read(path.read_bytes()).total().rejected) if path.is_file() else {}
