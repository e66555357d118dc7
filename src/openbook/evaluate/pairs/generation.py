"""Pairs out of a treebank: each a real sentence, and the same with one agreement, mutation or order broken.

| name | what is broken | needs |
|---|---|---|
| SV-#, SV-P, SV-G | the finite verb (or its auxiliary) no longer agrees with its subject | lemmas, features |
| NP-#, NP-G, NP-C, NP-D | an adjective or determiner no longer agrees with its noun | lemmas, features |
| MUT | a word that a preposition or article mutates stands unmutated or mutated otherwise (Celtic) | lemmas, features |
| ART | the Maltese article does not take up the consonant it stands before | the text |
| ORDER | a preposition stands behind its noun | relations |
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openbook.evaluate.pairs.conllu import Sentence, Word, read
from openbook.evaluate.pairs.items import Pair
from openbook.evaluate.pairs.lexicon import Lexicon, in_place_of

LONGEST = 60
"""Words; longer sentences say little about one of them."""
FEATURES = {"#": "Number", "P": "Person", "G": "Gender", "C": "Case", "D": "Definite"}
NOUNS = ("NOUN", "PROPN", "PRON")
UNSURE = ("conj", "nummod", "appos", "flat", "list")
"""A subject with one of these may take either number."""
POSTPOSED = ("et", "eu", "fi", "hu", "ka", "tr", "hy", "la")
"""Languages with postpositions, or in which an adposition may stand on either side: no ORDER pairs."""
CORONALS = "ċdnrstxżz"
"""Maltese consonants that the article's l becomes like."""


@dataclass(frozen=True)
class Change:
    phenomenon: str
    word: Word
    text: str
    """The broken sentence."""
    form: str


def generate(paths: Sequence[Path], language: str, license: str | None = None, most: int = 500) -> list[Pair]:
    """At most `most` pairs of each phenomenon, spread over the treebank by a hash, in the order of its sentences.

    All files teach the forms; all give sentences. Raises OpenbookError for files that are not CoNLL-U.
    """
    sentences = [(path.name, sentence) for path in paths for sentence in read(path)]
    lexicon = Lexicon(sentence for _, sentence in sentences)
    found: dict[str, list[tuple[str, int, Pair]]] = {}
    for at, (file, sentence) in enumerate(sentences):
        if len(sentence.words) > LONGEST:
            continue
        for change in _changes(sentence, lexicon, language):
            if change.text == sentence.text:
                continue
            source = f"{file}, {sentence.id}"
            what = f"word {change.word.index}: {change.word.form} -> {change.form}"
            pair = Pair(language, change.phenomenon, sentence.text, change.text, source, what, license)
            key = hashlib.sha256(f"{source}\x00{what}".encode()).hexdigest()
            found.setdefault(change.phenomenon, []).append((key, at, pair))
    chosen = [row for name in sorted(found) for row in sorted(sorted(found[name])[:most], key=lambda row: row[1:2])]
    return [pair for _, _, pair in chosen]


def _changes(sentence: Sentence, lexicon: Lexicon, language: str) -> Iterator[Change]:
    for word in sentence.words:
        if word.start is None:
            continue
        yield from _subject_verb(sentence, word, lexicon)
        yield from _noun_phrase(sentence, word, lexicon)
        yield from _mutation(sentence, word, lexicon)
        if language == "mt":
            yield from _article(sentence, word)
        if language not in POSTPOSED:
            yield from _order(sentence, word)


def _swap(sentence: Sentence, word: Word, feature: str, name: str, lexicon: Lexicon) -> Iterator[Change]:
    for form in lexicon.wrong_forms(word, feature)[:1]:
        placed = in_place_of(word, form)
        yield Change(name, word, sentence.replaced(word, placed), placed)


def _subject_verb(sentence: Sentence, subject: Word, lexicon: Lexicon) -> Iterator[Change]:
    if subject.base_relation != "nsubj" or subject.upos not in NOUNS or not subject.head:
        return
    if any(child.base_relation in UNSURE for child in sentence.children.get(subject.index, ())):
        return
    head = sentence.words[subject.head - 1]
    helpers = [word for word in sentence.children.get(head.index, ()) if word.base_relation in ("aux", "cop")]
    finite = [
        word
        for word in [head, *helpers]
        if word.upos in ("VERB", "AUX") and word.start is not None and word.feats.get("VerbForm", "Fin") == "Fin"
    ]
    for sign in "#PG":
        feature = FEATURES[sign]
        for verb in finite[:1]:
            if verb.feats.get(feature) and verb.feats[feature] == subject.feats.get(feature):
                yield from _swap(sentence, verb, feature, f"SV-{sign}", lexicon)


def _noun_phrase(sentence: Sentence, word: Word, lexicon: Lexicon) -> Iterator[Change]:
    if word.base_relation not in ("amod", "det") or word.upos not in ("ADJ", "DET") or not word.head:
        return
    noun = sentence.words[word.head - 1]
    if noun.upos not in ("NOUN", "PROPN"):
        return
    if any(child.base_relation in UNSURE for child in sentence.children.get(noun.index, ())):
        return
    for sign in "#GCD":
        feature = FEATURES[sign]
        if word.feats.get(feature) and word.feats[feature] == noun.feats.get(feature):
            yield from _swap(sentence, word, feature, f"NP-{sign}", lexicon)


def _mutation(sentence: Sentence, word: Word, lexicon: Lexicon) -> Iterator[Change]:
    before = sentence.words[word.index - 2] if word.index > 1 else None
    if word.upos not in ("NOUN", "ADJ") or before is None or before.upos not in ("ADP", "DET"):
        return
    for feature in ("Form", "Mutation"):
        if word.feats.get(feature) in ("Len", "Ecl", "SM", "NM", "AM", "HPref"):
            yield from _swap(sentence, word, feature, "MUT", lexicon)


def _article(sentence: Sentence, word: Word) -> Iterator[Change]:
    """`fin-Naxxar` -> `fil-Naxxar`, `il-ktieb` -> `ik-ktieb`: only where the noun follows without a space."""
    form = word.form
    follows = sentence.text[(word.start or 0) + len(form) :][:1].lower()
    if len(form) < 3 or not form.endswith("-") or form[-3].lower() not in "aiu" or not follows.isalpha():
        return
    if form[-2].lower() == follows and follows in CORONALS:
        broken = form[:-2] + "l-"
    elif form[-2].lower() == "l" and follows not in CORONALS + "laeiouhgħjw":
        broken = form[:-2] + follows + "-"
    else:
        return
    yield Change("ART", word, sentence.replaced(word, broken), broken)


def _order(sentence: Sentence, word: Word) -> Iterator[Change]:
    """Preposition and noun change places, where the noun stands alone behind it."""
    if word.base_relation != "case" or word.upos != "ADP" or word.head != word.index + 1 or word.start is None:
        return
    noun = sentence.words[word.index]
    between = sentence.text[word.start + len(word.form) : noun.start]
    if noun.start is None or noun.upos not in ("NOUN", "PROPN") or between != " ":
        return
    first, second = in_place_of(word, noun.form), word.form if word.form.isupper() else word.form.lower()
    end = noun.start + len(noun.form)
    text = f"{sentence.text[: word.start]}{first} {second}{sentence.text[end:]}"
    yield Change("ORDER", word, text, f"{first} {second}")
