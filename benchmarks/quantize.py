"""Whom does calibrating help? A model in few bits, its importance matrix from nothing, from English alone, from text in
the corpus' own proportions, and from all languages in equal shares; the divergence of each language.

    python benchmarks/quantize.py runs/first-light --formats Q4_K_M Q4_0 --workers 2
    python benchmarks/quantize.py runs/first-light --model SmolLM2-135M-Instruct.Q4_1.gguf --formats Q4_0 Q3_K_M

Another model is calibrated and measured on the run's text. One that is quantized already is taken as it is: what its
weights were before is not known, and the loss is that of quantizing again.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.model import final_checkpoint
from openbook.model.gguf import Calibration, Provenance
from openbook.model.gguf_reader import GgufModel
from openbook.quantize import QuantizeSettings, task, texts
from openbook.quantize.artifact import Made
from openbook.quantize.compare import Sample, drawn, figure
from openbook.quantize.importance import combine
from openbook.quantize.original import CheckpointOriginal, GgufOriginal, Original

FEW = 5
"""The languages that lose most, of which the mean is told beside the single worst."""
WAYS = ("none", "english", "proportional", "equal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="whose text calibrates and is measured; its model, if no other is named")
    parser.add_argument("--model", type=Path, help="a GGUF file or a Hugging Face folder of Llama's architecture")
    parser.add_argument("--formats", nargs="+", default=["Q4_K_M", "Q4_0"])
    parser.add_argument("--languages", nargs="+", help="measured and calibrated on; all of the run's if none is named")
    parser.add_argument("--bytes", type=int, default=6_000, help="held-out text of each language")
    parser.add_argument("--tokens", type=int, default=1_024, help="calibration tokens of each language")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    asked = parser.parse_args()
    settings = QuantizeSettings(measured_bytes=asked.bytes, document_bytes=500, calibration_tokens=asked.tokens)
    corpus, parallel = Corpus.open(asked.run / "corpus"), ParallelText.open(asked.run / "parallel")
    # Lines that every file must tokenize alike are what the step checks; here the loss alone is wanted.
    languages = [
        replace(one, checked=())
        for one in texts.of_run(corpus, parallel, settings)
        if one.measured and one.calibrate and one.language in (asked.languages or corpus.languages)
    ]
    shares = {one.language: float(corpus.counts(one.language)["bytes"]) for one in languages}
    # English alone has as many tokens as all languages together: what is compared is whose text, not how much of it.
    much = settings.model_copy(update={"calibration_tokens": asked.tokens * len(languages)})
    english = next(one for one in texts.of_run(corpus, parallel, much) if one.language == "en")
    with tempfile.TemporaryDirectory() as folder:
        original = opened(asked.run, asked.model, Path(folder))
        context = Context(local(asked.workers), progress.quiet(), Path(folder) / "cache")
        found = context.engine.map(partial(task.importance, settings=settings), [(one, original) for one in languages])
        importances = {one.language: of for one, (of, _) in zip(languages, found, strict=True)}
        importances["english"] = next(
            iter(context.engine.map(partial(task.importance, settings=much), [(english, original)]))
        )[0]
        equal = dict.fromkeys(shares, 1.0)
        weights = {"english": {"english": 1.0}, "proportional": shares, "equal": equal}
        made = []
        for kind in asked.formats:
            for way in WAYS:
                path = Path(folder) / f"{kind}-{way}.gguf"
                calibration = None
                if way != "none":
                    chosen = {code: importances[code] for code in weights[way]}
                    calibration = Calibration(combine(chosen, weights[way]), way, len(chosen))
                original.write(path, kind, calibration)
                made.append((kind, way, Made(kind, way != "none", path)))
        measure = partial(task.measure, original=original, files=tuple(file for _, _, file in made), settings=settings)
        rows = list(context.engine.map(measure, languages))
        context.engine.rest()
    samples = {
        (kind, way): {one.language: Sample(one.sums[at], one.counts) for one in rows}
        for at, (kind, way, _) in enumerate(made)
    }
    told = {kind: report(kind, {way: samples[kind, way] for way in WAYS}, settings) for kind in asked.formats}
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1))


def opened(run: Path, model: Path | None, folder: Path) -> Original:
    """The run's model, or another one; the weights of a GGUF file of any type are written to `folder` whole."""
    if model is None:
        return CheckpointOriginal(
            final_checkpoint(run / "model").folder.resolve(), (run / "tokenizer").resolve(), Provenance("x")
        )
    if model.is_dir():
        return CheckpointOriginal(model.resolve(), model.resolve(), Provenance("x"))
    GgufModel(model).write(folder / "whole.gguf", "F16")
    return GgufOriginal(folder / "whole.gguf")


def report(kind: str, ways: Mapping[str, Mapping[str, Sample]], settings: QuantizeSettings) -> dict[str, object]:
    """Print what every way loses and how far equal shares are from it; below zero equal shares lose less."""
    measures = {
        "mean": lambda one: np.mean(one, axis=0),
        "worst": lambda one: np.max(one, axis=0),
        f"worst {FEW}": lambda one: np.mean(np.sort(np.array(one), axis=0)[-FEW:], axis=0),
    }
    values = {way: [sample.value for sample in of.values()] for way, of in ways.items()}
    draws = {way: list(drawn(of, settings).values()) for way, of in ways.items()}
    print(f"{kind}: mean KL divergence, nats x 1000, {len(values['equal'])} languages; equal shares minus each way")
    told: dict[str, object] = {}
    for way, of in ways.items():
        worst = max(of, key=lambda code: of[code].value)
        line, told[way] = f"  {way:13s}", {"languages": {code: one.value for code, one in of.items()}}
        for name, measured in measures.items():
            apart = figure(
                float(measured(values["equal"]) - measured(values[way])),
                measured(draws["equal"]) - measured(draws[way]),
                settings,
            )
            told[way][name] = {"value": float(measured(values[way])), "equal_minus": apart}  # type: ignore[index]
            span = "" if way == "equal" else f" ({apart['low'] * 1e3:+.2f} to {apart['high'] * 1e3:+.2f})"
            line += f"  {name} {measured(values[way]) * 1e3:.2f}{span}"
        print(f"{line}  [{worst}]", flush=True)
    equal = drawn(ways["equal"], settings)
    for way in WAYS[:-1]:
        other = drawn(ways[way], settings)
        apart = {code: np.quantile(equal[code] - other[code], [0.025, 0.975]) for code in equal}
        better = sum(high < 0 for _, high in apart.values())
        poorer = [code for code, (low, _) in apart.items() if low > 0]
        print(f"  equal against {way}: {better} languages surely better, {len(poorer)} surely worse {poorer or ''}")
    return told


if __name__ == "__main__":
    main()
