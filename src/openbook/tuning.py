"""A tuning recipe becomes a step of a run: what decides it, whether it is up to date, and running it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook import tune
from openbook.books import store
from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.record import Outcome
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json
from openbook.step import State, Step, difference, execute
from openbook.tune import TuneRecipe
from openbook.tune.artifact import FORGETTING, STEP
from openbook.tune.base import Base

if TYPE_CHECKING:
    from openbook.tune.forgetting import Texts


def run(recipe: TuneRecipe, recipe_folder: Path, run_folder: Path, context: Context) -> State:
    """Tune, unless what lies there still matches. Raises OpenbookError for bad data, and for a forgotten language."""
    with store.lock(run_folder):
        base = tune.open_base(recipe.base, recipe.origin, recipe_folder, context.cache)
        step = step_of(recipe, recipe_folder, base)
        store.recover(run_folder / step.name)
        state = State(step, tuple(difference(step, run_folder)))
        if not state.reasons:
            context.progress.say(f"{step.name}: up to date")
            from openbook.tune.step import require_held

            require_held(read_json(run_folder / step.name / FORGETTING), recipe.forgetting.accepted)
            return state
        context.progress.say(f"{step.name}: {'; '.join(state.reasons[:3])}")
        context.progress.say(base.told)
        record = execute(step, run_folder, context)
        context.progress.say(f"{step.name}: done in {record.seconds:.0f} s")
        return state


def step_of(recipe: TuneRecipe, recipe_folder: Path, base: Base) -> Step:
    """Paths decide nothing: files stand in the identity by their content."""
    from openbook.tune.data import files

    sources = files(recipe.data, recipe_folder)
    lacking = [str(path) for path in sources if not path.is_file()]
    if lacking:
        raise OpenbookError(f"data: there is no file {', '.join(lacking)}.")
    texts = languages(recipe, recipe_folder, base)
    asked = recipe.model_dump(mode="json", exclude={"base"})
    asked["data"] |= {"files": len(recipe.data.files)}
    if isinstance(recipe.data.validation, str):
        asked["data"]["validation"] = "a file"
    evidence = {f"data {number}": sha256_file(path) for number, path in enumerate(sources, 1)}
    evidence["base"] = base.digest
    if recipe.data.template not in ("base", "chatml"):
        path = recipe_folder / recipe.data.template
        if not path.is_file():
            raise OpenbookError(f"data.template: there is no file {path}; give a path, base or chatml.")
        evidence["template"] = sha256_file(path)
        asked["data"]["template"] = "a file"
    # What is accepted does not decide what is trained: a language may be accepted after the fact.
    asked["forgetting"] = {"languages": sorted(texts.languages), "bytes": recipe.forgetting.bytes}
    evidence |= _texts_digest(texts.languages)
    return Step(
        name=STEP,
        version=tune.VERSION,
        settings={"tune": asked, "base": base.facts},
        inputs=(),
        run=lambda _, work, inner: _tuned(recipe, recipe_folder, base, texts, work, inner),
        evidence=evidence,
    )


def _tuned(
    recipe: TuneRecipe, recipe_folder: Path, base: Base, texts: "Texts", work: Path, context: Context
) -> Outcome:
    """The tuning, and the documents that say what it changed."""
    from openbook.release import modification

    outcome = tune.run(recipe, recipe_folder, base, texts, work, context)
    modification.write(work)
    return outcome


def _texts_digest(texts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {"texts of the languages": sha256_bytes(canonical_json(dict(texts)))} if texts else {}


def languages(recipe: TuneRecipe, recipe_folder: Path, base: Base) -> "Texts":
    """The texts that the model is measured on before and after: files of the recipe, held-out text of a run of
    ours, or what the program brings. Raises OpenbookError for a language that there is no text of."""
    wanted = recipe.forgetting
    from openbook.tune import forgetting

    if wanted.languages == ():
        return forgetting.Texts({}, "nothing: no language is measured")

    run = recipe_folder / wanted.on if wanted.on is not None else base.run
    if wanted.files:
        found = forgetting.named({code: recipe_folder / name for code, name in wanted.files.items()}, wanted.bytes)
    else:
        found = forgetting.shipped(wanted.bytes) if run is None else forgetting.held_out(run, wanted.bytes)
    return found.only(wanted.languages)


def shown(run_folder: Path) -> dict[str, Any]:
    """What a finished tuning says of itself."""
    return dict(tune.Tuned.open(run_folder / STEP).facts)


def check(recipe: TuneRecipe, recipe_folder: Path, context: Context) -> dict[str, Any]:
    """Everything that is checked before a training, and no training."""
    import tempfile

    from openbook.tune.step import prepare

    base = tune.open_base(recipe.base, recipe.origin, recipe_folder, context.cache)
    step_of(recipe, recipe_folder, base)
    with tempfile.TemporaryDirectory() as folder:
        return prepare(recipe, recipe_folder, base, Path(folder), context).facts
