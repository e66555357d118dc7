"""The evidence: every value that a document of the release may state, derived from the release's own files alone.

So anybody who has the folder can derive it again and compare. `people` holds what the recipe said, `data` the corpus,
`training` the model and what it took, `results` the evaluation, `openness` the checklists, `terms` the licenses.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.release.fact import Books, Fact, Table
from openbook.release.facts import data, openness, people, results, terms, training

FILE = "evidence.json"


@dataclass(frozen=True)
class Facts:
    facts: dict[str, Fact]
    tables: dict[str, Table]

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": 1,
            "facts": {key: fact.as_dict() for key, fact in self.facts.items()},
            "tables": {key: table.as_dict() for key, table in self.tables.items()},
        }


def gather_facts(release: Path) -> Facts:
    """`release`: the folder with the copied files, records, reports and said.json, before its manifest is written."""
    books = Books(release)
    facts: dict[str, Fact] = {}
    tables: dict[str, Table] = {}
    for module in (people, data, training, results, terms, openness):
        module.add(books, facts, tables)
    return Facts(facts, tables)
