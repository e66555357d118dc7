"""Tiny random models as transformers writes them, with a real tokenizer: what other people's folders look like."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
import transformers
from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>", *(f"<|reserved_{n}|>" for n in range(12))]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


class Parallel:
    """The parallel text that lies in the package, as the stages see it."""

    def __init__(self, languages: list[str] | None = None) -> None:
        self.folder = files("openbook.corpus") / "parallel_text"
        found = sorted(Path(path.name).stem for path in self.folder.iterdir() if path.name.endswith(".txt"))
        self.languages = languages or found

    def lines(self, language: str) -> list[str]:
        return (self.folder / f"{language}.txt").read_text(encoding="utf-8").splitlines()


@cache
def tokenizer_json(vocabulary: int, pattern: str = QWEN35) -> str:
    parallel = Parallel()
    tokenizer = HuggingFaceTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = [line for code in parallel.languages for line in parallel.lines(code)]
    tokenizer.train_from_iterator([*lines, *(line.upper() for line in lines)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIALS[0]} $A", special_tokens=[(SPECIALS[0], 0)]
    )
    return tokenizer.to_str()


def write_tokenizer(folder: Path, vocabulary: int = 800, pattern: str = QWEN35) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer_json(vocabulary, pattern), encoding="utf-8")
    names = {"bos_token": SPECIALS[0], "eos_token": SPECIALS[0], "pad_token": SPECIALS[3]}
    extra = {"add_bos_token": True, "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | extra), encoding="utf-8")


def write_model(folder: Path, seed: int = 0, loud: float = 3.0, **shape: object) -> Path:
    """A random Llama with grouped-query attention. `loud` scales its matrices, so that errors show in the logits."""
    settings: dict[str, object] = {
        "vocab_size": 800,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 3,
    }
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**(settings | shape)))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(loud)
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):  # transformers begins with zeros, which any order of rows would fit
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return folder
