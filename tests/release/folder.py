"""A release folder as the bundle leaves it before the documents are made: files of a small run, written by hand."""

import json
from pathlib import Path
from typing import Any

from openbook.release import tally
from openbook.release.settings import ReleaseSettings

CODES = ("mt", "ga", "en")
SAID: dict[str, Any] = {
    "license": "Apache-2.0", "version": "1.0", "previous_version": "none", "updated": "2026-11-22", "provider": "A Lab",
    "market_date": "2026-11-23", "contact": "lab@example.org", "representative": "none", "provider_size": "sme",
    "url": "https://example.org/model", "distribution": ["https://example.org"], "intended_use": "Tests | of pipes",
    "acceptable_use": "none", "integration": "any", "limits": "small", "rationale": "to test",
    "bias_measures": "none known",
    "social_impact": "none known", "illegal_content": "lists", "code_of_practice": False, "copyright_policy": "as said",
    "complaints": "rights@example.org", "maintenance": "a year", "comments": "no", "inference_benchmark": "1 GFLOP",
    "crawlers": [{"name": "labbot", "purpose": "text", "behavior": "obeys robots.txt"}],
}  # fmt: skip
"""Everything that a person can say."""


def record(step: str, **facts: Any) -> dict[str, Any]:
    return {
        "step": step, "root": step[0] * 64, "roots": {}, "settings": {}, "counts": {}, "measures": {}, "inputs": {},
        "started": "2026-11-20T10:00:00Z", "seconds": 12.5, "cpu_seconds": 20.0, "files": {},
        "machine": {"processor": "a processor", "architecture": "x86_64", "cores": 2, "memory_bytes": 8_000_000_000},
        "code": {"openbook": "0.1.0", "git": {"commit": "c" * 40, "changed": False}, "python": "3.11.7",
                 "libraries": {"torch": "2.13.0+cpu", "numpy": "2.4.6"}},
    } | facts  # fmt: skip


