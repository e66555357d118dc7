"""What a recipe may say: every key that decides a run's result, checked before anything is run.

An error names the file, the key, the line, and what is allowed there.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from openbook.compute import EngineSettings
from openbook.corpus import AnnotateSettings, CorpusSettings
from openbook.corpus.parallel import ParallelSettings
from openbook.corpus.sources import SourceSettings
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings
from openbook.languages import language
from openbook.mentioned import unknown
from openbook.model import family
from openbook.model.export import ExportSettings
from openbook.quantize import QuantizeSettings
from openbook.release import ReleaseSettings
from openbook.tokenizer import TokenizerSettings
from openbook.trace import TraceSettings
from openbook.train import ModelSettings, TrainSettings
from openbook.train.ladder import LadderSettings


def _known(code: str) -> str:
    try:
        return language(code).code
    except OpenbookError as error:
        raise ValueError(str(error)) from None


LanguageCode = Annotated[str, AfterValidator(_known)]
M = TypeVar("M", bound=BaseModel)


class Recipe(BaseModel):
    """One run, whole. Paths in it are relative to the recipe's own folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    languages: Annotated[tuple[LanguageCode, ...], Field(min_length=1)]
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    parallel: ParallelSettings = ParallelSettings()
    annotate: AnnotateSettings = AnnotateSettings()
    corpus: CorpusSettings = CorpusSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings
    ladder: LadderSettings = LadderSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    export: ExportSettings = ExportSettings()
    quantize: QuantizeSettings = QuantizeSettings()
    release: ReleaseSettings = ReleaseSettings()
    trace: TraceSettings = TraceSettings()
    engine: EngineSettings = EngineSettings()
    """Where tasks run; decides nothing, and is no part of any step's identity."""

    @model_validator(mode="before")
    @classmethod
    def _one_seed(cls, values: Any) -> Any:
        """Stages that draw by chance take the recipe's seed unless they name their own."""
        if not isinstance(values, dict) or "seed" not in values:
            return values
        seeded = {
            key: {"seed": values["seed"], **values.get(key, {})}
            for key in SEEDED
            if isinstance(values.get(key, {}), dict)
        }
        return {**values, **seeded}

    @model_validator(mode="before")
    @classmethod
    def _follow(cls, values: Any) -> Any:
        """What follows from another table: the run's length from the model's size, the tokenizer from other weights."""
        names = ("model", "train", "tokenizer")
        if not isinstance(values, dict) or not all(isinstance(values.get(name, {}), dict) for name in names):
            return values
        model, train, tokenizer = (values.get(name, {}) for name in names)
        try:
            if train.get("initial") is not None:
                if model:
                    raise ValueError(f"model.{next(iter(model))}: train.initial decides the shape; leave [model] out")
                if not {"from", "taken", "extend"} & set(tokenizer):
                    tokenizer = {**tokenizer, "from": train["initial"]}
                    values = {**values, "tokenizer": tokenizer}
            model = family.complete(model)
            train = family.training(model, train)
        except OpenbookError as error:
            raise ValueError(str(error)) from None
        return {**values, "train": train} if train else values

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        doubled = sorted({code for code in self.languages if self.languages.count(code) > 1})
        if doubled:
            raise ValueError(f"languages: {', '.join(doubled)} stands there twice")
        names = [source.name for source in self.sources]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"sources: two are named {doubled[0]!r}; a document's source must be one of them")
        if self.corpus.languages is not None:
            raise ValueError("corpus.languages is not for a recipe to say: `languages` at its top holds")
        if self.train.initial is None and self.train.sequence > self.model.context:
            raise ValueError(
                f"train.sequence ({self.train.sequence}) is longer than model.context ({self.model.context}): "
                "lower the first or raise the second"
            )
        return self


def load(path: Path) -> Recipe:
    """Read and check a recipe. Raises OpenbookError with one sentence a mistake, each with its line."""
    recipe = parse(path, Recipe)
    if problems := unknown(recipe):
        lines = key_lines(path.read_text(encoding="utf-8"))
        said = dict.fromkeys(f"{_place(path, lines, key)}: {_dotted(key)}: {sentence}" for key, sentence in problems)
        raise OpenbookError("\n".join(said))
    return recipe


