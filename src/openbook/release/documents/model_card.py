"""The model card: a Markdown page with the front matter that model hubs read."""

from functools import cache

import jinja2

from openbook.languages import LANGUAGES
from openbook.release.evidence import Evidence
from openbook.release.settings import ReleaseSettings
from openbook.report import number

NOT_RECORDED = "not recorded"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("openbook.release", "documents"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["figure"] = number
    environment.filters["said"] = lambda value: value or NOT_RECORDED
    return environment.get_template("model_card.md.jinja")


def model_card(settings: ReleaseSettings, name: str, description: str, evidence: Evidence) -> str:
    model = evidence.records["model"]
    return _template().render(
        settings=settings,
        name=name,
        description=description,
        rows=evidence.languages,
        tags=sorted({code.split("-")[0] for row in evidence.languages for code in [row.code]}),
        absent=[entry for code, entry in LANGUAGES.items() if code not in {row.code for row in evidence.languages}],
        packages=evidence.packages,
        model=model,
        corpus=evidence.records["corpus"],
        records=evidence.records,
        memorization=evidence.memorization,
        names={code: entry.name for code, entry in LANGUAGES.items()},
        thin=[row for row in evidence.languages if row.text_bytes < 500_000],
    )
