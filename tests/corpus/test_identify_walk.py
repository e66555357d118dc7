"""The compiled identifier, which walks stretches of a text side by side, says what py3langid itself says."""

import math
from functools import cache

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from openbook.corpus.naive_bayes import LANES, NaiveBayes

SENTENCES = (
    "Il-baħar kien kalm u d-dgħajjes reġgħu lura lejn il-port qabel ma niżlet ix-xemx. ",
    "Der Zug fährt um sieben Uhr ab, und wer zu spät kommt, wartet auf den nächsten. ",
    "Η βροχή σταμάτησε το μεσημέρι και τα παιδιά βγήκαν ξανά στην αυλή. ",
)
LABELS = ("de", "el", "en", "fr", "it", "mt", "nl")


@cache
def both() -> tuple[LanguageIdentifier, NaiveBayes]:
    peer = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    peer.set_languages(list(LABELS))
    return peer, NaiveBayes(frozenset(LABELS))


@pytest.mark.parametrize("sentence", SENTENCES, ids=("mt", "de", "el"))
@pytest.mark.parametrize("size", [*range(1, 3 * LANES), 60, 61, 200, 1999, 2000])
def test_texts_of_all_lengths_get_the_probabilities_of_the_peer(sentence: str, size: int) -> None:
    peer, model = both()
    text = (sentence * 40)[:size]
    ours = model.probabilities(text) or dict.fromkeys(
        LABELS, 1 / len(LABELS)
    )  # nothing known: all alike, says the peer
    for label, share in peer.rank(text):
        assert math.isclose(ours.get(str(label), 0.0), float(share), abs_tol=1e-3), (label, share)
