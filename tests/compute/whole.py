"""A small crawl, run to its corpus through the command line, to compare what engines write."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openbook.books.record import FILE_NAME, read_record
from openbook.languages import LANGUAGES
from tests.end_to_end.conftest import openbook
from tests.end_to_end.crawl import page, record, write_crawl

STEPS = ("sources", "parallel", "annotated", "corpus")


def crawl_of_many_files(folder: Path, files: int = 8) -> Path:
    """The tests' crawl with its WARC files cut smaller, so that there are tasks for everyone; returns the recipe."""
    recipe = write_crawl(folder)
    for path in (folder / "crawl").iterdir():
        path.unlink()
    codes = sorted(LANGUAGES)
    for part in range(files):
        members = [record(f"https://{code}.example/1.html", page(code, 1)) for code in codes[part::files]]
        (folder / "crawl" / f"{part}.warc.gz").write_bytes(b"".join(members))
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
    thread.join(60)
    if raised:
        raise raised[0]
