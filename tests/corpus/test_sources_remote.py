"""Files from elsewhere: whole or not at all, asked for patiently, resumed, and known by their digest."""

import gzip
import hashlib
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from openbook.compute import local
from openbook.context import Context
from openbook.corpus.sources import SourceFile, Sources, SourceSettings, elsewhere, listing, local_files, read, run
from openbook.corpus.sources.remote import BackOff, Downloads, Gate, Web
from openbook.corpus.sources.remote.backoff import asked_wait
from openbook.corpus.sources.run import check_names
from openbook.corpus.sources.settings import Columns, JsonlSource, WarcSource
from openbook.errors import OpenbookError
from openbook.progress import quiet

from .source_servers import Answer, Asked, Host, s3, serve
from .warc_bytes import crawl, joined, url

DATA = hashlib.sha256(b"seed").digest() * 100_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def host() -> Iterator[Host]:
    with serve(Host(files={"/a/file.bin": DATA})) as host:
        yield host


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The program does not wait; what it would have waited stands here."""
    waited: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(elsewhere, "gate", lambda: Gate(BackOff(), sleep, lambda: clock[0]))
    return waited


def downloads(folder: Path) -> Downloads:
    return Downloads(folder / "cache", Web(elsewhere.gate()))


def build(base: Path, *settings: SourceSettings) -> Sources:
    work = base / f"work{len(list(base.glob('work*')))}"
    work.mkdir()
    run(settings, work, Context(local(1), quiet(), base / "cache"), base)
    return Sources.open(work)


def warc_source(*paths: str) -> WarcSource:
    return WarcSource(kind="warc", name="far", paths=list(paths))


def test_file_comes_whole_and_lies_under_its_digest(tmp_path: Path, host: Host) -> None:
    found = downloads(tmp_path).fetch(f"{host.url}/a/file.bin")
    assert found.path.read_bytes() == DATA and found.sha256 == DIGEST == found.path.name
    assert len(host.asked) == 1 and host.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("etags", [True, False])
def test_file_that_did_not_change_is_asked_for_and_not_sent_again(tmp_path: Path, host: Host, etags: bool) -> None:
    host.etags = etags
    first = downloads(tmp_path).fetch(f"{host.url}/a/file.bin")
    sent: list[int] = []
    host.before = lambda asked: (sent.append(answer.status), answer)[1] if (answer := host.file(asked)) else None
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin") == first and sent == [304]
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin", first.sha256) == first and len(sent) == 1


def test_file_that_changed_is_fetched_and_the_old_one_stays(tmp_path: Path, host: Host) -> None:
    old = downloads(tmp_path).fetch(f"{host.url}/a/file.bin")
    host.files["/a/file.bin"] = b"other"
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").path.read_bytes() == b"other"
    assert old.path.read_bytes() == DATA
    with pytest.raises(OpenbookError, match=f"does not hold the file any more .* not {'f' * 64}"):
        downloads(tmp_path).fetch(f"{host.url}/a/file.bin", "f" * 64)


def test_broken_download_goes_on_where_it_broke(tmp_path: Path, host: Host, waits: list[float]) -> None:
    cuts = iter([1_000_000, 700_000, 0, 900_000])

    def broken(asked: Asked) -> Answer:
        answer = host.file(asked)
        answer.cut = next(cuts, None)
        return answer

    host.before = broken
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").sha256 == DIGEST
    starts = [int((one.range or "bytes=0-").removeprefix("bytes=").rstrip("-")) for one in host.asked]
    assert starts[0] == 0 and starts == sorted(starts) and starts[-1] > 2_000_000
    assert all(one.headers["if-range"] for one in host.asked[1:]) and len(waits) == 4


def test_killed_download_goes_on_in_the_next_run(tmp_path: Path, host: Host, waits: list[float]) -> None:
    host.before = lambda asked: Answer(200, DATA, {"ETag": host.file(asked).headers["ETag"]}, cut=1_000_000)
    with pytest.raises(OpenbookError, match="8 times in a row"):
        downloads(tmp_path).fetch(f"{host.url}/a/file.bin")
    assert not list((tmp_path / "cache" / "downloads" / "objects").rglob("*/*"))
    host.before, host.asked = lambda asked: None, []
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").sha256 == DIGEST
    assert [one.range for one in host.asked] == ["bytes=1000000-"]


@pytest.mark.parametrize("ranges", [True, False])
def test_file_that_changes_under_a_broken_download_is_begun_anew(
    tmp_path: Path, host: Host, waits: list[float], ranges: bool
) -> None:
    host.ranges = ranges
    newer = DATA[::-1] + b"more"

    def broken(asked: Asked) -> Answer | None:
        if len(host.asked) > 1:
            return None
        answer = host.file(asked)
        answer.cut = 1_500_000
        host.files["/a/file.bin"] = newer
        return answer

    host.before = broken
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").path.read_bytes() == newer


def test_part_of_another_version_is_never_joined(tmp_path: Path, host: Host, waits: list[float]) -> None:
    """A cache on the way that overlooks If-Range."""
    newer = DATA[::-1]

    def careless(asked: Asked) -> Answer:
        if len(host.asked) == 2:
            host.files["/a/file.bin"] = newer
            asked.headers.pop("if-range")
        answer = host.file(asked)
        answer.cut = 1_000_000 if len(host.asked) == 1 else None
        return answer

    host.before = careless
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").path.read_bytes() == newer


def test_answer_that_does_not_say_its_length_is_refused(tmp_path: Path, host: Host) -> None:
    host.before = lambda asked: Answer(200, DATA[:1000], length=False)
    with pytest.raises(OpenbookError, match="does not say how long"):
        downloads(tmp_path).fetch(f"{host.url}/a/file.bin")


@pytest.mark.parametrize("status", [403, 429, 503, 500])
def test_throttling_is_waited_out(tmp_path: Path, host: Host, waits: list[float], status: int) -> None:
    host.before = lambda asked: Answer(status) if len(host.asked) < 5 else None
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").sha256 == DIGEST
    assert len(waits) == 4 and all(2**at / 2 <= wait <= 2**at for at, wait in enumerate(waits))


def test_retry_after_is_honored(tmp_path: Path, host: Host, waits: list[float]) -> None:
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    answers = [Answer(503, headers={"Retry-After": "37"}), Answer(429, headers={"RateLimit": '"api";r=0;t=55'})]
    host.before = lambda asked: answers.pop(0) if answers else None
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").sha256 == DIGEST
    assert waits == [37, 55]
    assert asked_wait({"retry-after": later, "date": format_datetime(now, usegmt=True)}) == 90
    host.before = lambda asked: Answer(503, headers={"Retry-After": "999999"})
    with pytest.raises(OpenbookError, match="left alone for 999,999 s"):
        downloads(tmp_path).fetch(f"{host.url}/a/file.bin")


def test_back_off_doubles_up_to_a_bound_and_its_jitter_is_keyed() -> None:
    back_off = BackOff()
    waits = [back_off.delay("https://a", tried) for tried in range(1, 12)]
    assert waits == [back_off.delay("https://a", tried) for tried in range(1, 12)]
    assert waits != [back_off.delay("https://b", tried) for tried in range(1, 12)]
    assert all(60 <= wait <= 120 for wait in waits[7:])


def test_back_off_holds_all_askers_of_the_host_back() -> None:
    clock, order = [0.0], []
    gate = Gate(BackOff(), lambda seconds: clock.__setitem__(0, clock[0] + seconds), lambda: clock[0])
    gate._until["slow"] = 40.0
    gate.retry("x", "quick", lambda: order.append(("quick", clock[0])))
    gate.retry("y", "slow", lambda: order.append(("slow", clock[0])))
    assert order == [("quick", 0.0), ("slow", 40.0)]


def test_missing_file_and_closed_door_are_sentences_at_once(tmp_path: Path, host: Host, waits: list[float]) -> None:
    with pytest.raises(OpenbookError, match=r"source 'far': there is no file at .*/gone\.warc\.gz \(.*404"):
        build(tmp_path, warc_source(f"{host.url}/gone.warc.gz"))
    host.before = lambda asked: Answer(401)
    with pytest.raises(OpenbookError, match="not for everyone"):
        build(tmp_path, warc_source(f"{host.url}/a/file.bin"))
    assert waits == []


def test_host_that_cannot_be_reached_is_a_sentence(tmp_path: Path, waits: list[float]) -> None:
    with pytest.raises(OpenbookError, match=r"ConnectError.*8 times in a row; try again later"):
        build(tmp_path, warc_source("http://127.0.0.1:9/a.warc.gz"))
    assert len(waits) == 7


def test_one_failure_stops_the_others_that_wait(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that back off for minutes do not hold up the message of the one that failed."""
    monkeypatch.setattr(elsewhere, "gate", lambda: Gate(BackOff(first=300)))
    slow = threading.Event()

    def before(asked: Asked) -> Answer:
        if asked.path == "/slow":
            slow.set()
            return Answer(503)
        slow.wait(5)
        return Answer(404)

    host.before = before
    with pytest.raises(OpenbookError, match=r"there is no file at .*/z/missing"):
        build(tmp_path, warc_source(f"{host.url}/slow", f"{host.url}/z/missing"))


