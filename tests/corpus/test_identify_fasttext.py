"""A fastText model by path: what it answers, what stands in the books, and what a bad file is told."""

import struct
from collections.abc import Mapping
from pathlib import Path

import fasttext
import orjson
import pytest

from openbook.corpus import AnnotateSettings, located, named
from openbook.corpus.fasttext_model import check
from openbook.corpus.filter import thresholds
from openbook.corpus.identifiers import score_rule
from openbook.corpus.identify import identifier, table
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES
from tests.corpus.build import annotated, jsonl, sources

# Written for this test.
SENTENCES = {
    "mlt_Latn": "il-bniedem kollu jitwieled ħieles u għandu drittijiet bħal ħaddieħor fid-dinja tagħna llum",
    "nob_Latn": "jeg vet ikke hva hun sier når alle barna kommer hjem fra skolen om kvelden",
    "nno_Latn": "eg veit ikkje kva ho seier når alle borna kjem heim frå skulen om kvelden",
    "hrv_Latn": "svatko tko ovaj tjedan sudjeluje mora znati gdje se nalazi općina i tko je tamo",
    "srp_Latn": "svako ko ove nedelje učestvuje mora da zna gde se nalazi opština i ko je tamo",
    "srp_Cyrl": "свако ко ове недеље учествује мора да зна где се налази општина и ко је тамо",
    "eng_Latn": "everyone who takes part this week must know where the town hall is and who is there",
    "tpi_Latn": "olgeta manmeri i gat wankain namba na rait long dispela graun bilong yumi",
}


def write_model(path: Path, sentences: Mapping[str, str], extra_labels: int = 0) -> Path:
    """A supervised fastText model in its published format: an input row a word, an output row a label, softmax.

    A word's row points at the labels whose sentence holds it, so the model is naive Bayes over whole words.
    """
    labels = [*sentences, *(f"x{at:02}_Zzzz" for at in range(extra_labels))]
    words: dict[str, list[int]] = {}
    for at, sentence in enumerate(sentences.values()):
        for word in sentence.split():
            words.setdefault(word, []).append(at)
    words["</s>"] = list(range(len(labels)))
    dim = len(labels)
    rows = [[10.0 * (at in found) / len(found) for at in range(dim)] for found in words.values()]
    output = [[6.0 * (at == label) for at in range(dim)] for label in range(dim)]
    entries = [(word, 0) for word in words] + [(f"__label__{label}", 1) for label in labels]
    data = struct.pack("<2i", 793712314, 12)
    data += struct.pack("<12i d", dim, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
    data += struct.pack("<3i 2q", len(entries), len(words), len(labels), 1000, -1)
    data += b"".join(name.encode() + b"\0" + struct.pack("<q b", 10, kind) for name, kind in entries)
    for matrix in (rows, output):
        data += b"\0" + struct.pack("<2q", len(matrix), dim)
        data += b"".join(struct.pack(f"<{dim}f", *row) for row in matrix)
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.bin", SENTENCES)


def test_the_model_answers_as_fasttext_itself_does(model: Path) -> None:
    peer = fasttext.load_model(str(model))
    for label, sentence in SENTENCES.items():
        (theirs, *_), (score, *_) = peer.predict(sentence, k=8)
        assert theirs == f"__label__{label}"
        mine = identifier(str(model)).probabilities(sentence)
        assert mine[table()["labels"].get(label, label)] == pytest.approx(score, abs=1e-4)
        assert sum(mine.values()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        *(("mlt_Latn", "mt"), ("nob_Latn", "nb"), ("nno_Latn", "nn"), ("hrv_Latn", "hr"), ("srp_Latn", "sr-Latn")),
        *(("srp_Cyrl", "sr-Cyrl"), ("eng_Latn", "en"), ("tpi_Latn", "tpi_Latn")),
    ],
)
def test_labels_become_codes_and_unknown_ones_are_kept(model: Path, label: str, code: str) -> None:
    found = identifier(str(model)).identify(SENTENCES[label])
    assert found.language == code
    assert found.score > 0.5


def test_the_table_of_labels_leads_to_every_language() -> None:
    reached = set(table()["labels"].values())
    assert set(LANGUAGES) - reached == {"nb", "sr-Latn"}  # under no and sr: the second look tells them
    assert {"no", "sr"} <= reached


