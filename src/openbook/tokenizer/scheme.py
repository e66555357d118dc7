"""What all our tokenizers share: split pattern, special tokens, the characters that stand for bytes, chat template.

Split patterns and their names: `tokenizer.json` of Qwen3.5 and Llama 3, and `llama-vocab.cpp` of llama.cpp
(LLAMA_VOCAB_PRE_TYPE_QWEN35, LLAMA_VOCAB_PRE_TYPE_LLAMA3), which implements each under its name only.
"""

from dataclasses import dataclass
from functools import cache

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
PAD = "<|pad|>"

CHAT_TEMPLATE = (
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class Scheme:
    """A way of splitting text into pieces; merges never cross from one piece to the next."""

    name: str
    """As llama.cpp calls it (`tokenizer.ggml.pre`)."""
    pattern: str
    marks_in_words: bool
    digits: int
    """How many digits at most stand together."""
    whole_pieces_first: bool
    """A piece that is a vocabulary entry is taken whole before merges are tried (llama.cpp does so for this name)."""


SCHEMES = {
    "single": Scheme(
        "qwen35",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
        r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        True,
        1,
        False,
    ),
    "triple": Scheme(
        "llama-bpe",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        False,
        3,
        True,
    ),
}
QWEN35 = SCHEMES["single"]


def special_tokens(reserved: int) -> list[str]:
    """In the order of their ids, from 0."""
    return [END_OF_TEXT, TURN_START, TURN_END, PAD, *(f"<|reserved_{number}|>" for number in range(reserved))]


def byte_order() -> list[int]:
    """The 256 bytes in the order of their ids: that of the characters that stand for them."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return visible + [byte for byte in range(256) if byte not in set(visible)]


@cache
def byte_characters() -> tuple[str, ...]:
    """The character that stands for each byte in tokenizer.json (GPT-2's table): itself where it can be seen."""
    characters = [""] * 256
    for place, byte in enumerate(byte_order()):
        characters[byte] = chr(byte) if place < 188 else chr(256 + place - 188)
    return tuple(characters)


@cache
def character_bytes() -> dict[str, int]:
    """Byte by the character that stands for it in a byte-level vocabulary."""
    return {character: byte for byte, character in enumerate(byte_characters())}


def written(token: bytes) -> str:
    """A token as tokenizer.json spells it."""
    characters = byte_characters()
    return "".join(characters[byte] for byte in token)


def spelled(name: str) -> bytes:
    """The bytes of an entry of tokenizer.json; KeyError for a character that stands for no byte."""
    table = character_bytes()
    return bytes(table[character] for character in name)
