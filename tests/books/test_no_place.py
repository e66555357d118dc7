"""No file of the repository knows the machine that it was written on, or where its packages came from."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("src", "tests", "docs", "benchmarks", "recipes", "examples", "deploy")
TEXTS = {".py", ".md", ".toml", ".json", ".jsonl", ".txt", ".html", ".jinja", ".js", ".css", ".svg", ".yaml", ".yml"}
TEXTS |= {"", ".service", ".sh", ".cfg", ".gbnf"}
HOMES = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work|mnt|scratch)/[\w.-]+/|[A-Z]:\\\\?Users")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|npmjs\.org|crates\.io|conda\.anaconda|/simple/[\w-]*/")


def files() -> list[Path]:
    """What a checkout holds as text: the folders that git knows, without what runs leave in them."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXTS and path.name != ".git"]
    for place in PLACES:
        found += [path for path in (ROOT / place).rglob("*") if path.is_file() and path.suffix in TEXTS]
    return [path for path in found if path != Path(__file__) and "__pycache__" not in path.parts]


def named(pattern: re.Pattern[str]) -> list[str]:
    told = []
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                told.append(f"{path.relative_to(ROOT)}:{number}: {pattern.search(line)}")
    return told


def test_no_file_holds_an_absolute_path_of_somebodys_machine() -> None:
    assert named(HOMES) == []


def test_no_file_names_a_registry_of_packages() -> None:
    assert named(REGISTRIES) == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert HOMES.search('open("/home/ann/data/x")')
    assert not HOMES.search("https://example.org/home/ann/data")
    assert REGISTRIES.search("pip install --index-url https://pypi.org/")
    assert len(files()) > 700
