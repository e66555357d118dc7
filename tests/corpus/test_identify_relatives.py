"""The second look: near relatives apart by what each alone writes; and what holds for any text whatever."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openbook.corpus.identify import declared_code, identifier
from openbook.corpus.varieties import families
from openbook.languages import LANGUAGES

# ruff: noqa: E501
# One announcement in each standard, written for this test.
ANNOUNCEMENT = {
    "hr": "Općina je priopćila da će se tijekom sljedećeg tjedna, od prvog do petog ožujka, održati natječaj za sveučilišne knjižnice. Tko želi sudjelovati, mora ispuniti uvjete i platiti tisuću eura. Također, u kazalištu će nastupiti skladatelj iz Europe.",
    "bs": "Općina je saopćila da će se tokom naredne sedmice, od prvog do petog marta, održati konkurs za univerzitetske biblioteke. Ko želi učestvovati, mora ispuniti uslove i platiti hiljadu eura. Također, u pozorištu će nastupiti kompozitor iz Evrope, a historija kahve bit će predstavljena uposlenicima.",
    "sr-Latn": "Opština je saopštila da će se tokom naredne nedelje, od prvog do petog marta, održati konkurs za univerzitetske biblioteke. Ko želi da učestvuje, mora da ispuni uslove i plati hiljadu evra. Takođe, u pozorištu će nastupiti kompozitor iz Evrope, a istorija kafe biće predstavljena zaposlenima posle podne.",
    "cnr": "Opština je saopštila da će se sjutra, od prvog do petog marta, održati konkurs za univerzitetske biblioteke. Ko želi da učestvuje, mora da ispuni uslove i plati hiljadu eura. Nijesmo znali đe će biti pozorište. Takođe, istorija Crne Gore biće predstavljena śutra poslije podne.",
    "nb": "Kommunen opplyser at biblioteket åpner neste uke. De som ønsker å være med, må fylle ut skjemaet selv. Hvis noen ikke kan komme, bør de ringe kontoret før møtet. Det blir gitt mer hjelp til alle brukere.",
    "nn": "Kommunen opplyser at biblioteket opnar neste veke. Dei som ønskjer å vere med, må fylle ut skjemaet sjølve. Dersom nokon ikkje kan kome, bør dei ringje kontoret før møtet. Det vert gjeve meir hjelp til alle brukarar.",
}


@pytest.mark.parametrize("code", ANNOUNCEMENT)
def test_each_standard_is_known_without_a_declaration(code: str) -> None:
    found = identifier().identify(ANNOUNCEMENT[code])
    assert found.language == code
    assert found.score > 0.8


@pytest.mark.parametrize("code", ["bs", "cnr", "hr", "sr-Latn"])
@pytest.mark.parametrize("declared", ["bs", "cnr", "hr", "sr-Latn"])
def test_a_declaration_does_not_win_against_clear_evidence(code: str, declared: str) -> None:
    assert identifier().identify(ANNOUNCEMENT[code], declared).language == code


def test_the_two_letters_of_montenegrin_are_enough() -> None:
    text = "Śutra će padati snijeg u planinama, a na moru će biti lijepo vrijeme. Iźelica nije pośećena."
    assert identifier().identify(text).language == "cnr"


def test_the_runner_up_is_the_next_of_the_family() -> None:
    found = identifier().identify("Dobar dan. Hvala na pitanju. Ovo je jedan kratak tekst bez posebnih oznaka.", "bs")
    assert found.language == "bs"
    assert found.runner_up in {"hr", "cnr", "sr-Latn"}
    assert 0 < found.runner_up_score < found.score


def test_every_piece_of_evidence_is_for_members_of_its_family() -> None:
    for family in families():
        assert all(word.isalpha() for place in (family.whole, family.beginnings, family.ends) for word in place)
        members = set(family.prior)
        assert set(family.label) == members
        assert set(family.silence) <= members
        for place in (family.whole, family.beginnings, family.ends):
            assert all(set(gains) <= members for gains in place.values())
        assert all(set(gains) <= members for _, gains in family.patterns)


ANY = st.one_of(
    st.text(max_size=400), st.binary(max_size=600).map(lambda data: data.decode("utf-8", "surrogateescape"))
)


@given(ANY, st.one_of(st.none(), st.sampled_from(sorted(LANGUAGES)), st.text(max_size=12)))
@example("\ud800", None)
@example("\x00\n\x00", "sr-Latn")
@example("ś" * 3000, "cnr")
@example("ИЖ" * 1500, "-")
@settings(max_examples=100, deadline=None)
def test_any_text_has_an_answer_with_a_score_and_always_the_same(text: str, declared: str | None) -> None:
    found = identifier().identify(text, declared)
    assert found.language
    assert 0.0 <= found.score <= 1.0
    assert 0.0 <= found.script_share <= 1.0
    assert 0.0 <= found.runner_up_score <= found.score
    assert found == identifier().identify(text, declared)
    assert declared_code(declared) is None or declared_code(declared) in LANGUAGES


def test_a_letter_said_a_thousand_times_takes_no_longer() -> None:
    """The evidence is linear in the text, whatever stands in it."""
    text = ("t će " * 400)[:2000]
    identifier().identify(text)
    began = time.process_time()
    for _ in range(20):
        identifier().identify(text)
    assert time.process_time() - began < 2.0


OWN = {
    "bs": [
        "Općinsko vijeće usvojilo je budžet za narednu godinu. Predsjedavajući je kazao da će sredstva biti usmjerena na "
        "obnovu saobraćajnica i škola. Uposlenici su također dobili povećanje plata, saopćeno je nakon sjednice.",
        "Moja nana je svakog jutra pekla hljeb i kuhala kahvu. Djeca iz komšiluka dolazila su da slušaju priče o starom "
        "gradu, o čaršiji i mahalama. Niko nije umio pričati kao ona, a svi smo se lahko nasmijali.",
        "Fakultet je objavio konkurs za prijem studenata. Kandidati trebaju dostaviti svjedočanstvo. Rok za prijavu je "
        "trideseti septembar, a spisak primljenih bit će objavljen sedmicu kasnije.",
    ],
    "cnr": [
        "Savjet za konkurenciju donio je rješenje kojim se preduzeću zabranjuje da mijenja cijene bez saglasnosti. Odluka "
        "je stupila na snagu u junu, a primjedbe se mogu podnijeti u roku od osam dana. Takođe, predviđene su kazne.",
        "Istorija naše opštine bogata je događajima. U muzeju se čuvaju predmeti iz rimskog doba, a posjetioci mogu "
        "vidjeti i rukopise. Uopšte uzev, interesovanje je poraslo, naročito ljeti, kada dolaze gosti iz inostranstva.",
        "Ovđe niko nije viđeo vuka, ali su ga viđeli onđe, poviše katuna. Prekosjutra ćerko, neđelja je.",
    ],
    "hr": [
        "Gradsko vijeće prihvatilo je proračun za iduću godinu. Predsjednik je rekao da će novac biti uložen u obnovu "
        "prometnica i škola. Djelatnici komunalne tvrtke također su dobili povećanje plaća.",
        "Moja je baka svako jutro pekla kruh. Djeca iz susjedstva dolazila su slušati priče o starom gradu. Nitko nije "
        "znao pričati kao ona, a svi smo se lako nasmijali.",
    ],
    "sr-Latn": [
        "Skupština opštine usvojila je budžet za narednu godinu. Predsednik je rekao da će novac biti uložen u obnovu "
        "puteva i škola. Zaposleni u javnom preduzeću takođe će dobiti veće plate, saopšteno je posle sednice.",
        "Deca su sa obale gledala kako lađa prolazi. Niko nije umeo da priča kao stari čamdžija, a svi smo se smejali.",
    ],
}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in OWN.items() for text in texts])
def test_public_life_tells_the_standards_apart(code: str, text: str) -> None:
    assert identifier().identify(text).language == code


NEUTRAL = "Dobar dan. Hvala na pitanju. Ovo je jedan kratak tekst bez posebnih oznaka."


@pytest.mark.parametrize(
    ("address", "code"),
    [
        *(("https://www.example.ba/a", "bs"), ("https://example.hr", "hr")),
        *(("https://EXAMPLE.RS/vesti", "sr-Latn"), ("https://example.com/ba/me.hr", None), ("", None), ("[::", None)),
    ],
)
def test_the_country_in_the_address_decides_between_equals(address: str, code: str | None) -> None:
    found = identifier().identify(NEUTRAL, url=address)
    assert found.language == (code or identifier().identify(NEUTRAL).language)


def test_the_domain_of_montenegro_needs_a_text_in_ijekavian_as_others_like_it_too() -> None:
    text = "Djeca su vidjela kako brod prolazi, a niko nije znao gdje ide. Takođe, luka nije bila daleko."
    assert identifier().identify(text, url="http://example.me:8080/").language == "cnr"
    assert identifier().identify(text).language != "cnr"
    assert identifier().identify(NEUTRAL, url="http://example.me:8080/").language != "cnr"


def test_the_country_in_the_address_does_not_win_against_the_text() -> None:
    for code in ("bs", "hr", "sr-Latn"):
        for top in ("ba", "hr", "rs"):
            assert identifier().identify(OWN[code][0], url=f"https://example.{top}/").language == code
    assert (
        identifier().identify("This page is in English, wherever its server stands.", url="https://a.me").language
        == "en"
    )


def test_a_page_in_latin_letters_that_declares_serbian_declares_serbian_in_latin_letters() -> None:
    assert identifier().identify(NEUTRAL, "sr").language == "sr-Latn"
    assert identifier().identify(NEUTRAL, "sr-RS").language == "sr-Latn"
