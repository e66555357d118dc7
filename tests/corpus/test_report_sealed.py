"""Of a document that is sealed for auditors the page shows its id and its rule, and no word of it."""

from pathlib import Path

from openbook.corpus import CorpusSettings
from openbook.corpus.optouts import OptOutSettings
from openbook.corpus.rights import RightsPolicy
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page

OPEN = "And this line is free for everyone to read."
GONE = OptOutSettings(domains=("gone.example",))
HIDDEN = "And this line is for the auditors alone."


def test_no_text_title_or_address_of_a_sealed_document_stands_on_the_page(tmp_path: Path) -> None:
    free = page(f"{TEXT} {OPEN}").replace(b"</head>", b'<link rel="license" href="%s"></head>' % CC_BY)
    records = [
        build.record("https://free.example/", free),
        build.record("https://hidden.example/1", page(f"{TEXT * 2} {HIDDEN}").replace(b"Birds", b"Secret birds")),
        build.record("https://hidden.example/2", page(f"{TEXT * 2} {HIDDEN} And its end.")),
        build.record("https://hidden.example/3", page(HIDDEN)),
        build.record("https://gone.example/essay", page(f"{TEXT} It was taken out.")),
    ]
    sources = build.sources(
        tmp_path / "sources", {"web/a.warc": build.warc(tmp_path / "a.warc", records)}, license=None
    )
    wanted = CorpusSettings(profile="documentation", rights=RightsPolicy(unknown_license="sealed"), optouts=GONE)
    corpus = build.corpus(tmp_path / "corpus", build.annotated(tmp_path / "annotated", sources), wanted)
    rows = [*corpus.documents("en", split=None), *corpus.rejected("en")]
    sealed = [row for row in rows if row["rights"] == "sealed"]
    assert {row["rejected_by"] for row in sealed if "rejected_by" in row} >= {"duplicates:near"}
    html = (corpus.folder / "report.html").read_text()
    assert OPEN in html and "https://free.example/" in html
    assert HIDDEN not in html and "its end" not in html and "Secret" not in html
    assert "https://hidden.example/" not in html
    assert "optout:domain" in html and "gone.example" not in html, "nobody is led to what was taken out"
    for row in sealed:
        at = html.index(f"document {row['id']}")
        assert "sealed: only auditors may read it." in html[html.rindex("<details", 0, at) : at]


CC_BY = b"https://creativecommons.org/licenses/by/4.0/"
