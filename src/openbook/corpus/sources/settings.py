"""What a recipe may name as a source: one model per kind, told apart by `kind`."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

VERSION = 2
"""Raised when the same settings would give other bytes."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
License = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*$")]


def is_remote(path: str) -> bool:
    """Whether a path of a recipe is an address (`https://…`, `s3://…`) and not a file of this machine."""
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isascii() and scheme.replace("+", "").replace("-", "").isalnum()


def _without_secret(path: str) -> str:
    if is_remote(path) and "@" in urlsplit(path).netloc:
        raise ValueError("an address must not hold a password, since recipes are kept; give it by the environment")
    return path


def _on_this_machine(path: str) -> str:
    if is_remote(path):
        raise ValueError(
            f"{path} is an address; folders must lie on this machine (warc, jsonl and parquet take addresses)"
        )
    return path


def _web_address(address: str) -> str:
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"{address!r} must begin with https:// or http://")
    return _without_secret(address)


Paths = Annotated[list[Annotated[str, AfterValidator(_without_secret)]], Field(min_length=1)]
Folders = Annotated[list[Annotated[str, AfterValidator(_on_this_machine)]], Field(min_length=1)]
Address = Annotated[str, AfterValidator(_web_address)]
Column = Annotated[str, Field(min_length=1)]


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    """Stands in every document that comes from here."""
    license: License | None = None
    """SPDX expression that holds for the whole source; None when it is not known or differs from page to page."""


class WarcSource(_Source):
    """Crawled pages: .warc, .warc.gz, .warc.zst, and WET files."""

    kind: Literal["warc"]
    paths: Paths
    """Files or globs (`**` too), relative to the recipe's folder, or addresses: https://, s3:// and their like."""


class HtmlSource(_Source):
    """Folders of HTML files, read recursively, in order of their names."""

    kind: Literal["html"]
    paths: Folders
    url: str | None = None
    """What the pages' addresses begin with; the path inside the folder follows. Without it: `html:<name>/<path>`."""
    pages: Annotated[int, Field(ge=1)] | None = None
    """At most so many pages, chosen by the hash of their address."""


class TextSource(_Source):
    """Plain text files (.txt), one document each, UTF-8."""

    kind: Literal["text"]
    paths: Folders
    url: str | None = None
    pages: Annotated[int, Field(ge=1)] | None = None


class Columns(BaseModel):
    """Which column, or key, holds what. `a.b` looks inside `a`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: Column = "text"
    id: Column | None = None
    url: Column | None = None
    date: Column | None = None
    language: Column | None = None
    license: Column | None = None


class JsonlSource(_Source):
    """Ready text, one JSON object a line: .jsonl, .jsonl.gz, .jsonl.zst."""

    kind: Literal["jsonl"]
    paths: Paths
    columns: Columns = Columns()


class ParquetSource(_Source):
    """Ready text, one document a row."""

    kind: Literal["parquet"]
    paths: Paths
    columns: Columns = Columns()


class DebianSource(_Source):
    """Documentation and message catalogs that Debian distributes, fetched by name through apt."""

    kind: Literal["debian"]
    packages: Annotated[list[Annotated[str, Field(pattern=r"^[a-z0-9*?][a-z0-9+.*?-]*$")]], Field(min_length=1)]
    """Package names; `*` and `?` as in a shell."""
    pages_per_language: Annotated[int, Field(ge=1)] | None = None
    """At most so many pages of one language from one package, chosen by the hash of their address."""
    bytes_per_language: Annotated[int, Field(ge=1000)] | None = None
    """At most so many bytes of HTML of one language from one package."""
    languages: list[str] | None = None
    """Only these (BCP 47) of a package that holds many; None takes every language of the table."""


class CommonCrawlSource(_Source):
    """Files of a crawl of Common Crawl, or the records of some sites in it, found through its index."""

    kind: Literal["common-crawl"]
    crawl: Annotated[str, Field(pattern=r"^CC-[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")]
    """Like CC-MAIN-2024-22."""
    records: Literal["warc", "wet", "robotstxt"] = "warc"
    """Which list of files: pages, the text that the crawl drew from them, or the sites' robots.txt."""
    paths: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")]], Field(min_length=1)] | None = None
    """Files by their path in the crawl, as its list of paths has them."""
    path_list: str | None = None
    """A file on this machine with such paths, one a line, or `.gz` of it."""
    sample: Annotated[int, Field(ge=1)] | None = None
    """So many files, drawn by `seed` out of the paths given, or of all; a larger sample holds the smaller one."""
    urls: Annotated[list[Annotated[str, Field(min_length=2)]], Field(min_length=1)] | None = None
    """Instead of files: `example.org` takes that domain with all hosts below it, `https://example.org/news/` what
    begins so. Scheme, `www.` and upper case do not count, as in the index."""
    pages: Annotated[int, Field(ge=1)] | None = None
    """With `urls`: at most so many captures, chosen by the hash of address and time."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    base: Address = "https://data.commoncrawl.org/"
    """Where the crawls lie."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.urls is not None:
            if self.paths or self.path_list or self.sample or self.records != "warc":
                raise ValueError(
                    "`urls` takes records out of all files of the crawl; "
                    "`paths`, `path_list`, `sample` and `records` are for taking whole files"
                )
            for one in self.urls:
                if "?" in one or "*" in one or "@" in one or " " in one:
                    raise ValueError(f"urls: {one!r} must be a domain or the beginning of an address without ?, * or @")
        elif self.pages is not None:
            raise ValueError("`pages` bounds what `urls` takes; for whole files use `sample`")
        elif self.paths and self.path_list:
            raise ValueError("`paths` and `path_list` are two ways to say the same: leave one out")
        elif not (self.paths or self.path_list or self.sample):
            raise ValueError("say which part of the crawl: `sample`, `paths`, `path_list` or `urls`")
        return self


class HuggingFaceSource(_Source):
    """Parquet or JSONL files of a dataset on a Hugging Face hub. A token comes from HF_TOKEN only."""

    kind: Literal["hugging-face"]
    dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")]
    """Like HuggingFaceFW/fineweb-2."""
    revision: Annotated[str, Field(min_length=1)] = "main"
    """Branch, tag or commit; the commit that it means on the day is recorded."""
    config: str | None = None
    """None takes the only one, or the one that the dataset calls its default."""
    split: str | None = "train"
    """None takes all splits."""
    files: Annotated[list[str], Field(min_length=1)] | None = None
    """Paths or globs in the repository, instead of `config` and `split`."""
    columns: Columns = Columns()
    endpoint: Address | None = None
    """The hub; None takes HF_ENDPOINT, else https://huggingface.co."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.files is not None and (self.config is not None or "split" in self.model_fields_set):
            raise ValueError("`files` names files by itself: leave `config` and `split` out")
        return self


SourceSettings = Annotated[
    WarcSource
    | HtmlSource
    | TextSource
    | JsonlSource
    | ParquetSource
    | DebianSource
    | CommonCrawlSource
    | HuggingFaceSource,
    Field(discriminator="kind"),
]
