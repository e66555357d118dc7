"""Which words the measures know of each language: stop words, and phrases of banners."""

from functools import cache

from openbook.corpus.filter import data
from openbook.corpus.word_lists import WordLists, no_lists, word_lists


@cache
def lists(language: str) -> WordLists:
    """Empty for a language of which filters/words.toml says nothing."""
    row = data("words").get(language)
    if row is None:
        return no_lists()
    return word_lists(row["stop_words"], row["phrases"], row.get("scripts", ()), row.get("dummies", ()))