def parse(path: Path, schema: type[M], called: str = "recipe") -> M:
    """Read a TOML file by any schema. Raises OpenbookError with one sentence a mistake, each with its line; `called`:
    what the file is to its reader."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OpenbookError(f"there is no {called} {path}.") from None
    except IsADirectoryError:
        raise OpenbookError(f"{path} is a folder; a {called} is a TOML file.") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise OpenbookError(f"{path}, line {line}: not UTF-8; save the {called} as UTF-8.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OpenbookError(f"{path}: not TOML: {error}.") from None
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise complaint(path, schema, error) from None


def complaint(
    path: Path, schema: type[BaseModel], error: ValidationError, under: tuple[str | int, ...] = ()
) -> OpenbookError:
    """What is wrong with a TOML file, one sentence a mistake. `under`: the table that was checked by this schema."""
    lines = key_lines(path.read_text(encoding="utf-8"))
    # A list with a broken item is also called too short; the item's own mistake says enough.
    problems = [one for one in error.errors() if one["type"] != "too_short" or not one["input"]]
    sentences = dict.fromkeys(_sentence(path, schema, lines, problem, under) for problem in problems)
    return OpenbookError("\n".join(sentences))


SEEDED = ("tokenizer", "train", "evaluate", "quantize")
"""Tables of the recipe with a `seed` key."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


def key_lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Where each key of a TOML text stands: path of keys and list indices -> line, from 1."""
    lines: dict[tuple[str | int, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            names = tuple(_unquote(part) for part in header[2].split("."))
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            table = ()
            for at in range(len(names)):
                table += (names[at],)
                if names[: at + 1] in counts:
                    table += (counts[names[: at + 1]],)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *(_unquote(part) for part in key[1].split("."))), number)
    return lines


def _unquote(part: str) -> str:
    return part.strip().strip("\"'")


def _place(path: Path, lines: dict[tuple[str | int, ...], int], where: tuple[str | int, ...]) -> str:
    line = next((lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in lines), None)
    return f"{path}, line {line}" if line else f"{path}"


def _dotted(where: tuple[str | int, ...]) -> str:
    return ".".join(f"{part + 1}" if isinstance(part, int) else part for part in where)


def _sentence(
    path: Path,
    schema: type[BaseModel],
    lines: dict[tuple[str | int, ...], int],
    problem: Any,
    under: tuple[str | int, ...] = (),
) -> str:
    """One validation error as a sentence with file, line and key."""
    # The tag of a discriminated union stands in the location but not in the file.
    tags = _tags(schema)
    where = under + tuple(part for part in problem["loc"] if not (isinstance(part, str) and part in tags))
    key, place = _dotted(where), _place(path, lines, where)
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _allowed(schema, problem["loc"][:-1])
        near = difflib.get_close_matches(str(where[-1]), allowed, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{place}: there is no key {key!r}.{hint} Allowed here: {', '.join(allowed)}."
    if kind == "missing":
        return f"{place}: {key!r} is missing."
    if kind == "value_error":
        about = f"{key}: " if key else ""
        return f"{place}: {about}{str(context['error']).removesuffix('.')}."
    if kind == "union_tag_invalid":
        near = difflib.get_close_matches(str(context["tag"]), re.findall(r"'(.*?)'", context["expected_tags"]), 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{place}: {key}: there is no kind {context['tag']!r}.{hint} It may be {context['expected_tags']}."
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{place}: {key}: {message} (found {problem['input']!r:.80})."


def _allowed(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema allows at `location`."""
    schema = model.model_json_schema()
    node: Any = schema
    for part in location:
        node = _resolve(schema, node)
        if isinstance(part, int):
            node = node.get("items", {})
        elif part in node.get("discriminator", {}).get("mapping", {}):
            node = {"$ref": node["discriminator"]["mapping"][part]}
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
    return sorted(_resolve(schema, node).get("properties", {}))


def _resolve(schema: Any, node: Any) -> Any:
    while isinstance(node, dict):
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in node:
            node = next((one for one in node["anyOf"] if one.get("type") != "null"), {})
        else:
            break
    return node


@cache
def _tags(model: type[BaseModel]) -> frozenset[str]:
    """The values that tell the kinds of a table apart (`kind = "warc"`)."""

    def found(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from node.get("discriminator", {}).get("mapping", {})
        for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from found(part)

    return frozenset(found(model.model_json_schema()))
