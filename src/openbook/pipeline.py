"""How a recipe becomes a run: which steps there are, and running those that are out of date.

The only file that knows every stage.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openbook import corpus, evaluate, provenance, quantize, release, tokenizer, trace, train
from openbook.books import store
from openbook.books.record import Outcome, Record
from openbook.context import Context
from openbook.corpus import Annotated, Corpus, outside, parallel, sources
from openbook.corpus.samples import listing
from openbook.errors import OpenbookError
from openbook.evaluate import references
from openbook.evaluate.pairs import Pair, collect
from openbook.model import export, final_checkpoint
from openbook.origins import resolve
from openbook.recipe import Recipe
from openbook.step import Folders, State, Step, beside, difference, dump, execute, read_step
from openbook.tokenizer import TokenizedCorpus, Tokenizer, TokenizeSettings

STEPS = (
    "sources", "parallel", "annotated", "corpus", "tokenizer", "tokens", "model", "evaluation", "export", "quantized",
    "release", "trace",
)  # fmt: skip
"""The steps of a run in the order of the flow; each one's artifact is the folder of its name."""


def steps(recipe: Recipe, base: Path) -> list[Step]:
    """The steps of a recipe, in the order of the flow. `base` is the folder that its paths are relative to."""
    languages = list(recipe.languages)
    wanted = recipe.corpus.model_copy(update={"languages": tuple(languages)})
    beside_sources = corpus.corpus_files(recipe.corpus, base)
    annotate = corpus.located(recipe.annotate, base)
    origins = resolve(recipe, base)
    exported = provenance.told(recipe)

    def step(
        name: str,
        version: int,
        settings: Mapping[str, Any],
        inputs: Sequence[str],
        run: Callable[[Folders, Path, Context], Outcome],
        evidence: Mapping[str, str] | None = None,
        outside: Sequence[Path] = (),
    ) -> Step:
        asked = {key: dump(value) for key, value in settings.items()}
        return Step(name, version, asked, tuple(inputs), run, evidence or {}, tuple(outside))

    return [
        step(
            "sources",
            sources.VERSION,
            {"sources": recipe.sources},
            [],
            lambda f, work, context: sources.run(recipe.sources, work, context, base=base),
            {"files on this machine": sources.listing(recipe.sources, base)},
            sources.local_files(recipe.sources, base),
        ),
        step(
            "parallel",
            parallel.VERSION,
            {"parallel": recipe.parallel},
            [],
            lambda f, work, context: parallel.run(recipe.parallel, work, context),
        ),
        step(
            "annotated",
            corpus.ANNOTATE_VERSION,
            {"annotate": corpus.named(annotate)},
            ["sources"],
            lambda f, work, context: corpus.run_annotate(annotate, sources.Sources.open(f["sources"]), work, context),
        ),
        step(
            "corpus",
            corpus.VERSION,
            {"corpus": wanted},
            ["annotated", "parallel"],
            lambda f, work, context: corpus.run_corpus(
                wanted, Annotated.open(f["annotated"]), work, context, base, parallel.ParallelText.open(f["parallel"])
            ),
            outside.evidence(wanted, base)
            | ({"files beside the sources": listing(beside_sources, base)} if beside_sources else {}),
            [*beside_sources, *outside.local_files(wanted, base)],
        ),
        step(
            "tokenizer",
            tokenizer.VERSION,
            {"tokenizer": origins.tokenizer},
            ["corpus", "parallel"],
            lambda f, work, context: tokenizer.run(
                origins.tokenizer,
                Corpus.open(f["corpus"]),
                parallel.ParallelText.open(f["parallel"]),
                work,
                context,
                origins.tokenizer_folder,
            ),
        ),
        step(
            "tokens",
            tokenizer.TOKENIZE_VERSION,
            {},
            ["corpus", "tokenizer"],
            lambda f, work, context: tokenizer.tokenize(
                TokenizeSettings(), Corpus.open(f["corpus"]), Tokenizer.open(f["tokenizer"]), work, context
            ),
        ),
        step(
            "model",
            train.VERSION,
            origins.settings(),
            ["tokens", "tokenizer"],
            lambda f, work, context: train.run(
                origins.model,
                origins.train,
                Tokenizer.open(f["tokenizer"]),
                TokenizedCorpus.open(f["tokens"]),
                work,
                context,
                origins.initial.folder if origins.initial else None,
            ),
        ),
        evaluation_step(recipe.evaluate, recipe.train, base),
        export_step(exported),
        quantized_step(recipe.quantize, exported),
        release_step(recipe.release, recipe.name, recipe.description),
        step(
            "trace",
            trace.VERSION,
            {"trace": recipe.trace},
            ["corpus", "tokens"],
            lambda f, work, context: trace.run(
                recipe.trace, Corpus.open(f["corpus"]), TokenizedCorpus.open(f["tokens"]), work, context
            ),
        ),
    ]


