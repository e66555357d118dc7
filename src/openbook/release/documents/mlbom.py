"""The release as a CycloneDX 1.6 machine-learning bill of materials: model, sources of data, libraries."""

import uuid
from pathlib import Path
from typing import Any

from openbook.books.digest import sha256_file
from openbook.release.documents.companions import said
from openbook.release.fact import Fact
from openbook.release.facts import Facts

WEIGHTS = "model/model.safetensors"


def mlbom(release: Path, facts: Facts) -> dict[str, Any]:
    """The content of mlbom.cdx.json, with facts in the place of values. No clock: its serial number is made of the
    roots of model and corpus."""
    known = facts.facts
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"openbook:{known['model_root'].value}:{known['corpus_root'].value}")
    sources = facts.tables["sources"].rows
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": known["name"],
        "version": known["version"],
        "description": known["description"],
        "licenses": _licenses(known["license"]),
        "hashes": [{"alg": "SHA-256", "content": sha256_file(release / WEIGHTS)}]
        if (release / WEIGHTS).exists()
        else [],
        "modelCard": {
            "bom-ref": "model-card",
            "modelParameters": {
                "task": "text-generation",
                "architectureFamily": "transformer",
                "modelArchitecture": known["architecture"],
                "approach": {"type": "self-supervised"},
                "datasets": [{"ref": f"data-{at}"} for at in range(len(sources))],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "text"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": _metrics(facts)},
            "considerations": {
                "useCases": _said(known["intended_use"]),
                "technicalLimitations": [*_said(known["limits"]), *_said(known["thin_languages"])],
                "environmentalConsiderations": {"properties": _properties(facts, ("energy", "energy_method", "flops"))},
            },
        },
        "properties": _properties(
            facts, ("parameters", "tokens_seen", "steps", "documents", "corpus_root", "model_root", "commit", "changed")
        ),
    }
    if known["provider"].recorded:
        model["publisher"] = known["provider"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": model},
        "components": [*(_source(at, row) for at, row in enumerate(sources)), *_libraries(facts)],
    }


def _licenses(fact: Fact) -> list[dict[str, Any]]:
    """One expression, or the names of several; a name where it is no SPDX id."""
    if isinstance(fact.value, tuple):
        return [{"license": {"name": one}} for one in fact.value]
    return [{"license": {"name": fact}}] if fact.recorded else []


def _source(at: int, row: tuple[Fact, ...]) -> dict[str, Any]:
    name, kind, _, license, documents, size, first, last = row
    properties = (("kind", kind), ("documents", documents), ("bytes", size), ("first", first), ("last", last))
    return {
        "type": "data",
        "bom-ref": f"data-{at}",
        "name": name,
        "licenses": _licenses(license),
        "data": [
            {"type": "dataset", "name": name, "contents": {"properties": [_property(k, f) for k, f in properties]}}
        ],
    }


def _libraries(facts: Facts) -> list[dict[str, Any]]:
    return [
        {
            "type": "library",
            "bom-ref": f"library-{name.value}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{str(name.value).replace('_', '-')}@{str(version.value).replace('+', '%2B')}",
        }
        for name, version in facts.tables["libraries"].rows
    ]


def _metrics(facts: Facts) -> list[dict[str, Any]]:
    metrics = []
    for row in facts.tables["evaluation"].rows:
        language, bits, low, high = row[0], row[5], row[6], row[7]
        if bits.recorded:
            metric: dict[str, Any] = {"type": "bits per byte", "value": _text(bits), "slice": language}
            if low.recorded and high.recorded:
                metric["confidenceInterval"] = {"lowerBound": _text(low), "upperBound": _text(high)}
            metrics.append(metric)
    return metrics


def _said(fact: Fact) -> list[Any]:
    return [_text(said(fact))] if said(fact).value else []


def _text(fact: Fact) -> Fact:
    """CycloneDX writes figures as strings."""
    value = ", ".join(fact.value) if isinstance(fact.value, tuple) else fact.value
    shown = str(value).lower() if isinstance(value, bool) else "not recorded" if value is None else str(value)
    return Fact(shown, fact.anchors, fact.method)


def _property(name: str, fact: Fact) -> dict[str, Any]:
    return {"name": f"openbook:{name}", "value": _text(said(fact))}


def _properties(facts: Facts, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_property(key, facts.facts[key]) for key in keys]
