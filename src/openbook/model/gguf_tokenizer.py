"""How a `tokenizer.json` is said in GGUF's `tokenizer.*` keys, so that llama.cpp splits and merges the same way.

llama.cpp re-implements the split patterns by name; an unknown or wrong name loads and degrades quietly. So a pattern
that stands in no row of `PRE_TOKENIZERS` is refused here, and what is written is compared token by token afterwards.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json

if TYPE_CHECKING:
    from gguf import GGUFWriter

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CONTRACTIONS_SPELT = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_REST = {
    "qwen35": r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama-bpe": r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
PRE_TOKENIZERS = {start + rest: name for name, rest in _REST.items() for start in (_CONTRACTIONS, _CONTRACTIONS_SPELT)}
"""Split pattern of tokenizer.json -> `tokenizer.ggml.pre`."""
BUILT_IN = {("ByteLevel",): "gpt-2", ("Digits", "ByteLevel"): "smollm"}
"""Stages that split by GPT-2's pattern, which stands in the library, digits one by one before it or not."""

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
END_OF_TURN = ("<|im_end|>", "<|eot_id|>")


@dataclass(frozen=True)
class GgufTokenizer:
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    bos: int
    eos: int
    pad: int | None
    end_of_turn: int | None
    add_bos: bool
    chat_template: str | None

    @classmethod
    def read(cls, folder: Path, rows: int, bos: int, eos: int) -> "GgufTokenizer":
        """From a model folder whose embedding has `rows` rows; `bos` and `eos` where tokenizer_config.json names none.

        Raises OpenbookError for a tokenizer that llama.cpp would not follow exactly.
        """
        path = folder / "tokenizer.json"
        content = read_json(path)
        settings = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
        _refuse_unlike(content, path)
        tokens, types = _vocabulary(content, rows, path)
        ids = {token: index for index, token in enumerate(tokens)}
        pad = ids.get(_text(settings.get("pad_token")) or "")
        template = folder / "chat_template.jinja"
        return cls(
            pre=pre_tokenizer(content, path),
            tokens=tokens,
            types=types,
            merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]],
            bos=ids.get(_text(settings.get("bos_token")) or "", bos),
            eos=ids.get(_text(settings.get("eos_token")) or "", eos),
            pad=pad,
            end_of_turn=next((ids[token] for token in END_OF_TURN if token in ids), None),
            add_bos=_adds_bos(content, settings),
            chat_template=settings.get("chat_template") or (template.read_text("utf-8") if template.exists() else None),
        )

    def write(self, writer: "GGUFWriter") -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        writer.add_bos_token_id(self.bos)
        writer.add_eos_token_id(self.eos)
        if self.pad is not None:
            writer.add_pad_token_id(self.pad)
        if self.end_of_turn is not None:
            writer.add_eot_token_id(self.end_of_turn)
        writer.add_add_bos_token(self.add_bos)
        if self.chat_template:
            writer.add_chat_template(self.chat_template)


def pre_tokenizer(content: dict[str, Any], path: Path) -> str:
    """llama.cpp's name for the split pattern of a tokenizer.json. Raises OpenbookError where it has none."""
    stage = content.get("pre_tokenizer") or {}
    stages = stage.get("pretokenizers", [stage])
    if built_in := _built_in(stages):
        return built_in
    patterns = [part["pattern"].get("Regex", "") for part in stages if part.get("type") == "Split"]
    name = PRE_TOKENIZERS.get(patterns[0]) if len(patterns) == 1 else None
    byte_level = [part for part in stages if part.get("type") == "ByteLevel"]
    if name is None or len(byte_level) != 1 or byte_level[0].get("use_regex", True):
        raise OpenbookError(
            f"{path} splits text in a way that llama.cpp has no name for ({patterns or stage.get('type')}): "
            f"only the patterns {', '.join(_REST)} can be exported. Train the tokenizer with one of them."
        )
    return name


def _built_in(stages: list[dict[str, Any]]) -> str | None:
    last = stages[-1]
    as_gpt2 = last.get("use_regex", True) and not last.get("add_prefix_space", True)
    apart = all(part.get("individual_digits") for part in stages[:-1])
    return BUILT_IN.get(tuple(part.get("type", "") for part in stages)) if as_gpt2 and apart else None


def begins(folder: Path) -> bool:
    """Whether a model folder's tokenizer puts its start token in front of every text."""
    path = folder / "tokenizer_config.json"
    return _adds_bos(read_json(folder / "tokenizer.json"), read_json(path) if path.exists() else {})


def split_stages(name: str) -> list[dict[str, Any]] | None:
    """The stages of a tokenizer.json that split as llama.cpp does under a name; None for a name not known here."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": name not in _REST}
    if name in _REST:
        pattern = {"Regex": _CONTRACTIONS + _REST[name]}
        return [{"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}, byte_level]
    kinds = next((kinds for kinds, known in BUILT_IN.items() if known == name), None)
    if kinds is None:
        return None
    return [{"type": kind, "individual_digits": True} if kind == "Digits" else byte_level for kind in kinds]


def _refuse_unlike(content: dict[str, Any], path: Path) -> None:
    model = content.get("model") or {}
    if model.get("type") != "BPE":
        raise OpenbookError(f"{path} is a {model.get('type')} tokenizer; only byte-level BPE can be exported.")
    if content.get("normalizer"):
        kind = content["normalizer"].get("type")
        raise OpenbookError(f"{path} normalizes text ({kind}), which llama.cpp would not do: train one that does not.")


def _vocabulary(content: dict[str, Any], rows: int, path: Path) -> tuple[list[str], list[int]]:
    """One token and type for each row of the embedding; rows that no token has become unused placeholders."""
    tokens = {index: token for token, index in content["model"]["vocab"].items()}
    types = dict.fromkeys(tokens, NORMAL)
    for added in content.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    if tokens and max(tokens) >= rows:
        raise OpenbookError(f"{path} has the token id {max(tokens)}, the model's embedding only {rows} rows.")
    unused = {index: f"[PAD{index}]" for index in range(rows) if index not in tokens}
    tokens |= unused
    types |= dict.fromkeys(unused, UNUSED)
    return [tokens[index] for index in range(rows)], [types[index] for index in range(rows)]


def _adds_bos(content: dict[str, Any], settings: dict[str, Any]) -> bool:
    if "add_bos_token" in settings:
        return bool(settings["add_bos_token"])
    processor = content.get("post_processor") or {}
    parts = processor.get("processors", [processor])
    return any(part.get("type") == "TemplateProcessing" and "SpecialToken" in part["single"][0] for part in parts)


def _text(token: Any) -> str | None:
    """A special token of tokenizer_config.json: a string, or an object with `content`."""
    return token.get("content") if isinstance(token, dict) else token
