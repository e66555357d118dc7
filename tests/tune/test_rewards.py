"""Verifiable rewards: what counts as right, and what a model that games them gets."""

from fractions import Fraction
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from openbook.corpus.paragraphs import akin
from openbook.corpus.parallel import own_texts
from openbook.errors import OpenbookError
from openbook.tune.rewards import (
    CodeSettings,
    ExactAnswerSettings,
    FormatSettings,
    LanguageSettings,
    RewardSettings,
    check_rows,
    parts,
    total,
)
from openbook.tune.rewards.code import code
from openbook.tune.rewards.exact import exact, number
from openbook.tune.rewards.form import form
from openbook.tune.rewards.language import consistency
from openbook.tune.rewards.sandbox.isolation import isolation


@pytest.mark.parametrize(
    ("text", "decimal_comma", "value"),
    [
        ("1,234.50", False, (Fraction(2469, 2), False)),
        ("1.234,50", True, (Fraction(2469, 2), False)),
        ("1 234,5", True, (Fraction(2469, 2), False)),
        ("1\u202f234,5", True, (Fraction(2469, 2), False)),
        ("−7", False, (Fraction(-7), False)),
        ("**42.**", False, (Fraction(42), False)),
        ("7 %", False, (Fraction(7), True)),
        (".5", False, (Fraction(1, 2), False)),
        ("1e3", False, (Fraction(1000), False)),
        ("3/4", False, (Fraction(3, 4), False)),
        ("٤٢", False, (Fraction(42), False)),
        ("12,34", False, None),
        ("1.234.5", True, None),
        ("1/0", False, None),
        ("five", False, None),
        ("5 km", False, None),
        (".", False, None),
        ("", False, None),
    ],
)
def test_a_number_has_its_value_however_it_is_written(
    text: str, decimal_comma: bool, value: tuple[Fraction, bool] | None
) -> None:
    assert number(text, decimal_comma) == value


@pytest.mark.parametrize(
    ("completion", "answer", "reward"),
    [
        ("So it is\n#### 1,000", "1000", 1.0),
        ("#### 3\nNo, wait.\n#### 4.0", "4", 1.0),
        ("#### 3 or 4", "4", 0.0),
        ("The answer is 4", "4", 0.0),
        ("#### 60", "60 %", 0.0),
        ("#### 60%", "60 %", 1.0),
        ("#### ", "0", 0.0),
        ("#### «Zagreb».", "zagreb", 1.0),
        ("#### STRASSE", "Straße", 1.0),
        ("#### München", "Mu\u0308nchen", 1.0),
        ("#### Paris", ["Lutetia", "Paris"], 1.0),
        ("#### 1e999999999", "4", 0.0),
    ],
)
def test_the_answer_is_what_follows_the_marker(completion: str, answer: Any, reward: float) -> None:
    judge = exact(ExactAnswerSettings(marker="####"))
    assert judge(["?"], [completion], answer=[answer]) == [reward]
    assert judge([[]], [[{"role": "assistant", "content": completion}]], answer=[answer]) == [reward]


def test_without_a_marker_the_whole_completion_is_the_answer_and_tolerance_is_relative() -> None:
    assert exact(ExactAnswerSettings())(["?"] * 2, ["4.0", "It is 4"], answer=["4", "4"]) == [1.0, 0.0]
    close = exact(ExactAnswerSettings(tolerance=0.01))
    assert close(["?"] * 2, ["1009", "1011"], answer=["1000", "1000"]) == [1.0, 0.0]


SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "number"}, "currency": {"enum": ["EUR", "SEK"]}},
    "required": ["amount", "currency"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("completion", "reward"),
    [
        ('{"amount": 5, "currency": "EUR"}', 1.0),
        ('  {"currency": "SEK", "amount": 5.5}\n', 1.0),
        ('{"amount": "5", "currency": "EUR"}', 0.0),
        ('{"amount": NaN, "currency": "EUR"}', 0.0),
        ('{"amount": 5, "amount": 6, "currency": "EUR"}', 0.0),
        ('Here: {"amount": 5, "currency": "EUR"}', 0.0),
        ("[" * 100_000, 0.0),
        ("", 0.0),
    ],
)
def test_a_json_schema_is_kept_by_the_whole_completion(completion: str, reward: float) -> None:
    assert form(FormatSettings(json_schema=SCHEMA))(["?"], [completion]) == [reward]