def evaluation_step(
    settings: evaluate.EvaluateSettings,
    trained: train.TrainSettings,
    base: Path,
    pairs: Mapping[str, Sequence[Pair]] | None = None,
) -> Step:
    """Held against the pairs and the earlier model that `settings` name, relative to `base`, or against `pairs`."""
    return Step(
        "evaluation",
        evaluate.VERSION,
        {"evaluate": dump(references.named(settings, base))},
        ("model", "tokenizer", "tokens", "corpus", "parallel"),
        lambda f, work, context: evaluate.run(
            settings,
            final_checkpoint(f["model"]),
            Tokenizer.open(f["tokenizer"]),
            Corpus.open(f["corpus"]),
            parallel.ParallelText.open(f["parallel"]),
            work,
            context,
            evaluate.Trained(trained, TokenizedCorpus.open(f["tokens"])),
            collect(settings.pairs, base) if pairs is None else pairs,
            base / settings.gates.earlier.model if settings.gates.earlier else None,
        ),
        references.evidence(settings, base),
        tuple(references.pair_files(settings, base)),
    )


def export_step(settings: export.ExportSettings) -> Step:
    return Step(
        "export",
        export.VERSION,
        {"export": dump(settings)},
        ("model", "tokenizer", "corpus", "parallel"),
        lambda f, work, context: export.run(
            settings,
            final_checkpoint(f["model"]),
            Tokenizer.open(f["tokenizer"]),
            parallel.ParallelText.open(f["parallel"]),
            work,
            context,
            settings.provenance(Corpus.open(f["corpus"]).languages),
        ),
        {},
    )


def quantized_step(settings: quantize.QuantizeSettings, exported: export.ExportSettings) -> Step:
    return Step(
        "quantized",
        quantize.VERSION,
        {"quantize": dump(settings), "export": dump(exported)},
        ("model", "tokenizer", "corpus", "parallel", "export"),
        lambda f, work, context: quantize.run(
            settings,
            final_checkpoint(f["model"]),
            Tokenizer.open(f["tokenizer"]),
            Corpus.open(f["corpus"]),
            parallel.ParallelText.open(f["parallel"]),
            export.Export.open(f["export"]),
            work,
            context,
            exported.provenance(Corpus.open(f["corpus"]).languages),
        ),
        {},
    )


def release_step(
    said: release.ReleaseSettings, name: str, description: str, evidence: Mapping[str, str] | None = None
) -> Step:
    return Step(
        release.STEP,
        release.VERSION,
        {"release": dump(said), "name": name, "description": description},
        STEPS[: STEPS.index(release.STEP)],
        lambda f, work, context: release.run(said, name, description, f, work, context),
        evidence or {},
        handed_on=True,
    )


def release_again(run_folder: Path, context: Context, recipe: Recipe | None = None) -> Record:
    """Build the release of a finished run anew, with what `recipe` says, or what its last release was told.

    Raises OpenbookError when a step before it is missing, or when there is neither recipe nor release.
    """
    with store.lock(run_folder):
        if recipe:
            step = release_step(recipe.release, recipe.name, recipe.description)
        elif beside(run_folder / release.STEP).exists():
            told = read_step(run_folder / release.STEP).settings
            said = release.ReleaseSettings.model_validate(told["release"])
            step = release_step(said, told["name"], told["description"])
        else:
            raise OpenbookError(f"{run_folder} has no release yet: name its recipe with --recipe.")
        store.recover(run_folder / step.name)
        return execute(step, run_folder, context)


def with_removals(recipe: Recipe, run_folder: Path) -> Recipe:
    """The recipe, with what the run's books of removals leave out. Raises OpenbookError when those were changed."""
    from openbook.release import removal

    left_out = removal.optouts(run_folder)
    joined = recipe.corpus.model_copy(update={"optouts": recipe.corpus.optouts.joined(left_out)})
    return recipe.model_copy(update={"corpus": joined})


def run(recipe: Recipe, base: Path, run_folder: Path, context: Context, until: str | None = None) -> list[State]:
    """Run what is out of date. A run that is stopped goes on from its last finished piece when it is called again."""
    with store.lock(run_folder):
        todo = steps(with_removals(recipe, run_folder), base)
        if until is not None and until not in STEPS:
            raise OpenbookError(f"there is no step {until!r}; the steps are {', '.join(STEPS)}.")
        todo = todo[: STEPS.index(until) + 1] if until else todo
        states = []
        for step in todo:
            store.recover(run_folder / step.name)
            state = State(step, tuple(difference(step, run_folder)))
            states.append(state)
            if state.reasons:
                context.progress.say(f"{step.name}: {'; '.join(state.reasons[:3])}")
                record = execute(step, run_folder, context)
                context.progress.say(f"{step.name}: done in {record.seconds:.0f} s")
            else:
                context.progress.say(f"{step.name}: up to date")
        return states
