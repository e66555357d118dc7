"""What has a tuning cost each language? Bits per byte of the same texts before and after, and the gate over them.

The interval is of the difference, drawn over the texts in pairs: it is far narrower than the two models' own intervals,
so a small loss is seen that comparing those would hide.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from openbook.context import Context
from openbook.corpus import Corpus, parallel
from openbook.errors import OpenbookError
from openbook.evaluate.bits import kept
from openbook.evaluate.compare import CONFIDENCE, RESAMPLES, Difference, difference
from openbook.evaluate.scorer import ModelSource, model_source, open_scorer
from openbook.evaluate.settings import EvaluateSettings
from openbook.evaluate.task import Scores, score_language
from openbook.evaluate.texts import LanguageTexts, beginning
from openbook.evaluate.texts import held_out as documents
from openbook.languages import LANGUAGES, language

BYTES = 12_000
"""Of each language, where nothing else is said."""
SEED = 1
"""Of the resampling behind the intervals."""
SHIPPED = (
    "the parallel text that the program brings: a dozen sentences a language, the same in all of them; they tell a "
    "large loss from none and not a small one, so name a run with held-out text, or files, for more"
)
INTERVAL = (
    f"{CONFIDENCE:.0%} of the difference, bootstrap over texts in pairs, {RESAMPLES:,} samples. Of the languages that "
    f"did not change, about one in {2 / (1 - CONFIDENCE):.0f} seems to be worse by chance."
)


@dataclass(frozen=True)
class Texts:
    """What a table is measured on."""

    languages: Mapping[str, Sequence[str]]
    source: str
    """Where the texts come from: a clause for the record."""

    def only(self, codes: Sequence[str] | None) -> "Texts":
        """Raises OpenbookError for a language that there is no text of."""
        if codes is None:
            return self
        asked = sorted({language(code).code for code in codes})
        lacking = [code for code in asked if code not in self.languages]
        if lacking:
            raise OpenbookError(
                f"forgetting cannot be measured in {', '.join(lacking)}: no text of it among {self.source}."
            )
        return replace(self, languages={code: self.languages[code] for code in asked})


def held_out(run: Path, most: int = BYTES) -> Texts:
    """Documents of a run's corpus that were kept out of its training, `most` bytes of each language.

    Raises OpenbookError when the run holds no corpus, or one that keeps nothing out.
    """
    corpus = Corpus.open(run / "corpus")
    settings = EvaluateSettings(held_out_bytes=max(most, 1000))
    found = {code: documents(corpus, code, settings)[1] for code in sorted(corpus.languages)}
    if not any(found.values()):
        raise OpenbookError(f"the corpus of {run} keeps no document out of training: nothing to measure on.")
    held = {code: texts for code, texts in found.items() if texts}
    return Texts(held, f"the held-out documents of {run.resolve().name}")


def shipped(most: int = BYTES) -> Texts:
    """The text that the package brings, in every language of the table that has it; each line is a text."""
    return Texts({code: _first(lines, most) for code, lines in sorted(parallel.own_texts().items())}, SHIPPED)


def named(files: Mapping[str, Path], most: int = BYTES) -> Texts:
    """Files of the recipe, by language: plain text whose paragraphs are the texts, or JSON lines with `text`.

    Raises OpenbookError for a file that cannot be read or holds fewer than two texts.
    """
    if not files:
        raise OpenbookError("no files are named to measure forgetting on.")
    found = {}
    for code, path in sorted(files.items()):
        texts = found[language(code).code] = _first(_read(path), most)
        if len(texts) < 2:
            raise OpenbookError(f"{path} holds fewer than two texts: no interval can be drawn from it.")
    return Texts(found, f"the files {', '.join(path.name for _, path in sorted(files.items()))}")


def _read(path: Path) -> list[str]:
    try:
        content = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            return [str(json.loads(line)["text"]) for line in content.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise OpenbookError(f"{path} cannot be read: {error}.") from None
    except (ValueError, KeyError, TypeError):
        raise OpenbookError(f'{path}: every line must be a JSON object with "text".') from None
    return [part.strip() for part in content.split("\n\n") if part.strip()]


def _first(texts: Sequence[str], most: int) -> list[str]:
    taken: list[str] = []
    for text in texts:
        if sum(len(one.encode()) for one in taken) >= most:
            break
        taken.append(beginning(text, EvaluateSettings().document_bytes))
    return taken


def table(
    model: Path,
    tokenizer: Path | None,
    texts: Mapping[str, Sequence[str]],
    context: Context | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Language -> {"bits_per_byte", "documents": [{"id", "bytes", "tokens", "nats"}], "method"}, as JSON values.

    `model`: a checkpoint, a Hugging Face folder or a GGUF file; `tokenizer`: a folder of ours, the model's own where
    None. `context` lends workers; without it one language is scored after the other.
    """
    source = model_source(model, threads)
    if tokenizer is not None and source.kind == "openbook":
        source = replace(source, tokenizer=tokenizer)
    asked = [_asked(code, own) for code, own in sorted(texts.items()) if own]
    try:
        if context is None:
            found = [_scored(one, source) for one in asked]
        else:
            with context.progress.task("Languages", total=len(asked), unit="languages") as bar:
                score = partial(_scored, source=source)
                found = list(context.engine.map(score, asked, done=lambda _: bar.advance()))
    finally:
        open_scorer.cache_clear()
    return {one.language: row for one, row in zip(asked, found, strict=True)}


