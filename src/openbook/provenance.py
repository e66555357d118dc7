"""What a recipe makes the model files say of where they come from: provider, license, sources, base models."""

from collections.abc import Sequence

from openbook.corpus.sources import SourceSettings
from openbook.model.export import ExportSettings
from openbook.model.export.settings import Base
from openbook.recipe import Recipe
from openbook.release.licenses import look_up


def told(recipe: Recipe) -> ExportSettings:
    """The recipe's [export], and what [release] and the sources say where it says nothing."""
    asked, said = recipe.export, recipe.release
    license = asked.license or said.license
    row = look_up(license) if license else None
    found = {
        "name": recipe.name,
        "license": license,
        "license_link": row.source.split(" ")[0] if row and row.source.startswith("https://") else None,
        "organization": said.provider,
        "version": said.version,
        "description": recipe.description or None,
        "url": said.url,
        "datasets": data_sets(recipe.sources),
        "bases": (Base(name=said.base_model.name, url=said.base_model.url or ""),) if said.base_model else (),
    }
    return asked.model_copy(update={key: getattr(asked, key) or value for key, value in found.items()})


def data_sets(sources: Sequence[SourceSettings]) -> tuple[str, ...]:
    """Each source by the name or address under which others know it; never by where its files lie here."""
    return tuple(dict.fromkeys(_named(source) for source in sources))


def _named(source: SourceSettings) -> str:
    match source.kind:
        case "hugging-face":
            return f"https://huggingface.co/datasets/{source.dataset}"
        case "common-crawl":
            return f"Common Crawl {source.crawl}"
        case "debian":
            return f"Debian documentation packages ({source.name})"
    return source.name
