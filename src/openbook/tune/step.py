"""The tuning step: check the data and the template, train, merge, export, hold every language against its base."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.digest import sha256_file
from openbook.books.record import Outcome
from openbook.books.store import atomic_path, write_bytes
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.checkpoint import read_json, write_huggingface, write_json
from openbook.model.export.artifact import file_name
from openbook.model.gguf import Provenance, write_gguf
from openbook.model.gguf_tokenizer import GgufTokenizer
from openbook.tune import adapter, compute, data, examples, loading, served, template, training
from openbook.tune.artifact import ADAPTER, ADAPTER_FILE, FORGETTING, LOG, MODEL, TUNING
from openbook.tune.base import NOT_RECORDED, Base
from openbook.tune.settings import TuneRecipe, reinforcement
from openbook.tune.template import Chat

if TYPE_CHECKING:
    from torch import Tensor

    from openbook.tune.forgetting import Texts

LONGEST = 2048
"""Tokens of an example where the recipe says nothing."""
TOKENIZER, TRAINED = "tokenizer", "trained.json"
"""In the work folder only: the tokenizer with its template, and the mark that training is over."""
CHANGES = ("measured", "lost", "gained", "unsure", "interval")


@dataclass(frozen=True)
class Prepared:
    """The data as a method takes it, checked to the last row."""

    chat: Chat
    sequence: int
    rows: Sequence[Any]
    validation: Sequence[Any]
    facts: dict[str, Any]

    @property
    def usual_length(self) -> int:
        """Tokens of a usual row, for counting what attention computes."""
        return max(1, self.facts["tokens"] // max(1, len(self.rows)))


def prepare(recipe: TuneRecipe, recipe_folder: Path, base: Base, work: Path, context: Context) -> Prepared:
    """Read and check everything that a training would stumble on, before any weight is loaded.

    Raises OpenbookError naming file and line, or the conversation that llama.cpp reads otherwise.
    """
    method = recipe.method
    said = recipe.data
    loading.require_device(method)
    if method.adapter != "none" and method.rank > base.config.dim:
        raise OpenbookError(
            f"method.rank ({method.rank}) is above the width of the base ({base.config.dim}): an adapter would be "
            "larger than what it changes. Usual ranks are 8 to 64."
        )
    if method.kind == "grpo" and isinstance(said.validation, float):
        said = said.model_copy(update={"validation": None})  # answers are drawn: there is no loss to validate
    loaded = data.load(said, method.kind, recipe_folder, method.seed)
    chat = template.prepare(base.folder, recipe.data.template, recipe_folder, work / TOKENIZER)
    sequence = min(method.sequence or LONGEST, base.config.context)
    if method.sequence is not None and method.sequence > base.config.context:
        raise OpenbookError(
            f"method.sequence ({method.sequence}) is longer than the base's context ({base.config.context})."
        )
    rows: Sequence[Any]
    validation: Sequence[Any]
    if method.kind == "sft":
        made = [examples.supervised(part, chat, sequence) for part in (loaded.training, loaded.validation)]
        rows, validation, cut = made[0].rows, made[1].rows, made[0].cut + made[1].cut
        lengths = [len(row.ids) for row in made[0].rows]
        learned = sum(row.learned for row in made[0].rows)
    elif method.kind == "dpo":
        pairs = [examples.preferences(part, chat, sequence) for part in (loaded.training, loaded.validation)]
        rows, validation, cut = pairs[0][0], pairs[1][0], pairs[0][1] + pairs[1][1]
        lengths = [len(row.prompt) + len(answer) for row in pairs[0][0] for answer in (row.chosen, row.rejected)]
        learned = sum(len(row.chosen) + len(row.rejected) for row in pairs[0][0])
    else:
        rows, validation = [_asked(one) for one in loaded.training], [_asked(one) for one in loaded.validation]
        lengths = [len(chat.ids(chat.render(row["prompt"], answer=True))) for row in rows]
        cut = learned = 0
    _require_exportable(recipe, base, chat)
    talks = any(one.messages or not isinstance(one.prompt, str | None) for one in loaded.training)
    calls = any(one.tools for one in loaded.training)
    agreement = served.check(chat, base.config, calls) if talks else served.Agreement((), (), "no conversations")
    facts = {
        "description": said.description or NOT_RECORDED,
        "license": said.license or NOT_RECORDED,
        "files": [
            {"sha256": sha256_file(path), "bytes": path.stat().st_size} for path in data.files(said, recipe_folder)
        ],
        "examples": len(loaded.training),
        "validation": len(loaded.validation),
        "left_out": loaded.left_out,
        "rows": len(rows),
        "cut": cut,
        "tokens": sum(lengths),
        "learned_tokens": learned,
        "sequence": sequence,
        "template": asdict(agreement),
    }
    say(facts, context)
    return Prepared(chat, sequence, rows, validation, facts)


def _require_exportable(recipe: TuneRecipe, base: Base, chat: Chat) -> None:
    """Raises OpenbookError when GGUF files are asked for that could not be written after hours of training."""
    if not recipe.export.formats:
        return
    try:
        GgufTokenizer.read(chat.folder, base.config.vocabulary, base.config.bos, base.config.eos[0])
    except OpenbookError as error:
        raise OpenbookError(f"export.formats: {error} Leave the formats empty ([]) to do without GGUF.") from None


def _asked(one: Any) -> dict[str, Any]:
    """A row for GRPO: the prompt as messages, and the columns that rewards read."""
    return {"prompt": list(one.prompt), "place": one.place, **one.other}


def say(facts: Mapping[str, Any], context: Context) -> None:
    """What the data is, in two lines."""
    share = f", {facts['learned_tokens'] / facts['tokens']:.0%} of them learned" if facts["learned_tokens"] else ""
    context.progress.say(
        f"{facts['examples']:,} examples and {facts['validation']:,} for validation: {facts['tokens']:,} tokens{share}"
    )
    if facts["left_out"]:
        context.progress.say(f"{facts['left_out']:,} judged completions teach nothing by this method and are left out")
    if facts["cut"]:
        context.progress.say(f"{facts['cut']:,} are longer than {facts['sequence']:,} tokens; their ends are left out")
    told = facts["template"]
    if told["compared"]:
        context.progress.say(f"template: transformers and llama.cpp agree on {len(told['compared'])} conversations")
    elif told["reason"] != "no conversations":
        context.progress.say(f"template: not compared with llama.cpp, since {told['reason']}")


def run(
    recipe: TuneRecipe,
    recipe_folder: Path,
    base: Base,
    texts: "Texts",
    work: Path,
    context: Context,
) -> Outcome:
    """`texts`: those that are measured before and after; of no language where nothing is to be measured.

    Raises OpenbookError when a language became worse that the recipe does not accept; what was trained is kept, and
    the same recipe with that language accepted goes on from it.
    """
    loading.require()
    loading.stay_here()
    ready = prepare(recipe, recipe_folder, base, work, context)
    context.progress.say(f"languages are measured on {texts.source}")
    before = _measured(base.folder, texts.languages, work / "before.json", context)
    if not (work / TRAINED).exists():
        _train(recipe, base, ready, work, context)
    trained = read_json(work / TRAINED)
    after = _measured(work / MODEL, texts.languages, work / "after.json", context)
    languages = held(before, after) | {"source": texts.source}
    write_json(work / FORGETTING, languages)
    require_held(languages, recipe.forgetting.accepted)
    _export(recipe, base, work)
    write_json(work / TUNING, trained["facts"] | {"languages": {name: languages[name] for name in CHANGES}})
    for name in (training.CHECKPOINTS, TOKENIZER, TRAINED, "before.json", "after.json"):
        path = work / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    accepted = {"accepted": sorted(recipe.forgetting.accepted)} if recipe.forgetting.accepted else {}
    return Outcome(counts=trained["counts"], measures=trained["measures"] | accepted)


def _train(recipe: TuneRecipe, base: Base, ready: Prepared, work: Path, context: Context) -> None:
    """Leaves adapter, whole model, log, and what is known of them, the last as the mark that all of it is there."""
    method = recipe.method
    model = adapter.wrapped(loading.model(base.folder, method), method)
    rows, validation = ready.rows, ready.validation
    if method.kind == "sft":
        from openbook.tune import sft

        found = sft.train(model, ready.chat, rows, validation, method, ready.sequence, work, context)
    elif method.kind == "dpo":
        from openbook.tune import preference

        again = partial(loading.model, base.folder, method)
        found = preference.train(model, again, ready.chat, rows, validation, method, work, context)
    else:
        found = _reinforce(recipe, model, ready, work, context)
    folder = None
    if method.adapter != "none":
        folder = work / ADAPTER
        adapter.save(model, folder, base.name)
        del model
        model = loading.unchanged(base.folder)
    _write_model(adapter.merged(model, folder), base, ready.chat, work / MODEL)
    log = [json.dumps(row) for row in found["log"]]
    write_bytes(work / LOG, ("\n".join(log) + "\n").encode())
    tokens = int(found["tokens"])
    own = compute.flops(base.config, method, tokens, ready.usual_length)
    facts = {
        "base": base.facts,
        "name": recipe.name,
        "description": recipe.description or NOT_RECORDED,
        "license": recipe.license or NOT_RECORDED,
        "provider": recipe.provider or NOT_RECORDED,
        "method": method.model_dump(mode="json"),
        "data": ready.facts,
        "compute": compute.share(own, base.training_flops) | {"tokens": tokens},
    }
    counts = {
        "steps": found["steps"],
        "tokens": tokens,
        "examples": ready.facts["examples"],
        "rows": found.get("rows", len(rows)),
    }
    last = {name: row[name] for row in found["log"] for name in ("loss", "eval_loss") if name in row}
    measures = {name: found[name] for name in ("seconds", "estimated_seconds", "from_step") if name in found}
    import torch

    write_json(
        work / TRAINED,
        {"facts": facts, "counts": counts | last, "measures": measures | {"threads": torch.get_num_threads()}},
    )


def _reinforce(recipe: TuneRecipe, model: Any, ready: Prepared, work: Path, context: Context) -> dict[str, Any]:
    """GRPO. The trainer's log, steps and tokens."""
    from openbook.tune.reinforce import reinforce

    found: dict[str, Any] = reinforce(model, ready.chat.tokenizer, ready.rows, reinforcement(recipe), work, context)
    return found


