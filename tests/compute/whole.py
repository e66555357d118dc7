"""A small crawl, run to its corpus through the command line, to compare what engines write."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openbook.books.record import FILE_NAME, read_record
from openbook.languages import LANGUAGES
from tests.end_to_end.conftest import openbook
from tests.end_to_end.crawl import RECIPE, page, record

STEPS = ("sources", "parallel", "annotated", "corpus")


CODES = sorted(LANGUAGES)[::5]


def crawl_of_many_files(folder: Path, files: int = 6) -> Path:
    """Pages of ten languages dealt to many small WARC files, so that there are tasks for everyone; the recipe."""
    (folder / "crawl").mkdir(parents=True)
    for part in range(files):
        pages = [(code, number) for code in CODES for number in (1, 2)][part::files]
        members = [record(f"https://{code}.example/{number}.html", page(code, number)) for code, number in pages]
        (folder / "crawl" / f"{part}.warc.gz").write_bytes(b"".join(members))
    head, _, rest = RECIPE.format(languages=json.dumps(CODES)).partition("[[sources]]")
    source, rest = rest.split("[[sources]]", 1)[0], rest[rest.index("[parallel]") :]
    recipe = folder / "small.toml"
    recipe.write_text(f"{head}[[sources]]{source}{rest}")
    return recipe


def run_to_corpus(recipe: Path, folder: Path, *arguments: str) -> None:
    folder.mkdir(exist_ok=True)
    result = openbook("run", recipe, "--until", "corpus", "--quiet", *arguments, folder=folder)
    assert result.returncode == 0, result.stderr
    assert not result.stderr


def corpus_files(folder: Path) -> dict[str, bytes]:
    """Every file of the steps up to the corpus but their records, and the records' roots."""
    run = folder / "runs" / "small"
    files = {f"{step}/root": read_record(run / step).root.encode() for step in STEPS}
    for step in STEPS:
        unrooted = set(read_record(run / step).unrooted)
        for path in sorted((run / step).rglob("*")):
            name = path.relative_to(run / step).as_posix()
            if path.is_file() and name != FILE_NAME and name not in unrooted:
                files[f"{step}/{name}"] = path.read_bytes()
    return files


@contextmanager
def interrupted(action: Callable[[], None]) -> Iterator[None]:
    """Do `action` beside the block; what it raises is raised at the block's end."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            action()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield
    thread.join(240)
    if raised:
        raise raised[0]