def test_downloaded_warc_is_read_and_only_its_content_decides(tmp_path: Path, host: Host) -> None:
    host.files = {"/x/one.warc.gz": joined(crawl(3), "gzip"), "/x/two.warc": joined(crawl(2), "plain")}
    sources = build(tmp_path, warc_source(f"{host.url}/x/one.warc.gz", f"{host.url}/x/two.warc?signed=1"))
    assert [file.name for file in sources.files] == ["far/one.warc.gz", "far/two.warc"]
    for file, content in zip(sources.files, host.files.values(), strict=True):
        assert file.sha256 == hashlib.sha256(content).hexdigest() and file.size == len(content)
    pages = [page for file in sources.files for page in read(file, sources.locate(file.name))]
    assert [page.url for page in pages] == [url(at) for at in (0, 1, 2, 0, 1)]
    assert sources.files[0].origin == f"{host.url}/x/one.warc.gz"
    again = build(tmp_path, warc_source(f"{host.url}/x/one.warc.gz", f"{host.url}/x/two.warc?signed=1"))
    assert (again.folder / "files.jsonl").read_bytes() == (sources.folder / "files.jsonl").read_bytes()
    assert str(tmp_path) not in (sources.folder / "files.jsonl").read_text()


def test_emptied_cache_is_filled_with_the_same_bytes_or_a_sentence(tmp_path: Path, host: Host) -> None:
    host.files = {"/one.warc.gz": joined(crawl(3), "gzip")}
    sources = build(tmp_path, warc_source(f"{host.url}/one.warc.gz"))
    context = Context(local(1), quiet(), tmp_path / "other cache")
    path = sources.locate("far/one.warc.gz")
    path.unlink()
    with pytest.raises(OpenbookError, match=r"downloaded from http.*gone from the cache"):
        Sources.open(sources.folder).locate("far/one.warc.gz")
    sources.restore(context)
    assert sources.locate("far/one.warc.gz").read_bytes() == host.files["/one.warc.gz"]
    sources.locate("far/one.warc.gz").unlink()
    host.files["/one.warc.gz"] = joined(crawl(4), "gzip")
    with pytest.raises(OpenbookError, match="does not hold the file any more"):
        sources.restore(context)