def test_a_fence_is_looked_into_only_where_the_recipe_allows_it() -> None:
    fenced = '```json\n{"amount": 5, "currency": "EUR"}\n```'
    assert form(FormatSettings(json_schema=SCHEMA))(["?"], [fenced]) == [0.0]
    assert form(FormatSettings(json_schema=SCHEMA, fenced=True))(["?"], [fenced]) == [1.0]


def test_a_pattern_is_matched_by_the_whole_completion_in_linear_time() -> None:
    thinking = form(FormatSettings(pattern=r"<think>.*</think>\s*\d+"))
    assert thinking(["?"] * 3, ["<think>a\nb</think>\n7", "<think>a</think> 7 or 8", "7"]) == [1.0, 0.0, 0.0]
    assert form(FormatSettings(pattern="(a|a)*b"))(["?"], ["a" * 100_000]) == [0.0]


def test_a_pattern_or_schema_in_error_is_named_before_the_first_step() -> None:
    with pytest.raises(OpenbookError, match="no look-around"):
        form(FormatSettings(pattern="(?=a)a"))
    with pytest.raises(OpenbookError, match="no schema"):
        form(FormatSettings(json_schema={"type": "objekt"}))
    with pytest.raises(ValidationError, match="needs one of pattern and json_schema"):
        FormatSettings()


def test_a_schema_is_never_fetched_from_the_web() -> None:
    judge = form(FormatSettings(json_schema={"$ref": "http://127.0.0.1:9/schema.json"}))
    with pytest.raises(OpenbookError, match="does not lie in it"):
        judge(["?"], ["{}"])


def _namespaces() -> bool:
    try:
        isolation("namespaces")
    except OpenbookError:
        return False
    return True


namespaces = pytest.mark.skipif(not _namespaces(), reason="this machine gives no namespaces")
TESTS = ["assert double(2) == 4", "assert double('a') == 'aa'", "assert double(-1) == -2"]
RIGHT = "Like this:\n```python\ndef double(x):\n    return x + x\n```\nDone."
HALF = "def double(x):\n    return 2 + x"


@namespaces
@pytest.mark.parametrize(
    ("completion", "reward"),
    [
        (RIGHT, 1.0),
        (HALF, 1 / 3),
        ("def double(x) return", 0.0),
        ("import sys\nsys.exit(0)", 0.0),
        ("import os\nos._exit(0)", 0.0),
        ("while True: pass", 0.0),
        ("print(open('/program.py').read(), __import__('sys').stdin.read())", 0.0),
        ("for i in range(3): print('\\nword', i)\nprint('word end')", 0.0),
        ("import subprocess\nsubprocess.run(['true'])", 0.0),
        ("", 0.0),
    ],
)
def test_code_gets_the_share_of_the_tests_that_it_passes(completion: str, reward: float) -> None:
    judge = code(CodeSettings(all_or_nothing=False, cpu_seconds=1))
    assert judge(["?"], [completion], tests=[TESTS]) == [pytest.approx(reward)]


@namespaces
def test_all_or_nothing_is_the_rule_and_workers_decide_nothing() -> None:
    completions, tests = [RIGHT, HALF, "1/0", RIGHT], [TESTS] * 4
    one, four = code(CodeSettings()), code(CodeSettings(workers=4))
    assert one(["?"] * 4, completions, tests=tests) == four(["?"] * 4, completions, tests=tests) == [1.0, 0.0, 0.0, 1.0]


@namespaces
def test_cases_are_judged_outside_by_what_is_printed() -> None:
    cases = [{"input": "1 2\n", "output": "3"}, {"input": "10 5\n", "output": "15\n"}]
    program = "a, b = map(int, input().split())\nprint(a + b)"
    cheat = "print(3)"
    judge = code(CodeSettings(all_or_nothing=False))
    assert judge(["?"] * 2, [program, cheat], cases=[cases, cases]) == [1.0, 0.5]


@namespaces
def test_without_tests_code_must_come_to_its_end() -> None:
    assert code(CodeSettings())(["?"] * 2, ["x = 1", "raise ValueError"]) == [1.0, 0.0]


TEXTS = own_texts()


