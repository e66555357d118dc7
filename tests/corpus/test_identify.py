"""Which language a page is in: as py3langid says where it is sure, and better than it among near relatives."""

from pathlib import Path

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from openbook.corpus.extract import extract
from openbook.corpus.identify import declared_code, identifier, letters_by_script
from openbook.corpus.naive_bayes import NaiveBayes
from openbook.languages import LANGUAGES

PAGES = Path(__file__).parent.parent / "pages"

# ruff: noqa: E501
# Article 1 of the Universal Declaration of Human Rights.
ARTICLE = {
    "mt": "Il-bnedmin kollha jitwieldu ħielsa u ugwali fid-dinjità u d-drittijiet. Huma mogħnija bir-raġuni u bil-kuxjenza "
    "u għandhom iġibu ruħhom ma’ xulxin bi spirtu ta’ aħwa.",
    "ga": "Saolaítear gach duine den chine daonna saor agus comhionann i ndínit agus i gcearta. Tá bua an réasúin agus an "
    "choinsiasa acu agus ba cheart dóibh gníomhú i dtreo a chéile i spiorad an bhráithreachais.",
    "nb": "Alle mennesker er født frie og med samme menneskeverd og menneskerettigheter. De er utstyrt med fornuft og "
    "samvittighet og bør handle mot hverandre i brorskapets ånd.",
    "nn": "Alle menneske er fødde til fridom og med same menneskeverd og menneskerettar. Dei har fått fornuft og samvit og "
    "skal leve med kvarandre som brør.",
    "sr-Cyrl": "Сва људска бића рађају се слободна и једнака у достојанству и правима. Она су обдарена разумом и свешћу и "
    "треба једни према другима да поступају у духу братства.",
    "mk": "Сите човечки суштества се раѓаат слободни и еднакви по достоинство и права. Тие се обдарени со разум и совест и "
    "треба да се однесуваат еден кон друг во духот на општо човечката припадност.",
    "fo": "Øll menniskju eru fødd fræls og jøvn til virðingar og mannarættindi. Tey hava skil og samvitsku og eiga at fara "
    "hvørt um annað í bróðuranda.",
    "lb": "All Mënsch kënnt fräi a mat deer selwechter Dignitéit an dene selwechte Rechter op d'Welt. Jiddereen huet säi "
    "Verstand a säi Gewësse krut a soll an engem Geescht vu Bridderlechkeet deenen anere géintiwwer handelen.",
}


@pytest.mark.parametrize("code", ARTICLE)
def test_small_languages_are_known(code: str) -> None:
    found = identifier().identify(ARTICLE[code])
    assert found.language == code
    assert found.score > 0.8


def test_the_compiled_walk_scores_as_py3langid_does() -> None:
    peer = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model = identifier().model
    assert isinstance(model, NaiveBayes)
    peer.set_languages(sorted(set(model.labels)))
    for text in [*ARTICLE.values(), "a", "İSTANBUL", "12 34", "A" * 3000]:
        mine, theirs = identifier().probabilities(text), dict(peer.rank(text[:2000]))
        for label, share in mine.items():
            assert share == pytest.approx(theirs[label], abs=1e-3)


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_pages_of_every_language_are_identified(code: str) -> None:
    """Bosnian and Montenegrin share most sentences with their neighbors: there the page's declaration counts."""
    pages = [extract(page.read_bytes()) for page in sorted((PAGES / code).glob("*.html"))]
    assert len(pages) >= 2
    found = [identifier().identify(page.text, page.language).language for page in pages]
    assert found.count(code) >= len(pages) - (code == "cnr")  # one of its pages declares nothing
    if code not in ("bs", "cnr"):
        assert [identifier().identify(page.text).language for page in pages] == [code] * len(pages)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "hr",
            "Tijekom tjedna kliknite na poveznicu kako biste preuzeli datoteku. Uvjeti vrijede za svatko tko sudjeluje.",
        ),
        (
            "sr-Latn",
            "Tokom nedelje kliknite na vezu da biste preuzeli datoteku. Uslovi važe za svakoga ko učestvuje, gde god.",
        ),
        (
            "bs",
            "Lahko je naći općinu u Sarajevu. Tokom sedmice uslovi vrijede za svakoga ko piše historiju ove zemlje.",
        ),
        (
            "cnr",
            "Nijesam znao đe je Podgorica, ali sjutra idem. Opština će obezbijediti prevoz za Crnogorce iz Cetinja.",
        ),
    ],
)
def test_the_second_look_tells_the_four_apart(code: str, text: str) -> None:
    assert identifier().identify(text).language == code


def test_a_declaration_decides_between_equals_but_not_against_the_text() -> None:
    neutral = "Dobar dan. Hvala na pitanju. Ovo je jedan kratak tekst bez posebnih oznaka."
    assert identifier().identify(neutral, "bs").language == "bs"
    assert identifier().identify(neutral, "sr-Latn").language == "sr-Latn"
    assert identifier().identify(ARTICLE["mt"], "en").language == "mt"


def test_serbian_is_told_by_its_script() -> None:
    cyrillic = identifier().identify(ARTICLE["sr-Cyrl"], "sr-Latn")
    assert (cyrillic.language, cyrillic.script_share) == ("sr-Cyrl", 1.0)


def test_letters_are_counted_by_script() -> None:
    assert letters_by_script("abč, где; ქარ 12 Ω ա 中") == {
        "Latn": 3,
        "Cyrl": 3,
        "Grek": 1,
        "Geor": 3,
        "Armn": 1,
        "other": 1,
    }


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        *(("en-US", "en"), ("no", "nb"), ("sr@latin", "sr-Latn"), ("sr-Latn-RS", "sr-Latn"), ("sr", "sr-Cyrl")),
        *(("sr-ME", "cnr"), ("PT_br", "pt"), ("zz", None), ("", None), (None, None), ("-", None)),
    ],
)
def test_declared_codes_lead_to_the_table(declared: str | None, code: str | None) -> None:
    assert declared_code(declared) == code


def test_what_is_no_language_is_unknown() -> None:
    assert identifier().identify("").language == "und"
    assert (
        identifier().identify("Все люди рождаются свободными и равными в своем достоинстве и правах.").language == "ru"
    )
