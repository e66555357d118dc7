"""What the recipe said, under the name of its key."""

from openbook.release.fact import NOT_APPLICABLE, Books, Fact, Table, anchor
from openbook.release.settings import ReleaseSettings

FILE = "said.json"
ELSEWHERE = {
    "origins",
    "crawlers",
    "base_model",
    "teachers",
    "watts_per_core",
    "license_policy",
    "continuously_trained",
}
"""Keys that other facts are made from."""


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    facts["name"] = books.fact(FILE, "name")
    facts["description"] = books.fact(FILE, "description")
    for key in ReleaseSettings.model_fields:
        if key not in ELSEWHERE:
            facts[key] = books.fact(FILE, "release", key)
    for key in ("previous_version", "representative", "acceptable_use"):
        if facts[key].value == "none":
            facts[key] = Fact(anchors=facts[key].anchors, text="none")
    if not facts["comments"].recorded:
        facts["comments"] = Fact(text="none")  # nobody owes a comment
    facts["continuously_trained"] = books.fact(FILE, "release", "continuously_trained")
    base = books.get(FILE, "release", "base_model")
    facts["base_model"] = (
        Fact(_model(base), (anchor(FILE, "release", "base_model"),), "name, license, address")
        if base
        else Fact(anchors=(anchor(FILE, "release", "base_model"),), text="no_base_model")
    )
    crawlers = books.get(FILE, "release", "crawlers") or []
    for key in ("name", "purpose", "behavior"):
        said = tuple(f"{one['name']}: {one[key]}" if key != "name" else one[key] for one in crawlers if one.get(key))
        where = tuple(anchor(FILE, "release", "crawlers", at, key) for at, one in enumerate(crawlers) if one.get(key))
        facts[f"crawler_{key}"] = Fact(said, where, "each with the name of the crawler") if said else Fact()
    teachers = books.get(FILE, "release", "teachers") or []
    for key, on_the_market in (("teachers_on_the_market", True), ("teachers_other", False)):
        chosen = [(at, one) for at, one in enumerate(teachers) if one["on_the_market"] == on_the_market]
        facts[key] = (
            Fact(
                tuple(_model(one) for _, one in chosen),
                tuple(anchor(FILE, "release", "teachers", a) for a, _ in chosen),
            )
            if chosen
            else NOT_APPLICABLE
            if not teachers
            else Fact(text="none")
        )


def _model(one: dict[str, str | None]) -> str:
    return ", ".join(str(part) for part in (one["name"], one["license"], one["url"]) if part)