@pytest.mark.parametrize("wanted", sorted(TEXTS))
def test_a_text_is_in_its_language_and_not_in_another(wanted: str) -> None:
    """On the parallel texts: every line by itself, and lines of another language among them."""
    judge = consistency(LanguageSettings())
    lines = TEXTS[wanted]
    assert judge(["?"] * len(lines), lines, language=[wanted] * len(lines)) == [1.0] * len(lines)
    codes = sorted(TEXTS)
    other = next(
        one for one in codes[codes.index(wanted) + 1 :] + codes if not akin(one, wanted) and not akin(wanted, one)
    )
    strange = " ".join(TEXTS[other])
    mixed = "\n".join([*lines, *TEXTS[other]])
    found = judge(["?"] * 2, [strange, mixed], language=[wanted] * 2)
    assert found[0] <= 0.05
    assert 0.35 <= found[1] <= 0.65


def test_a_drift_in_the_middle_of_a_paragraph_is_seen() -> None:
    """Half of the sentences in English, all on one line: what models do that reason in the language they know best."""
    mixed = " ".join(one for pair in zip(TEXTS["fi"], TEXTS["en"], strict=True) for one in pair)
    judge = consistency(LanguageSettings(language="fi"))
    assert judge(["?"], [mixed])[0] < 0.8
    assert judge(["?"], [" ".join([*TEXTS["fi"], *TEXTS["en"]])])[0] == pytest.approx(0.5, abs=0.12)


def test_the_language_is_that_of_the_prompt_where_nobody_names_one() -> None:
    judge = consistency(LanguageSettings())
    prompt = [{"role": "system", "content": "You help."}, {"role": "user", "content": " ".join(TEXTS["de"][:2])}]
    answers = [[{"role": "assistant", "content": " ".join(TEXTS[one][3:6])}] for one in ("de", "en")]
    assert judge([prompt, prompt], answers) == [1.0, 0.0]


def test_a_short_text_is_not_judged_by_its_words_but_by_its_script() -> None:
    judge = consistency(LanguageSettings())
    answers = ["42", "Paris", "Angela Merkel", "OK", "Москва", "", "```\nprint('hello world, this is code')\n```"]
    assert judge(["?"] * 7, answers, language=["de"] * 7) == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]


def test_code_formulas_and_addresses_have_no_language() -> None:
    text = TEXTS["lv"][0] + "\n```python\nfor every person in the library: print('books are free of charge')\n```\n"
    text += "$ x = \\text{the number of all the books} $ https://example.org/this/is/an/english/address"
    assert consistency(LanguageSettings(language="lv"))(["?"], [text]) == [1.0]


def test_a_prompt_that_tells_no_language_asks_for_none() -> None:
    assert consistency(LanguageSettings())(["2+2=?"], [TEXTS["mt"][0]]) == [1.0]
    with pytest.raises(OpenbookError, match="no language 'german'"):
        consistency(LanguageSettings(language="german"))


def test_the_sum_is_weighted_and_each_part_can_be_logged() -> None:
    settings = TypeAdapter(list[RewardSettings]).validate_python(
        [
            {"kind": "exact", "weight": 2.0, "marker": "####"},
            {"kind": "language", "name": "tongue", "weight": 0.5},
            {"kind": "format", "pattern": ".{0,10}", "weight": -1.0},
        ]
    )
    made = parts(settings)
    assert [part.reward.__name__ for part in made] == ["exact", "tongue", "format"]
    found = total(made, ["?", "?"], [f"{TEXTS['de'][0]}\n#### 7", "#### 8"], answer=["7", "7"], language=["de", "de"])
    assert found.parts == {"exact": [1.0, 0.0], "tongue": [1.0, 1.0], "format": [0.0, 1.0]}
    assert found.total == [2.5, -0.5]
    assert found.means() == {"reward": 1.0, "rewards/exact": 0.5, "rewards/tongue": 1.0, "rewards/format": 0.5}


def test_rows_that_lack_what_a_reward_needs_are_named_before_the_first_step() -> None:
    made = parts([ExactAnswerSettings(column="solution")])
    with pytest.raises(OpenbookError, match=r"'solution' in every row; 2 of 3 rows lack it \(row 2, 3\)"):
        check_rows(made, [{"solution": "1"}, {}, {"solution": None}])
    with pytest.raises(OpenbookError, match="named 'exact'"):
        parts([ExactAnswerSettings(), ExactAnswerSettings()])
    with pytest.raises(OpenbookError, match="no reward"):
        parts([])
