"""The compiled measures are those of the papers: checked against plain Python and against texts counted by hand."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.corpus.characters import fold
from openbook.corpus.filter import data
from openbook.corpus.statistics import INDEX, MEASURES, measure
from openbook.corpus.word_lists import word_lists
from openbook.corpus.words import lists
from openbook.languages import LANGUAGES
from tests.corpus import reference

PAGES = sorted((Path(__file__).parent.parent / "pages").glob("*/*.html"))

SCRIPTS = [
    "L'homme n'est qu'un roseau, le plus faible de la nature...\nMais c'est un roseau pensant.\n\n- un\n- deux…",
    "Sva ljudska bića rađaju se slobodna i jednaka; 3.14, 12:30 i 1,000. Vidi http://a.b/c?d=e (str. 5).",
    "中文没有空格。日本語もです！ 그러나 한국어는 있습니다.\nขณะนี้ภาษาไทย ไม่มีช่องว่าง។",
    "Ὁ βίος βραχύς, ἡ δὲ τέχνη μακρή.\n\nყველა ადამიანი იბადება თავისუფალი.\nԲոլոր մարդիկ ծնվում են ազատ։",
    "İstanbul'da ÇOK güzel. Straße, STRASSE. ŠŠŠ ǅ",
    "### a # b ... c .... d ……\n* x\n• y\n– z\n\n\n\n--- === ---",
    "a/b x.y.z foo()bar (a)(b) state-of-the-art don't 'quoted' 1.2.3 1.a a.1",
    "e\u0301tude na\u00efve co\u00adop \u200bzero",
    "x",
    "!?",
]


def check(text: str) -> None:
    got, expected = measure(text), reference.measures(text)
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=1e-12), (name, text)
    words = [token.text for token in reference.tokens(text) if token.kind != "symbol"]
    assert got.normal.decode() == " ".join(fold(word) for word in words)


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_measured_as_plain_python_measures_it(text: str) -> None:
    check(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab B.\n,-'#1…中é", max_size=120))
def test_any_text_is_measured_as_plain_python_measures_it(text: str) -> None:
    check(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["to be", "or not", "to", "be.", "\n", "\n\n", "question"]), max_size=80))
def test_repetition_is_counted_as_plain_python_counts_it(parts: list[str]) -> None:
    check(" ".join(parts).strip())


@pytest.mark.parametrize("page", PAGES[:: max(1, len(PAGES) // 12)], ids=lambda page: page.parent.name)
def test_real_pages_are_measured_as_plain_python_measures_them(page: Path) -> None:
    check(page.read_text(encoding="utf-8").strip())


def test_gopher_on_a_text_counted_by_hand() -> None:
    found = measure("the cat sat. the cat sat.\nthe cat sat. the cat sat.", word_lists(["the", "sat", "dog"], []))
    assert found["words"] == 12
    assert found["characters"] == 51
    assert found["word_length"] == 3
    assert found["stop_words"] == 2
    assert found["duplicate_lines"] == 0.5
    assert found["duplicate_line_characters"] == 25 / 51
    # sixteen words with the stops; "the cat" four times, seven characters each
    assert found["top_2_gram"] == 28 / 51
    assert found["alpha_words"] == 12 / 16
    assert found["distinct_words"] == 3 / 12


FERRY = (
    "The boat comes at nine, and the boat comes at ten.\nThe boat comes at nine, and the boat comes at ten.\n\n"
    "Nobody knows why the boat comes at nine, and the boat comes at ten, but it comes.\n\nmenu\nmenu\n\nmenu\nmenu"
)
GREEK_FERRY = (
    "Το πλοίο έρχεται στις εννιά το πρωί κάθε μέρα. Γιατί το πλοίο έρχεται στις εννιά το πρωί κάθε μέρα;\n\n"
    "Το πλοίο έρχεται στις εννιά το πρωί κάθε μέρα.\nΝαι"
)
PEER = (
    *("duplicate_paragraphs", "duplicate_paragraph_characters", "duplicate_lines", "duplicate_line_characters"),
    *(f"top_{n}_gram" for n in (2, 3, 4)),
    *(f"duplicate_{n}_gram" for n in (5, 6, 7, 8, 9, 10)),
    *("short_lines", "repeated_characters"),
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            FERRY,
            "0.25 0.043689 0.571429 0.300971 0.291262 0.378641 0.330097 0.325243 0.281553 0.213592 0.247573 0.291262 "
            "0.325243 0.571429 0.314721",
        ),
        (
            GREEK_FERRY,
            "0 0 0 0 0.258278 0.357616 0.476821 0.403974 0.344371 0.397351 0.450331 0.245033 0.251656 0.333333 0",
        ),
    ],
)
def test_repetition_is_what_datatrove_0_10_1_finds_on_the_same_words(text: str, values: str) -> None:
    found = measure(text)
    assert [round(found[name], 6) for name in PEER] == [float(value) for value in values.split()]


def test_c4_leaves_lines_of_three_words_without_javascript_or_banners() -> None:
    text = "\n".join(
        [
            "This line has enough words. It has two sentences!",
            "Too short.",
            "Please enable JavaScript to see this page.",
            "Read our privacy policy before you go on.",
            "A line that does not end",
            "w" * 1001 + " is too long here.",
        ]
    )
    found = measure(text, lists("en"))
    assert found["sentences"] == 3
    assert found["left_lines"] == pytest.approx(2 / 6)
    assert found["script_lines"] == pytest.approx(1 / 6)
    assert found["policy_lines"] == pytest.approx(1 / 6)


def test_dummy_text_and_braces_are_seen() -> None:
    found = measure("Lorem ipsum dolor sit amet.\nif (x) { y }\nlorem  IPSUM")
    assert found["lorem_ipsum"] == 2
    assert found["brace_lines"] == 1


@pytest.mark.parametrize(
    ("line", "terminal"),
    [
        ("It ends.", 1),
        ("It ends.”", 1),
        ("“It ends!”)", 1),
        ("Է։", 1),
        ("終わり。", 1),
        ("It does not,", 0),
        ("menu", 0),
        ("…", 1),
        ("Πού είναι το βιβλίο;", 1),
        ("Πού είναι το βιβλίο\u037e", 1),
        ("int a;", 0),
        ("هل هذا كتاب؟", 1),
        ("यह एक किताब है।", 1),
        ("ይህ መጽሐፍ ነው።", 1),
        ("នេះជាសៀវភៅ។", 1),
        ("ეს არის წიგნი.", 1),
    ],
)
def test_fineweb_knows_the_terminal_marks_of_other_scripts(line: str, terminal: int) -> None:
    assert measure(line)["terminal_lines"] == terminal


def test_words_of_scripts_without_spaces_are_not_one_long_word() -> None:
    assert measure("人人生而自由,在尊严和权利上一律平等。")["words"] == 17
    assert measure("すべての人間は自由である。")["words"] == 12
    for text in (
        "เราทุกคนเกิดมาอย่างอิสระ",
        "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ",
        "មនុស្សទាំងអស់កើតមកមានសេរីភាព",
        "လူတိုင်းသည်တူညီလွတ်လပ်သော",
        "ꦱꦧꦼꦤ꧀ꦮꦺꦴꦁꦏꦭꦲꦶꦂꦲꦏꦺ",
    ):
        assert measure(text)["word_length"] <= 4, text
        assert measure(text)["words"] >= 5, text


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Please enable JavaScript to see this page."),
        ("fi", "Ota JavaScriptin suoritus käyttöön tällä sivulla."),
        ("hu", "Kapcsolja be a JavaScriptet a böngészőben."),
        ("tr", "Bu sayfa için JavaScript'i etkinleştirin."),
        ("mk", "Овозможете Џаваскрипт за оваа страница."),
        ("ka", "ჩართეთ ჯავასკრიპტი ამ გვერდისთვის."),
    ],
)
def test_lines_about_scripts_are_seen_with_endings_and_in_other_letters(language: str, line: str) -> None:
    assert measure(line, lists(language))["script_lines"] == 1
    assert measure("One of the lines that say nothing of it.", lists(language))["script_lines"] == 0


def test_dummy_text_is_seen_in_other_letters() -> None:
    assert measure("Лорем ипсум је текст без смисла.", lists("sr-Cyrl"))["lorem_ipsum"] == 1
    assert measure("Lorem ipsum dolor sit amet.", lists("sr-Cyrl"))["lorem_ipsum"] == 1


def test_every_language_of_the_table_has_words_of_its_own_and_none_is_lost() -> None:
    for code in LANGUAGES:
        row = data("words")[code]
        found = lists(code)
        assert len(found.stop_words) == len(set(row["stop_words"])) >= 8, code
        assert len(found.phrases) == len(row["phrases"]) >= 1, code


def test_signature_estimates_the_similarity_of_two_texts() -> None:
    words = [f"w{number}" for number in range(600)]
    first, second = " ".join(words), " ".join(words[:540] + [f"x{number}" for number in range(60)])
    one, two = measure(first), measure(second)
    runs = [{tuple(text.split()[i : i + 5]) for i in range(596)} for text in (first, second)]
    jaccard = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    assert (one.signature == two.signature).mean() == pytest.approx(jaccard, abs=0.12)
    assert (one.signature == measure(first.upper()).signature).all()
    assert measure("", values=16).signature.tolist() == [0xFFFFFFFF] * 16


def test_each_measure_has_its_place() -> None:
    assert len(MEASURES) == len(set(MEASURES)) == measure("a b").values.size
    assert INDEX["words"] == 1