def test_the_second_look_serves_a_model_without_a_label_for_bosnian(model: Path) -> None:
    text = "svatko tko zna gdje se nalazi općina. Tokom sedmice uslovi su lahki, kaže historija ove porodice i kahva."
    assert identifier(str(model)).identify(text).language == "bs"


def test_the_digest_stands_in_the_settings_not_the_path(model: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "models" / "other-name.bin"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(model.read_bytes())
    one = named(located(AnnotateSettings(identifier=str(model)), tmp_path))
    other = named(located(AnnotateSettings(identifier="models/other-name.bin"), tmp_path))
    assert one == other
    assert one.identifier.startswith("fasttext sha256:")
    write_model(elsewhere, {**SENTENCES, "eng_Latn": "another sentence makes another model of it"})
    assert named(located(AnnotateSettings(identifier=str(elsewhere)), tmp_path)) != one
    assert named(AnnotateSettings()) == AnnotateSettings()


def test_a_page_is_annotated_by_the_model_and_the_artifact_names_it(model: Path, tmp_path: Path) -> None:
    rows = [{"text": SENTENCES["mlt_Latn"], "url": "https://a.example/1", "language": None}]
    path = jsonl(tmp_path / "in" / "a.jsonl", rows)
    found = sources(tmp_path / "sources", {"a/a.jsonl": path})
    settings = located(AnnotateSettings(identifier=str(model)), tmp_path)
    pages = annotated(tmp_path / "annotated", found, settings=settings)
    import pyarrow.parquet as pq

    assert pq.read_table(pages.parts[0]).column("language").to_pylist() == ["mt"]
    facts = orjson.loads((pages.folder / "identifier.json").read_bytes())
    assert facts == {"identifier": named(settings).identifier, "labels": len(SENTENCES)}
    assert str(tmp_path).encode() not in b"".join(one.read_bytes() for one in pages.folder.rglob("*.json"))


def test_cut_offs_of_fineweb_2_apply_to_glotlid_alone(tmp_path: Path) -> None:
    assert score_rule(tmp_path) == "language_score"
    for labels, rule in ((200, "language_score"), (2102, "glotlid_score")):
        (tmp_path / "identifier.json").write_bytes(orjson.dumps({"identifier": "x", "labels": labels}))
        assert score_rule(tmp_path) == rule
    # FineWeb-2, configs/deu_Latn.yml: language_score 0.821.
    assert thresholds("web", "de", "", {}, "glotlid_score")["glotlid_score"].min == 0.821
    assert "glotlid_score" not in thresholds("web", "de", "", {})
    assert "language_score" not in thresholds("web", "de", "", {}, "glotlid_score")


def broken(model: Path, kind: str) -> bytes:
    data = model.read_bytes()
    return {
        "empty": b"",
        "text": b"this is not a model\n" * 50,
        "cut": data[: len(data) // 2],
        "cut by a byte": data[:-1],
        "version": data[:4] + struct.pack("<i", 99) + data[8:],
        "vectors": data[: 8 + 28] + struct.pack("<i", 2) + data[8 + 32 :],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        *(
            ("empty", "no fastText model"),
            ("text", "no fastText model"),
            ("cut", "cut off"),
            ("cut by a byte", "cut off"),
        ),
        *(("version", "version 99"), ("vectors", "word vectors")),
    ],
)
def test_a_broken_model_is_a_sentence(model: Path, tmp_path: Path, kind: str, told: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(broken(model, kind))
    with pytest.raises(OpenbookError, match=told):
        located(AnnotateSettings(identifier="model.bin"), tmp_path)
    with pytest.raises(OpenbookError, match=told):
        identifier(str(path))


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="there is no identifier"):
        located(AnnotateSettings(identifier="model.bin"), tmp_path)
    with pytest.raises(OpenbookError, match="is a folder"):
        located(AnnotateSettings(identifier="."), tmp_path)


def test_the_number_of_labels_is_read_from_the_head(tmp_path: Path) -> None:
    assert check(write_model(tmp_path / "model.bin", SENTENCES, extra_labels=90)) == len(SENTENCES) + 90
