"""What goes beside the documents for programs to read: front matter of the model card, mof.yml, anchors of the rest."""

import json
from typing import Any

from openbook.languages import LANGUAGES
from openbook.release.documents import render
from openbook.release.documents.layout import DOCUMENTS, MODIFICATION
from openbook.release.documents.texts import texts
from openbook.release.fact import Fact, anchors_of, pointer
from openbook.release.facts import Facts


def split(tree: Any, place: str = "") -> tuple[Any, dict[str, list[str]]]:
    """A JSON value that holds facts, as plain JSON and as JSON pointer into that -> anchors. What is not recorded is
    left out."""
    if isinstance(tree, Fact):
        value = list(tree.value) if isinstance(tree.value, tuple) else tree.value
        return value, {place: list(tree.anchors)} if tree.anchors else {}
    if isinstance(tree, dict):
        kept = {key: one for key, one in tree.items() if not (isinstance(one, Fact) and one.value is None)}
        found = {key: split(one, place + pointer(key)) for key, one in kept.items()}
        return {key: plain for key, (plain, _) in found.items()}, {
            k: v for _, a in found.values() for k, v in a.items()
        }
    if isinstance(tree, list):
        rows = [split(one, place + pointer(at)) for at, one in enumerate(tree)]
        return [plain for plain, _ in rows], {k: v for _, a in rows for k, v in a.items()}
    return tree, {}


def said(fact: Fact) -> Fact:
    """A sentence as the fact of its English text."""
    if not fact.text:
        return fact
    return Fact(render.plain(fact, texts("en")), fact.anchors or anchors_of(tuple(fact.words.values())))


def readme(facts: Facts) -> str:
    """The model card in English, behind the front matter that model hubs read."""
    known = facts.facts
    codes = known["languages"].value if isinstance(known["languages"].value, tuple) else ()
    tags = sorted({code.split("-")[0] for code in codes if code in LANGUAGES})
    lines = ["---"]
    if known["license"].value:
        lines.append(f"license: {str(known['license'].value).lower()}")
    lines += ["language:", *(f"- '{tag}'" for tag in tags)] if tags else []
    if known["base_model"].value:
        lines.append(f"base_model: {_quoted(str(known['base_model'].value).split(', ')[0])}")
    lines += ["pipeline_tag: text-generation", "library_name: transformers", "tags:", "- openbook", "---", ""]
    name = known["name"].value
    links = "Other documents of this release, in seven languages: " + ", ".join(
        f"[{texts('en')('documents', one)}](documents/en/{one}.html)" for one in DOCUMENTS
    )
    body = render.markdown("model-card", facts, "en", up="", title=False)
    return "\n".join(lines) + f"# {name}\n\n{body}\n{links}.\n"


def tuned_readme(facts: Facts) -> str:
    """The card of a tuned model in English, behind the front matter that model hubs read."""
    known = facts.facts
    lines = ["---"]
    if known["license"].value:
        lines.append(f"license: {str(known['license'].value).lower()}")
    base = known["base_link"].value or known["base_name"].value
    lines.append(f"base_model: {_quoted(str(base).removeprefix('https://huggingface.co/'))}")
    lines += ["base_model_relation: finetune", "pipeline_tag: text-generation", "library_name: transformers"]
    lines += ["tags:", "- openbook", "---", ""]
    body = render.markdown(MODIFICATION, facts, "en", up="", title=False)
    return "\n".join(lines) + f"# {known['name'].value}\n\n{body}\n"


def mof_yml(facts: Facts) -> str:
    """The Model Openness Framework's file: release and components, a comment with the record beside each value."""
    known = facts.facts
    told = texts("en")

    def line(indent: str, key: str, fact: Fact) -> str:
        value = render.plain(fact, told) if fact.recorded else "not recorded"
        comment = f" # {' '.join(fact.anchors)}" if fact.anchors else ""
        return f"{indent}{key}: {_quoted(value)}{comment}"

    lines = ["framework:", "  name: 'Model Openness Framework'", "  version: '1.0'", "  date: '2024-12-15'", "release:"]
    for key, name in (("name", "name"), ("version", "version"), ("date", "market_date"), ("license", "license"),
                      ("architecture", "architecture"), ("producer", "provider"), ("contact", "contact"),
                      ("repository", "url"), ("class", "mof_class"),
                      ("missing_for_next_class", "mof_missing")):  # fmt: skip
        lines.append(line("  ", key, known[name]))
    lines += ["  type: 'language'", "  components:"]
    for component, included, where, license, _ in facts.tables["mof"].rows:
        if included.value:
            lines.append(f"  - name: {_quoted(render.plain(component, told))}")
            lines.append(line("    ", "location", Fact(where.value, included.anchors)))
            lines.append(line("    ", "license", license))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A YAML scalar: a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
