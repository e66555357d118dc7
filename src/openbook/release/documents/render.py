"""A document as HTML, Markdown and JSON: one tree, three forms, every figure with a link to its record."""

import re
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from openbook.release.documents.layout import DOCUMENTS, Section, sections
from openbook.release.documents.texts import LANGUAGES, Part, Texts, texts
from openbook.release.fact import Fact, Table
from openbook.release.facts import Facts

UP = "../../"
"""From documents/LANGUAGE/ to the release's folder."""


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("openbook.release", "documents"), jinja2.PackageLoader("openbook", "report_page")]
        ),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def html(document: str, facts: Facts, language: str) -> str:
    told = texts(language)

    def shown(fact: Fact) -> Markup:
        if not fact.recorded:
            return Markup('<em class="missing">{}</em>').format(told("words", "not_recorded"))
        return Markup("").join(_link(part) for part in told.parts(fact))

    return (
        _environment()
        .get_template("document.html.jinja")
        .render(
            document=document, language=language, languages=LANGUAGES, text=told,
            documents=DOCUMENTS if document in DOCUMENTS else (), made_from=_made_from(document), shown=shown,
            numeric=numeric, name=facts.facts["name"].value, sections=list(sections(document, facts)),
            style=Markup(_environment().get_template("style.css").render()),
        )
    )  # fmt: skip


def _made_from(document: str) -> str:
    return "made_from" if document in DOCUMENTS else "made_from_tuning"


def _link(part: Part) -> Markup:
    if not part.anchors:
        return escape(part.text)
    return Markup('<a class="fact" href="{}" title="{}">{}</a>').format(UP + part.file, part.title, part.text)


def numeric(table: Table, at: int) -> bool:
    """Whether a column holds figures alone, and is set to the right."""
    return all(
        isinstance(row[at].value, int | float) and not isinstance(row[at].value, bool) or not row[at].recorded
        for row in table.rows
    )  # fmt: skip


def markdown(document: str, facts: Facts, language: str, up: str = UP, title: bool = True) -> str:
    told = texts(language)

    def shown(fact: Fact) -> str:
        return "".join(_md_link(part, up) for part in told.parts(fact))

    return (
        _environment()
        .get_template("document.md.jinja")
        .render(
            document=document, text=told, shown=shown, numeric=numeric, name=facts.facts["name"].value,
            sections=list(sections(document, facts)), title=title, made_from=_made_from(document),
        )
    )  # fmt: skip


def _md_link(part: Part, up: str) -> str:
    text = _md_escape(part.text)
    if not part.anchors:
        return text
    title = part.title.replace('"', "'").replace("|", "/")
    return f'[{text}]({up}{part.file} "{title}")'


def _md_escape(text: str) -> str:
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return re.sub(r"\s+", " ", text)


def tree(document: str, facts: Facts) -> dict[str, Any]:
    """The document as JSON: every value with its anchors, and the English text of what is shown."""
    told = texts("en")
    return {
        "document": document,
        "title": told("documents", document),
        "model": facts.facts["name"].value,
        "sections": [_section(section, told) for section in sections(document, facts)],
    }


def _section(section: Section, told: Texts) -> dict[str, Any]:
    return {
        "number": section.number,
        "title": told("sections", section.title),
        "fields": [
            {"key": each.key, "label": told("labels", each.label), "shown": plain(fact, told), **fact.as_dict()}
            for each, fact in section.fields
        ],
        "tables": [{"key": key, "title": told("tables", key), **table.as_dict()} for key, table in section.tables],
    }


def plain(fact: Fact, told: Texts) -> str:
    """The fact in words, without links."""
    return "".join(part.text for part in told.parts(fact))
