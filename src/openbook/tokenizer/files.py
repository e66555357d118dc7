"""The tokenizer's files, as `tokenizers`, `transformers` and llama.cpp's converters read them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.store import write_bytes
from openbook.tokenizer.scheme import CHAT_TEMPLATE, END_OF_TEXT, PAD, TURN_END, TURN_START, Scheme, written

if TYPE_CHECKING:
    from openbook.tokenizer.merges import Merges  # compiles

DEFINITION = "tokenizer.json"
CONFIGURATION = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"


def write(folder: Path, merges: "Merges", specials: list[str], scheme: Scheme) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    _write_json(folder / DEFINITION, definition(merges, specials, scheme))
    marked = {token: number for number, token in enumerate(specials)}
    names = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": PAD}
    configuration = {
        **names,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
        "added_tokens_decoder": {str(number): _special(token) for token, number in marked.items()},
        "additional_special_tokens": [TURN_START, TURN_END],
        "chat_template": CHAT_TEMPLATE,
    }
    _write_json(folder / CONFIGURATION, configuration)
    _write_json(folder / SPECIAL_TOKENS, {**names, "additional_special_tokens": [TURN_START, TURN_END]})


def definition(merges: "Merges", specials: list[str], scheme: Scheme) -> dict[str, Any]:
    """The content of tokenizer.json."""
    first = len(specials)
    names = [written(token) for token in merges.tokens]
    vocabulary = {token: number for number, token in enumerate([*specials, *names])}
    pairs = [[names[left - first], names[right - first]] for left, right in merges.pairs.tolist()]
    begin = [{"SpecialToken": {"id": END_OF_TEXT, "type_id": 0}}]
    first_part = [{"Sequence": {"id": "A", "type_id": 0}}]
    second_part = [{"Sequence": {"id": "B", "type_id": 1}}]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, **_special(token)} for number, token in enumerate(specials)],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": scheme.pattern}, "behavior": "Isolated", "invert": False},
                byte_level,
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": begin + first_part,
            "pair": begin + first_part + second_part,
            "special_tokens": {END_OF_TEXT: {"id": END_OF_TEXT, "ids": [0], "tokens": [END_OF_TEXT]}},
        },
        "decoder": {**byte_level, "add_prefix_space": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": scheme.whole_pieces_first,
            "vocab": vocabulary,
            "merges": pairs,
        },
    }


def merges_of(model: dict[str, Any]) -> list[tuple[str, str]]:
    """The merges of a tokenizer.json's model; older files write a pair as one text with a space."""
    pairs = (pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model["merges"])
    return [(left, right) for left, right in pairs]


def _special(token: str) -> dict[str, Any]:
    return {
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_bytes(path, json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")
