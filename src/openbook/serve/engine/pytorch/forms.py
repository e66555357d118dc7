"""The form an answer must have, held to while it is written: JSON schemas and GBNF grammars, by llguidance."""

from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import any_to_lark
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from openbook.serve.engine.interface import RefusedError, Sampling
from openbook.serve.engine.pytorch.sampler import Logits
from openbook.serve.engine.pytorch.words import Words

COMPACT: Any = {"whitespace_flexible": False}
"""A weak model would otherwise fill its answer with blanks, which JSON allows between any two words."""


class Forms:
    """Makes matchers for one vocabulary; its table is built when a form is first asked for."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._tokenizer: LLTokenizer | None = None

    def of(self, sampling: Sampling) -> "MatchedForm | None":
        """None where no form is asked for; RefusedError where it cannot be held to."""
        if sampling.grammar is not None:
            try:
                grammar = LLMatcher.grammar_from_lark(any_to_lark(sampling.grammar))
            except Exception as trouble:  # the translator raises whatever it stumbles over
                raise RefusedError(
                    f"The grammar cannot be read: {trouble}.", 422, "invalid_grammar", "grammar"
                ) from None
        elif sampling.schema is not None:
            grammar = LLMatcher.grammar_from_json_schema(dict(sampling.schema), overrides=COMPACT)
        else:
            return None
        if self._tokenizer is None:
            ends = sorted(self._words.ends)
            self._tokenizer = LLTokenizer(self._words.definition, n_vocab=self._words.vocabulary, eos_token=ends)
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            told = matcher.get_error().strip().splitlines()[0]
            raise RefusedError(f"The form asked for cannot be enforced: {told}.", 422, "invalid_form")
        return MatchedForm(matcher, self._words.vocabulary)


class MatchedForm:
    """Where in its form one answer stands."""

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._mask = allocate_token_bitmask(1, vocabulary)

    def restrict(self, logits: Logits) -> None:
        fill_next_token_bitmask(self._matcher, self._mask)
        allowed = np.unpackbits(self._mask.view(np.uint8)[0], bitorder="little")[: len(logits)]
        if not allowed.any():
            raise RefusedError(
                f"The form asked for cannot be kept: {self._matcher.get_error() or 'no token fits'}.", 500
            )
        logits[allowed == 0] = -np.inf

    def take(self, token: int) -> None:
        self._matcher.consume_token(token)