def _asked(code: str, texts: Sequence[str]) -> LanguageTexts:
    return LanguageTexts(code, tuple(f"{code}-{at:05}" for at in range(len(texts))), tuple(texts), (), False)


def _scored(texts: LanguageTexts, source: ModelSource) -> dict[str, Any]:
    """A worker's task."""
    found = score_language(texts, source, EvaluateSettings().overlap)
    bits = kept(Scores.of(found["documents"]).bits_per_byte)
    return {"bits_per_byte": bits, "documents": found["documents"], "method": found["method"]}


def change(code: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Bits per byte after minus before of one language, from the tables of both models.

    Raises OpenbookError when they were not measured on the same texts.
    """
    if code not in after:
        raise OpenbookError(f"{code} was measured before the tuning and not after it.")
    found = difference(code, "tuned", before[code], after[code], SEED)
    if found.verdict == "other texts":
        raise OpenbookError(f"{code} was measured on other texts after the tuning than before it.")
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any], accepted: Sequence[str] = ()) -> dict[str, Any]:
    """{"languages": {code: row}, "lost", "gained", "unsure", "accepted", "interval"} for the record and for pages.

    A row: bits per byte `before` and `after`, their `change` with `low` and `high`, `verdict`, `documents`, `bytes`.
    `unsure`: languages of a single text, where no interval can be drawn.
    """
    rows = {}
    for code in sorted(before):
        one = change(code, before, after)
        rows[code] = {
            "before": before[code]["bits_per_byte"],
            "after": after[code]["bits_per_byte"],
            "change": one.value,
            "low": one.low,
            "high": one.high,
            "verdict": one.verdict,
            "documents": len(before[code]["documents"]),
            "bytes": sum(row["bytes"] for row in before[code]["documents"]),
        }
    return {
        "languages": rows,
        "lost": [code for code, row in rows.items() if row["verdict"] == "worse"],
        "gained": [code for code, row in rows.items() if row["verdict"] == "better"],
        "unsure": [code for code, row in rows.items() if row["low"] is None],
        "accepted": sorted({language(code).code for code in accepted}),
        "interval": INTERVAL,
    }


def gate(before: Mapping[str, Any], after: Mapping[str, Any], accepted: Sequence[str] = ()) -> list[str]:
    """A sentence for every language that fell beyond its interval and is not accepted by name; none: the gate holds.

    `before` and `after`: what `table` gives of either model. Raises OpenbookError for a code that is not in the table
    of languages, and for tables of other texts.
    """
    allowed = {language(code).code for code in accepted}
    found = [change(code, before, after) for code in sorted(before) if code not in allowed]
    return [_loss(one, before, after) for one in found if one.verdict == "worse"]


def _loss(one: Difference, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    code = one.language
    name = LANGUAGES[code].name if code in LANGUAGES else code
    bits = [found[code]["bits_per_byte"] for found in (before, after)]
    return (
        f"{code} ({name}) went from {bits[0]:.4f} to {bits[1]:.4f} bits per byte, "
        f"{one.value:+.4f} [{one.low:+.4f} to {one.high:+.4f}]"
    )