def test_columns_of_a_remote_file_are_checked(tmp_path: Path, host: Host) -> None:
    host.files = {"/t.jsonl.gz": gzip.compress(b'{"body": "Bonjour."}\n', mtime=0)}
    source = JsonlSource(kind="jsonl", name="far", paths=[f"{host.url}/t.jsonl.gz"])
    with pytest.raises(OpenbookError, match=r"/t\.jsonl\.gz has no column 'text'; it has body"):
        build(tmp_path, source)
    sources = build(tmp_path, source.model_copy(update={"columns": Columns(text="body")}))
    assert [page.text for page in read(sources.files[0], sources.locate("far/t.jsonl.gz"))] == ["Bonjour."]


def test_addresses_are_not_looked_for_on_this_machine(tmp_path: Path) -> None:
    source = warc_source("https://example.org/a.warc.gz", "s3://bucket/b/*.warc.gz")
    assert local_files([source], tmp_path) == [] and listing([source], tmp_path)


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["https://example.org/*.warc.gz"], "https cannot list files"),
        (["https://example.org/a/"], "names no file"),
        (["https://one.org/a.warc", "https://two.org/a.warc"], "would both be called 'far/a.warc'"),
        (["nosuch://x/a.warc"], r"nosuch:// cannot be read here .*openbook\[remote\]"),
    ],
)
def test_addresses_that_name_no_file_are_sentences(tmp_path: Path, paths: list[str], sentence: str) -> None:
    with pytest.raises(OpenbookError, match=sentence):
        build(tmp_path, warc_source(*paths))


