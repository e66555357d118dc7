"""License lineage against what the licenses' own stewards publish about compatibility."""

import pytest

from openbook.errors import OpenbookError
from openbook.release.licenses import CANDIDATES, Input, combine, demand, look_up, options, table


def base(license: str | None, name: str = "the base") -> Input:
    return Input("base model", name, license)


def data(license: str | None, name: str = "some texts") -> Input:
    return Input("data", name, license)


def teacher(license: str | None) -> Input:
    return Input("teacher", "the teacher", license)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # https://www.gnu.org/licenses/license-list.html and gpl-faq.html#AllCompatibility
        ("Apache-2.0", "GPL-3.0-or-later"),
        ("MIT", "GPL-2.0-or-later"),
        ("GPL-2.0-or-later", "GPL-3.0-or-later"),
        ("GPL-3.0-only", "AGPL-3.0-or-later"),
        # https://creativecommons.org/share-your-work/licensing-considerations/compatible-licenses/
        ("CC-BY-SA-4.0", "GPL-3.0-or-later"),
        ("CC-BY-SA-3.0", "CC-BY-SA-4.0"),
        ("CC0-1.0", "CC-BY-NC-4.0"),
        # https://www.mozilla.org/en-US/MPL/2.0/FAQ/ : secondary licenses
        ("MPL-2.0", "GPL-2.0-or-later"),
    ],
)
def test_what_the_stewards_call_compatible_goes(first: str, second: str) -> None:
    assert combine([base(first)]).blocks(second) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GPL-3.0-or-later", "CC-BY-SA-4.0"),  # one-way, says Creative Commons
        ("GPL-2.0-only", "GPL-3.0-or-later"),  # says the Free Software Foundation
        ("Apache-2.0", "GPL-2.0-only"),
        ("AGPL-3.0-only", "GPL-3.0-or-later"),
        ("CC-BY-SA-4.0", "Apache-2.0"),
        ("CC-BY-NC-4.0", "CC-BY-4.0"),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0"),  # no adaptation may be shared at all
        ("CC-BY-4.0", "CC0-1.0"),
        ("GFDL-1.3-or-later", "GPL-3.0-or-later"),
    ],
)
def test_what_they_call_incompatible_is_blocked_and_the_input_named(first: str, second: str) -> None:
    [block] = combine([base(first, "elder-7b")]).blocks(second)
    assert block.input.name == "elder-7b"
    assert first in str(block)


def test_a_model_distilled_from_a_restricted_one_is_blocked_by_name() -> None:
    lineage = combine([data("CC0-1.0"), Input("teacher", "Llama-3-70B", "llama3")])
    assert lineage.allowed == ()
    with pytest.raises(OpenbookError, match=r"teacher Llama-3-70B \(llama3\): llama3 forbids to train another model"):
        demand(lineage, "Apache-2.0")


def test_output_of_a_later_llama_binds_the_name_and_of_a_free_model_nothing() -> None:
    assert "name begin" in str(combine([teacher("llama3.1")]).blocks("Apache-2.0")[0])
    assert combine([teacher("llama3.1")]).blocks("Apache-2.0", name="Llama-small-mt") == ()
    assert combine([teacher("Apache-2.0")]).allowed == CANDIDATES
    assert combine([teacher("gemma")]).allowed == ("gemma",)


def test_a_finetuned_llama_keeps_its_license() -> None:
    assert combine([base("llama3.3")], name="Llama-mt").allowed == ("llama3.3",)
    assert "openrail" in combine([base("bigscience-openrail-m")]).allowed
    assert "Apache-2.0" not in combine([base("bigscience-openrail-m")]).allowed


def test_the_policy_decides_whether_data_binds() -> None:
    inputs = [data("CC-BY-SA-3.0", "a wiki"), data("MIT")]
    assert combine(inputs, "attribution").allowed == CANDIDATES
    assert combine(inputs, "strict").allowed == ("CC-BY-SA-4.0",)
    obligations = dict(combine(inputs, "attribution").obligations)
    assert "Credit" in combine(inputs).obligations[0][1] and "MIT" in obligations


def test_share_alikes_that_exclude_each_other_leave_nothing() -> None:
    lineage = combine([data("GPL-2.0-only", "old"), data("CC-BY-SA-4.0", "wiki")], "strict")
    assert lineage.allowed == ()
    assert {block.input.name for block in lineage.blocks("GPL-3.0-or-later")} == {"old"}


def test_of_alternatives_one_is_enough_and_of_a_conjunction_all_bind() -> None:
    assert options("MPL-2.0 OR (GPL-2.0-only AND MIT)") == [["MPL-2.0"], ["GPL-2.0-only", "MIT"]]
    assert combine([base("GPL-2.0-only OR MIT")]).blocks("Apache-2.0") == ()
    assert combine([base("GPL-2.0-only AND MIT")]).blocks("Apache-2.0")


def test_an_unknown_license_is_named_and_blocks_where_it_binds() -> None:
    lineage = combine([data(None, "pages"), base("LicenseRef-homemade")])
    assert [one.name for one in lineage.unknown] == ["pages", "the base"]
    assert "not in the table" in str(lineage.blocks("MIT")[0])
    assert "not given" in str(combine([data(None, "pages")], "strict").blocks("MIT")[0])


def test_code_that_made_the_weights_does_not_bind_them() -> None:
    assert combine([Input("code", "a trainer", "GPL-3.0-or-later")]).allowed == CANDIDATES


def test_every_row_has_a_source_and_every_candidate_a_row() -> None:
    assert all(row.source.startswith("https://") for row in table())
    assert all(look_up(candidate) for candidate in CANDIDATES)
