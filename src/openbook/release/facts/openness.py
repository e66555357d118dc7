"""How open the release is by two published measures: Open Source AI Definition 1.0, Model Openness Framework."""

from dataclasses import dataclass

from openbook.release.fact import Books, Fact, Table, anchor
from openbook.release.licenses import look_up

MODEL, SAID = "records/model.json", "said.json"
OPEN_WEIGHTS = ("public domain", "permissive", "attribution")
"""Kinds of licenses that the framework counts as open for parameters and data."""


@dataclass(frozen=True)
class Component:
    key: str
    level: int
    """3: needed from class III on; 2: from class II on; 1: for class I; 0: asked of none."""
    kind: str
    """code, data or documentation: decides which licenses count."""


COMPONENTS = (
    Component("mof_architecture", 3, "code"), Component("mof_parameters", 3, "data"),
    Component("mof_report", 3, "documentation"), Component("mof_results", 3, "documentation"),
    Component("mof_model_card", 3, "documentation"), Component("mof_data_card", 3, "documentation"),
    Component("mof_training_code", 2, "code"), Component("mof_inference_code", 2, "code"),
    Component("mof_evaluation_code", 2, "code"), Component("mof_evaluation_data", 2, "data"),
    Component("mof_libraries", 0, "code"), Component("mof_paper", 1, "documentation"),
    Component("mof_datasets", 1, "data"), Component("mof_preprocessing_code", 1, "code"),
    Component("mof_checkpoints", 1, "data"), Component("mof_metadata", 0, "data"),
)  # fmt: skip
"""White et al. 2024, "The Model Openness Framework", arXiv:2403.13784, table 2."""
CLASSES = {3: "mof_class_3", 2: "mof_class_2", 1: "mof_class_1"}


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    there = {one.key: _where(books, one.key) for one in COMPONENTS}
    license = books.get(SAID, "release", "license")
    row = look_up(license) if license else None
    open_weights = bool(row and row.kind in OPEN_WEIGHTS)
    code = books.fact(MODEL, "code", "openbook")
    rows = []
    for one in COMPONENTS:
        place, anchors = there[one.key]
        under = Fact("Apache-2.0", code.anchors, "the license of Openbook") if one.kind == "code" else facts["license"]
        rows.append((
            Fact(text=one.key), Fact(place is not None, anchors, "whether it is given out"),
            Fact(place, anchors, "where it is") if place else Fact(text="none"),
            under if place else Fact(text="none"), Fact(text=CLASSES.get(one.level, "mof_optional")),
        ))  # fmt: skip
    tables["mof"] = Table(("component", "included", "where", "license", "needed_for"), tuple(rows))
    reached, missing = _class({key for key, (place, _) in there.items() if place}, open_weights)
    where = (anchor(SAID, "release", "license"),)
    facts["mof_class"] = Fact(anchors=where, text=CLASSES.get(reached, "mof_unclassified"))
    facts["mof_missing"] = (
        Fact(missing, where, "components that the next class asks for") if missing else Fact(anchors=where, text="none")
    )
    _osaid(books, facts, open_weights)


def _class(there: set[str], open_weights: bool) -> tuple[int, tuple[str, ...]]:
    """The class reached (4: none), and the keys of what the next one asks for."""
    reached = 4
    for level in (3, 2, 1):
        missing = tuple(one.key for one in COMPONENTS if one.level == level and one.key not in there)
        missing += ("mof_open_license",) if level == 3 and not open_weights else ()
        if missing:
            return reached, missing
        reached = level
    return reached, ()


def _where(books: Books, key: str) -> tuple[str | None, tuple[str, ...]]:
    """Where the component is, as a path of the release or a name; None when it is not given out."""
    commit = books.get(MODEL, "code", "git", "commit")
    version = books.get(MODEL, "code", "openbook")
    code = (f"Openbook {version}, commit {commit}" if commit else f"Openbook {version}") if version else None
    places: dict[str, tuple[str | None, str]] = {
        "mof_parameters": ("model/model.safetensors", f"{MODEL}#/root"),
        "mof_results": ("reports/bits.json", "reports/bits.json#"),
        "mof_model_card": ("README.md", "said.json#"),
        "mof_data_card": ("documents/en/data-card.html", "corpus/statistics.json#"),
        "mof_libraries": ("documents/mlbom.cdx.json", f"{MODEL}#/code/libraries"),
        "mof_metadata": ("records/", f"{MODEL}#"),
        "mof_evaluation_data": (None, "records/evaluation.json#/inputs"),
        "mof_datasets": (None, "records/corpus.json#/roots"),
        "mof_checkpoints": (None, f"{MODEL}#/files"),
    }
    if key in places:
        place, where = places[key]
        return place, (where,)
    if key == "mof_report":
        return books.get(SAID, "release", "technical_report") or "documents/en/form-office.html", (
            f"{MODEL}#/settings",
        )
    if key == "mof_paper":
        return books.get(SAID, "release", "research_paper"), ("said.json#/release/research_paper",)
    return code, (f"{MODEL}#/code",)


def _osaid(books: Books, facts: dict[str, Fact], open_weights: bool) -> None:
    """Items of the definition's checklist that the books can answer; whether it is met, a person must judge."""
    statistics = ("corpus/statistics.json",)
    sources = books.fact("records/sources.json", "settings", "sources")
    described = books.get(*statistics, "sources") is not None and sources.recorded
    facts["osaid_provenance"] = Fact(described, ("corpus/statistics.json#/sources", *sources.anchors), "both are there")
    facts["osaid_scope"] = Fact(bool(facts["documents"].recorded), facts["documents"].anchors, "it is there")
    facts["osaid_obtained"] = Fact(bool(facts["gathered"].recorded), facts["gathered"].anchors, "it is there")
    facts["osaid_processing"] = Fact(bool(facts["curation"].text), facts["curation"].anchors, "it is there")
    facts["osaid_labeling"] = Fact(text="osaid_no_labels")
    origins = books.get(*statistics, "origins") or {}
    for key, kind in (("osaid_public", "public"), ("osaid_third", "third party"), ("osaid_licensed", "licensed")):
        names = tuple(origins.get(kind, ()))
        where = ("corpus/statistics.json#/origins",)
        facts[key] = Fact(names, where) if names else Fact(anchors=where, text="none")
    code = books.fact(MODEL, "code", "openbook")
    for key in ("osaid_code_data", "osaid_code_training", "osaid_code_inference", "osaid_code_evaluation"):
        facts[key] = Fact(code.recorded, code.anchors, "Openbook is under Apache-2.0 and holds all of it")
    facts["osaid_weights"] = Fact(open_weights, (anchor(SAID, "release", "license"),), "the kind of the license")
    facts["osaid_configuration"] = Fact(
        books.json("model/config.json") is not None, ("model/config.json#",), "it is there"
    )  # fmt: skip