def test_recipe_refuses_passwords_and_remote_folders() -> None:
    validate = TypeAdapter[SourceSettings](SourceSettings).validate_python
    with pytest.raises(ValidationError, match="must not hold a password"):
        validate({"kind": "warc", "name": "a", "paths": ["https://me:secret@example.org/a.warc"]})
    with pytest.raises(ValidationError, match="folders must lie on this machine"):
        validate({"kind": "html", "name": "a", "paths": ["https://example.org/"]})


def test_any_protocol_of_fsspec_is_read(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("b/2.warc", "a/1.warc", "a/1.txt"):
        memory.pipe(f"/crawl/{name}", joined(crawl(2), "plain"))
    sources = build(tmp_path, warc_source("memory://crawl/**/*.warc"))
    assert [file.name for file in sources.files] == ["far/a/1.warc", "far/b/2.warc"]
    with pytest.raises(OpenbookError, match=r"there is no file at memory://crawl/none\.warc"):
        build(tmp_path, warc_source("memory://crawl/none.warc"))
    with pytest.raises(OpenbookError, match="source 'far' is empty: no file matches"):
        build(tmp_path, warc_source("memory://crawl/*.none"))


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[str]:
    """A real FTP server on loopback that gives out `tmp_path/ftp`; its address."""
    with ftp_server(tmp_path) as (address, _):
        yield address


@contextmanager
def ftp_server(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Its address, and what ends all connections, as the server does with those that it has not heard of for long."""
    pytest.importorskip("pyftpdlib")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    (tmp_path / "ftp").mkdir()
    users = DummyAuthorizer()
    users.add_anonymous(str(tmp_path / "ftp"))
    handler = type("Handler", (FTPHandler,), {"authorizer": users, "banner": "ready", "timeout": None})
    server = FTPServer(("127.0.0.1", 0), handler)
    stopping, ending, ended = threading.Event(), threading.Event(), threading.Event()

    def serving() -> None:
        while not stopping.is_set():
            server.serve_forever(timeout=0.05, blocking=False)
            server.ioloop.sched.poll()
            if ending.is_set():
                open_ones = [one for one in server.ioloop.socket_map.values() if isinstance(one, FTPHandler)]
                for one in open_ones:
                    one.handle_timeout()
                ended.set()
                ending.clear()

    def end() -> None:
        ending.set()
        assert ended.wait(60)

    thread = threading.Thread(target=serving)
    thread.start()
    try:
        yield f"ftp://127.0.0.1:{server.address[1]}", end
    finally:
        stopping.set()
        thread.join()
        server.close_all()


def test_a_protocol_that_names_its_host_is_read_and_what_is_not_there_is_a_sentence(
    tmp_path: Path, ftp: str, waits: list[float]
) -> None:
    (tmp_path / "ftp" / "crawl").mkdir()
    data = [joined(crawl(number), "gzip") for number in range(1, 9)]
    for number, content in enumerate(data, 1):
        (tmp_path / "ftp" / "crawl" / f"{number}.warc.gz").write_bytes(content)
    one = build(tmp_path, warc_source(f"{ftp}/crawl/1.warc.gz"))
    assert one.locate("far/1.warc.gz").read_bytes() == data[0]
    every = build(tmp_path, warc_source(f"{ftp}/crawl/*.warc.gz"))
    assert [file.name for file in every.files] == [f"far/{number}.warc.gz" for number in range(1, 9)]
    assert [every.locate(file.name).read_bytes() for file in every.files] == data
    assert waits == []
    with pytest.raises(OpenbookError, match=r"none\.warc"):
        build(tmp_path, warc_source(f"{ftp}/crawl/none.warc"))
    with pytest.raises(OpenbookError, match=r"github://nobody/a\.warc: files of github:// cannot be read here"):
        build(tmp_path, warc_source("github://nobody/a.warc"))


def test_a_connection_that_the_server_ended_is_made_anew(tmp_path: Path) -> None:
    from openbook.corpus.sources.remote.objects import Objects

    with ftp_server(tmp_path) as (ftp, end):
        for name in ("a", "b"):
            (tmp_path / "ftp" / name).mkdir()
            (tmp_path / "ftp" / name / "1.warc").write_bytes(b"x")
        objects = Objects(iter)
        assert objects.expand(f"{ftp}/a/*.warc") == [f"{ftp}/a/1.warc"]
        end()
        assert objects.expand(f"{ftp}/b/*.warc") == [f"{ftp}/b/1.warc"]


def test_a_folder_that_cannot_be_listed_is_no_empty_one(
    tmp_path: Path, ftp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a crawl would pass for the whole: fsspec's own glob leaves such a folder out without a word."""
    from fsspec.implementations.ftp import FTPFileSystem

    from openbook.corpus.sources.remote.backoff import PassingError
    from openbook.corpus.sources.remote.objects import Objects

    for name in ("a", "b"):
        (tmp_path / "ftp" / name).mkdir()
        (tmp_path / "ftp" / name / "1.warc").write_bytes(b"x")
    assert Objects(iter).expand(f"{ftp}/*/*.warc") == [f"{ftp}/a/1.warc", f"{ftp}/b/1.warc"]
    plain = FTPFileSystem.ls

    def failing(self: FTPFileSystem, path: str, **options: object) -> object:
        if path.endswith("/b"):
            raise TimeoutError("no answer")
        return plain(self, path, **options)

    monkeypatch.setattr(FTPFileSystem, "ls", failing)
    with pytest.raises(PassingError, match="no answer"):
        Objects(iter).expand(f"{ftp}/*/*.warc")


def store_environment(monkeypatch: pytest.MonkeyPatch, host: Host, **keys: str) -> None:
    pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "AWS_ENDPOINT_URL": host.url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name, value in {**settings, **keys}.items():
        monkeypatch.setenv(name, value)


def test_object_store_that_is_open_to_all_needs_no_keys(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_environment(monkeypatch, host)
    host.files = {"/bucket/a.warc.gz": joined(crawl(3), "gzip")}
    s3(host)
    sources = build(tmp_path, warc_source("s3://bucket/a.warc.gz"))
    assert sources.locate("far/a.warc.gz").read_bytes() == host.files["/bucket/a.warc.gz"]
    assert host.asked and not any("authorization" in one.headers for one in host.asked)


def test_object_store_is_listed_and_read_in_pieces(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    from openbook.corpus.sources.remote import objects

    store_environment(monkeypatch, host, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")
    monkeypatch.setattr(objects, "_PIECE", 1000)
    content = joined(crawl(30), "gzip")
    host.files = {"/bucket/crawl/a.warc.gz": content, "/bucket/crawl/b.warc.gz": content, "/bucket/other": b"x"}
    s3(host)
    sources = build(tmp_path, warc_source("s3://bucket/crawl/*.warc.gz"))
    assert [file.name for file in sources.files] == ["far/a.warc.gz", "far/b.warc.gz"]
    assert {file.sha256 for file in sources.files} == {hashlib.sha256(content).hexdigest()}
    assert [file.origin for file in sources.files] == ["s3://bucket/crawl/a.warc.gz", "s3://bucket/crawl/b.warc.gz"]
    assert len([one for one in host.of("/bucket/crawl/a.warc.gz") if one.range]) == -(-len(content) // 1000)
    with pytest.raises(OpenbookError, match="there is no file at s3://bucket/none"):
        build(tmp_path, warc_source("s3://bucket/none"))


def test_two_runs_that_share_a_cache_do_not_write_into_each_other(tmp_path: Path, host: Host) -> None:
    sent: list[int] = []

    def before(asked: Asked) -> Answer:
        answer = host.file(asked)
        sent.append(answer.status)
        return answer

    host.before = before
    found: list[bytes] = []
    runs = [
        threading.Thread(
            target=lambda: found.append(downloads(tmp_path).fetch(f"{host.url}/a/file.bin").path.read_bytes())
        )
        for _ in range(4)
    ]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert found == [DATA] * 4 and sorted(sent) == [200, 304, 304, 304]


def test_full_disk_is_a_sentence_and_the_download_goes_on_later(tmp_path: Path, host: Host) -> None:
    """A bound on the size of files fails a write in the same place as a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OpenbookError, match=r"cannot be written to the cache .*make room and run again"):
            downloads(tmp_path).fetch(f"{host.url}/a/file.bin")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    host.asked.clear()
    assert downloads(tmp_path).fetch(f"{host.url}/a/file.bin").sha256 == DIGEST
    assert [one.range for one in host.asked] == ["bytes=1000000-"]


@pytest.mark.parametrize("name", ["far/..", "far/../../x", "far//x"])
def test_names_from_elsewhere_do_not_lead_out_of_the_artifact(name: str) -> None:
    with pytest.raises(OpenbookError, match="cannot be called"):
        check_names([SourceFile(name, "far", "warc", "", 0)])


def test_source_file_rows_of_older_artifacts_are_still_read() -> None:
    assert SourceFile("a", "b", "warc", "", 0).origin is None