def _write_model(tensors: "dict[str, Tensor]", base: Base, chat: Chat, folder: Path) -> None:
    """The whole tuned model; its answers also end where the template ends a turn."""
    config = replace(base.config, eos=tuple(dict.fromkeys((*base.config.eos, *chat.stops))))
    with atomic_path(folder) as temporary:
        write_huggingface(temporary, tensors, config, chat.folder)


def _measured(folder: Path, texts: Mapping[str, Sequence[str]], kept: Path, context: Context) -> dict[str, Any]:
    """The per-language table of a model, from an earlier, stopped run of the step where it is there."""
    if not texts:
        return {}
    if not kept.exists():
        from openbook.tune import forgetting

        context.progress.say(f"measuring {len(texts)} languages {kept.stem} the tuning")
        write_json(kept, forgetting.table(folder, None, texts, context))
    found: dict[str, Any] = read_json(kept)
    return found


def held(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Both tables, and which languages the model lost and gained by them."""
    if not before:
        return dict.fromkeys(("before", "after"), before) | dict.fromkeys(CHANGES, NOT_RECORDED)
    from openbook.tune import forgetting

    found = forgetting.changes(before, after)
    changes = {"measured": sorted(before)} | {name: found[name] for name in CHANGES if name in found}
    return {"before": before, "after": after, "changes": found["languages"], **changes}


def require_held(languages: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """Raises OpenbookError for languages that became worse and are not accepted by name."""
    if languages["measured"] == NOT_RECORDED:
        return
    from openbook.tune import forgetting

    problems = forgetting.gate(languages["before"], languages["after"], list(accepted))
    if problems:
        raise OpenbookError(
            "the tuned model forgets: " + "; ".join(problems) + ". Train less, mix in text of these languages, or "
            "accept them by name ([forgetting] accepted); what was trained is kept until then."
        )


def _export(recipe: TuneRecipe, base: Base, work: Path) -> None:
    """GGUF files: the adapter's beside the base's, and the whole model in the formats that the recipe names."""
    languages: tuple[str, ...] = ()
    link = base.facts["link"]
    bases = ((base.name, link if link != NOT_RECORDED else f"sha256:{base.digest}"),)
    told = Provenance(recipe.name, recipe.license, languages, (), bases)
    if recipe.method.adapter in ("lora", "qlora") and not (work / ADAPTER_FILE).exists():
        adapter.write_gguf(work / ADAPTER, base.config.heads, base.config.kv_heads, work / ADAPTER_FILE, recipe.name)
    model = Checkpoint.open(work / MODEL)
    for kind in recipe.export.formats:
        path = work / file_name(kind)
        if not path.exists():
            write_gguf(model, path, kind, told)
