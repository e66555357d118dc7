"""An answer never gives out a run of a removed text, however it is cut into pieces; others come out unchanged."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import serving

from openbook.errors import OpenbookError
from openbook.release import statement
from openbook.release.deletions import Deletions, read, words
from openbook.serve.deletions import FINISH, NOTICE, OutputFilter
from openbook.serve.engine.interface import Delta

WORDS = 8
REMOVED = (
    "Il-baħar kien kwiet, u s-sajjieda telqu kmieni; l-Ġermaniż u l-Griek (ΚΑΛΗΜΕΡΑ!) raw erba' dgħajjes blu "
    "ħerġin mill-port, waħda wara l-oħra, qabel ma telgħet ix-xemx fuq il-gżira ta' Għawdex."
)
LIST = Deletions(b"salt", {}).with_texts([REMOVED], WORDS)


def plain(text: str) -> list[str]:
    """The tests' own way to words: letters and digits, in small letters."""
    return re.sub(r"[\W_]+", " ", text.lower()).split()


def repeats(text: str) -> bool:
    said, gone = plain(text), plain(REMOVED)
    runs = {tuple(gone[at : at + WORDS]) for at in range(len(gone) - WORDS + 1)}
    return any(tuple(said[at : at + WORDS]) in runs for at in range(len(said)))


def answered(pieces: list[Delta], lists: tuple[Deletions, ...] = (LIST,)) -> list[Delta]:
    async def start() -> AsyncIterator[Delta]:
        for piece in pieces:
            yield piece

    async def collected() -> list[Delta]:
        return [piece async for piece in OutputFilter(lists).filtered(start)]

    return asyncio.run(collected())


@st.composite
def answers(draw: st.DrawFn) -> str:
    """Passages of the removed text of any length, with other words around them, in other letters and marks."""
    parts, gone = [], REMOVED.split()
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            first = draw(st.integers(0, len(gone) - 1))
            passage = gone[first : first + draw(st.integers(1, 14))]
            change = draw(st.sampled_from([str, str.upper, lambda word: f"«{word}»,"]))
            parts.append(draw(st.sampled_from([" ", "\n\n", " – "])).join(map(change, passage)))
        else:
            parts.append(" ".join(draw(st.lists(st.sampled_from(["sea", "għajn", "42", "l-", "…"]), max_size=6))))
    return " ".join(parts)


@given(answers(), st.data())
@settings(max_examples=300, deadline=None)
def test_no_run_of_a_removed_text_comes_out_wherever_the_pieces_are_cut(answer: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=30)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    deltas = [Delta(text=piece) for piece in pieces]
    if data.draw(st.booleans()):
        deltas.append(Delta(finish="stop"))
    found = answered(deltas)
    said = "".join(piece.text for piece in found)
    if repeats(answer):
        assert said.endswith(NOTICE)
        assert found[-1].finish == FINISH
        kept = said.removesuffix(NOTICE)
        assert answer.startswith(kept)
        assert not repeats(kept)
    else:
        assert found == deltas


def test_reasoning_and_arguments_of_tools_are_filtered_too() -> None:
    half = len(REMOVED) // 2
    thought = [Delta(reasoning=REMOVED[:half]), Delta(reasoning=REMOVED[half:]), Delta(text="Yes.", finish="stop")]
    found = answered(thought)
    assert found[-1].finish == FINISH
    assert not repeats("".join(piece.reasoning for piece in found))
    call = {
        "index": 0,
        "id": "1",
        "function": {"name": "post", "arguments": json.dumps({"body": REMOVED}, ensure_ascii=False)},
    }
    found = answered([Delta(text="Posting. "), Delta(tool_calls=(call,)), Delta(finish="tool_calls")])
    assert found[-1].finish == FINISH
    assert found[0].text == "Posting. "
    assert not any(piece.tool_calls for piece in found)


def test_the_engine_is_left_as_soon_as_an_answer_is_stopped() -> None:
    read_on: list[bool] = []

    async def start() -> AsyncIterator[Delta]:
        try:
            yield Delta(text=REMOVED + " ")
            read_on.append(True)
        finally:
            read_on.append(False)

    async def collected() -> list[Delta]:
        return [piece async for piece in OutputFilter((LIST,)).filtered(start)]

    assert asyncio.run(collected())[-1].finish == FINISH
    assert read_on == [False]


def test_the_list_holds_no_word_of_the_text_and_short_texts_stop_nothing() -> None:
    written = statement.signed(LIST.statement(), None).decode()
    assert not any(word in written.lower() for word in plain(REMOVED) if len(word) > 4)
    assert not LIST.with_texts(["one two three"], WORDS).holds("one two three")
    assert LIST.with_texts(["a text of just nine words that is short"], 20).holds(
        "It said: “A text of JUST nine words, that is short!”"
    )
    with pytest.raises(OpenbookError, match="cannot be filtered"):
        LIST.with_texts([REMOVED], 3)


def test_letters_in_two_encodings_are_one_word() -> None:
    assert words("Cafe\u0301 ﬁne") == words("CAFÉ fine")


def test_a_changed_list_is_refused_before_anything_listens(tmp_path: Path) -> None:
    path = tmp_path / "deletions.json"
    path.write_bytes(statement.signed({**LIST.statement(), "texts": 0}, None).replace(b'"texts":0', b'"texts":[]'))
    with pytest.raises(OpenbookError, match="no deletion list"):
        read(path)
    path.write_bytes(b"[]")
    with pytest.raises(OpenbookError, match="changed"):
        read(path)


@pytest.fixture(scope="module")
def quoting(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the tiny model of random weights says by itself, and a list that holds it."""
    with serving(tiny_gguf) as running, running.client() as client:
        asked = {"model": client.get("/v1/models").json()["data"][0]["id"], "prompt": "a", "max_tokens": 200}
        answer = client.post("/v1/completions", json=asked | {"seed": 0}).json()
        assert client.get("/v1/models").json()["openbook"]["removed_texts_filtered"] is False
    text = answer["choices"][0]["text"]
    path = tmp_path_factory.mktemp("list") / "deletions.json"
    path.write_bytes(statement.signed(Deletions(b"s", {}).with_texts([text], WORDS).statement(), None))
    return text, path


def test_a_real_server_stops_a_repeated_text_streamed_or_whole(tiny_gguf: Path, quoting: tuple[str, Path]) -> None:
    text, path = quoting
    assert len(words(text)) > WORDS
    with serving(tiny_gguf, deletions=[str(path)]) as running, running.client() as client:
        listed = client.get("/v1/models").json()
        assert listed["openbook"]["removed_texts_filtered"] is True
        asked = {"model": listed["data"][0]["id"], "prompt": "a", "max_tokens": 200, "seed": 0}
        choice = client.post("/v1/completions", json=asked).json()["choices"][0]
        assert choice["finish_reason"] == FINISH
        assert choice["text"].endswith(NOTICE)
        kept = choice["text"].removesuffix(NOTICE)
        assert text.startswith(kept)
        assert len(words(kept)) < len(words(text))
        assert streamed(client, asked) == choice["text"]


def streamed(client: httpx.Client, asked: dict[str, object]) -> str:
    said = ""
    with client.stream("POST", "/v1/completions", json=asked | {"stream": True}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                said += "".join(choice["text"] for choice in json.loads(line[6:])["choices"])
    return said
