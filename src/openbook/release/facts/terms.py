"""Under which terms the release can be given out, as the licenses of everything that went into it have it."""

from typing import Any

from openbook.release.fact import Books, Fact, Table, anchor
from openbook.release.licenses import Input, Lineage, combine, look_up, options

SAID, STATISTICS = "said.json", "corpus/statistics.json"
OPENBOOK = Input("code", "Openbook", "Apache-2.0")


def inputs(said: dict[str, Any], licenses: dict[str, Any]) -> list[Input]:
    """`said`: the release's settings as JSON; `licenses`: those of the corpus' documents, `none` for no license."""
    found = [Input("data", f"documents under {name}", None if name == "none" else name) for name in licenses]
    base = said.get("base_model")
    found += [Input("base model", base["name"], base["license"])] if base else []
    found += [Input("teacher", one["name"], one["license"]) for one in said.get("teachers", [])]
    return [*found, OPENBOOK]


def lineage(books: Books) -> Lineage:
    said = books.get(SAID, "release") or {}
    policy = said.get("license_policy", "attribution")
    licenses = books.get(STATISTICS, "licenses") or {}
    return combine(inputs(said, licenses), policy, books.get(SAID, "name") or "")


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    found = lineage(books)
    where = (anchor(STATISTICS, "licenses"), anchor(SAID, "release", "license_policy"))
    method = "licenses.toml of Openbook, applied to the licenses that stand there"
    policy = "policy_strict" if found.policy == "strict" else "policy_attribution"
    facts["license_assumption"] = Fact(anchors=where[1:], text=policy)
    facts["may_be_licensed"] = Fact(found.allowed, where, method) if found.allowed else Fact(anchors=where, text="none")
    outgoing = books.get(SAID, "release", "license")
    blocks = found.blocks(outgoing, books.get(SAID, "name") or "") if outgoing else ()
    facts["license_blocked"] = (
        Fact(tuple(str(block) for block in blocks), where, method) if blocks else Fact(anchors=where, text="none")
    )
    row = look_up(outgoing) if outgoing else None
    facts["license_kind"] = Fact(row.kind, (anchor(SAID, "release", "license"),), method) if row else Fact()
    tables["obligations"] = Table(
        ("license", "obligation"),
        tuple((Fact(license, where, method), Fact(sentence, where, method)) for license, sentence in found.obligations),
    )
    rows = []
    for one in found.inputs:
        terms = look_up(options(one.license)[0][0]) if one.license else None
        place = _place(one)
        rows.append((
            Fact(one.role, place, method), Fact(one.name, place, method), Fact(one.license, place, method),
            Fact(terms.kind if terms else None, place, method), Fact(terms.source if terms else None, place, method),
        ))  # fmt: skip
    tables["lineage"] = Table(("role", "input", "license", "terms", "terms_source"), tuple(rows))


def _place(one: Input) -> tuple[str, ...]:
    if one.role == "data":
        return (anchor(STATISTICS, "licenses", one.license or "none"),)
    if one.role == "base model":
        return (anchor(SAID, "release", "base_model"),)
    if one.role == "teacher":
        return (anchor(SAID, "release", "teachers"),)
    return (anchor("records/model.json", "code", "openbook"),)