def write_folder(folder: Path, said: dict[str, Any]) -> Path:
    """`said`: the recipe's [release]."""
    settings = ReleaseSettings.model_validate(said)
    sources = [
        {"name": "crawl", "kind": "warc", "license": None, "paths": ["crawl/*.warc.gz"]},
        {"name": "books", "kind": "debian", "license": "CC-BY-SA-3.0", "packages": ["a-doc"]},
    ]
    domains = {f"site{at}.example": {"documents": 1, "bytes": 1000 - at} for at in range(40)}
    statistics = {
        "licenses": {"CC-BY-SA-3.0": {"documents": 30, "bytes": 9000}, "none": {"documents": 40, "bytes": 39_220}},
        "rights": {"sealed": {"documents": 40, "bytes": 39_220}, "open": {"documents": 30, "bytes": 9000}},
        "reservations": {"header:noindex": 2, "none": 68},
        "personal_data_replaced": {"email": 3},
        "origins": {"crawled": ["crawl"], "public": ["books"]},
        "sources": {
            "books": {"documents": 30, "bytes": 9000, "first": "2024-01-01T00:00:00Z", "last": "2025-02-02T00:00:00Z",
                      "licenses": {"CC-BY-SA-3.0": 30}, "languages": 3},
            "crawl": {"documents": 40, "bytes": 39_220, "first": "2026-01-02T03:04:05Z", "last": "2026-03-04T05:06:07Z",
                      "licenses": {"none": 40}, "languages": 3},
        },
        "domains": tally.listed_domains(domains, settings.provider_size == "sme"),
        "rejected": {"rights:reserved": 4, "gopher:words": 6},
    }  # fmt: skip
    rights = {"reserved": "excluded", "unreadable": "excluded", "unindexed": "open", "unknown_license": "sealed"}
    corpus = {"profile": "web", "duplicates": {"similarity": 0.75}, "rights": rights, "held_out": {"share": 0.02}}
    languages = {code: {"documents": 20 + at, "bytes": 10_000 * (at + 1)} for at, code in enumerate(CODES)}
    bits = {"bits_per_byte": 1.5, "low": 1.4, "high": 1.6, "documents": 4, "baseline": 2.0}
    write(folder / "said.json", {"name": "tiny", "description": "A test.", "release": settings.model_dump(mode="json")})
    write(folder / "corpus/statistics.json", statistics)
    write(folder / "corpus/index.json", {"languages": languages})
    (folder / "corpus/document-ids.txt").write_text("".join(f"{at:064x}\n" for at in range(70)))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 128, "vocab_size": 500,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "head_dim": 32,
    }  # fmt: skip
    write(folder / "model/config.json", config)
    (folder / "model/model.safetensors").write_bytes(b"weights")
    write(folder / "reports/bits.json", {"languages": dict.fromkeys(CODES, bits)})
    write(folder / "reports/parity.json", {"languages": {code: {"relative": 1.1} for code in CODES}})
    figures = {"n": 40, "verbatim": 1, "low": 0.004, "high": 0.129, "longest": 32}
    tried = {group: {"128": figures, "32": figures, "64": figures} for group in ("trained", "held_out")}
    exposures = {str(repeats): {"n": 6, "exposure": 1.5, "low": 0.9, "high": 2.1} for repeats in (1, 16, 4)}
    memory = {"languages": {CODES[0]: tried}, "summary": tried, "canaries": {"repeats": exposures}}
    write(folder / "reports/memorization.json", memory)
    told_apart = {"n": 400, "accuracy": 0.71, "low": 0.664, "high": 0.752}
    write(folder / "reports/pairs.json", {"languages": {CODES[0]: {"all": told_apart, "phenomena": {}}}})
    read = {"tokens": 900, "rows": 80, "times": 8.0, "asked": 40.0, "limit": 8.0, "capped": True}
    readings = [{"name": f"{CODES[0]}/wiki", "language": CODES[0], **read}]
    write(folder / "reports/repeats.json", {"readings": readings, "repeated": 1, "capped": 1})
    lost = {"value": 0.004, "low": 0.003, "high": 0.005}
    summary = {
        "mean": lost,
        "worst": {"language": "mt", **lost},
        "reference": {"language": "en", **lost},
        "same_top": 0.93,
    }
    files = {
        f"model-{kind}.gguf": {"format": kind.upper(), "released_as": f"gguf/model-{kind}.gguf", "bytes": size,
                               "summary": summary}
        for kind, size in (("q4_k_m", 100), ("f16", 400))
    }  # fmt: skip
    write(folder / "reports/loss.json", {"files": files})
    prices = [{"language": code, "bytes_per_token": 3.1, "relative_to_english": 1.2} for code in CODES]
    write(folder / "reports/tokenizer.json", {"prices": prices})
    train = {"seed": 1, "optimizer": "muon", "sequence": 64, "batch_rows": 8, "dtype": "float32", "temperature": 2.0}
    counts = {"pages": 80, "documents": 70, "rejected": 10, "bytes": 48_220, "held_out": 4, "languages": 3}
    records = [
        record("sources", settings={"sources": sources}, counts={"sources": 2, "files": 2, "bytes": 9}),
        record("annotated", settings={"annotate": {"redact": ["email", "iban"]}}),
        record("corpus", settings={"corpus": corpus}, counts=counts, roots={"documents": "d" * 64}),
        record("tokens", counts={"tokens": 15_000}),
        record("model", settings={"train": train}, counts={"steps": 30, "tokens": 15_360, "weights": 90_000},
               measures={"arithmetic": {"device": "x86_64", "processes": 1}}),
        record("evaluation", settings={"evaluate": {"resamples": 100, "confidence": 0.95}},
               counts={"languages": 3, "documents": 12}),
        record("export", settings={"export": {"formats": ["F16"]}}),
    ]  # fmt: skip
    for one in records:
        write(folder / f"records/{one['step']}.json", one)
    return folder


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
