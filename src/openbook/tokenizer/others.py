"""What would our languages pay with another tokenizer? The same price list for any tokenizer.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.tokenizer import files, measure, page
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.content import halves
from openbook.tokenizer.encoder import load
from openbook.tokenizer.measure import PriceList
from openbook.tokenizer.train import held_out


def compare(
    tokenizer: Tokenizer, others: Mapping[str, Path], parallel: ParallelText, corpus: Corpus | None, page_path: Path
) -> dict[str, PriceList]:
    """Price lists of `tokenizer` ("this") and of each other tokenizer.json, and a page with them side by side."""
    _, half = halves(parallel, None if corpus is None else corpus.languages)
    texts = held_out(corpus) if corpus is not None else {}
    found = {"this": prices_of_file(tokenizer.folder / files.DEFINITION, half.texts, texts, half.scales)}
    for name, path in others.items():
        found[name] = prices_of_file(path / files.DEFINITION if path.is_dir() else path, half.texts, texts, half.scales)
    page.write(page_path, found)
    return found


def prices_of_file(
    path: Path, parallel: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]], scales: Mapping[str, float]
) -> PriceList:
    encoder = load(path)
    try:
        definition = json.loads(path.read_bytes())
        entries = definition["model"]["vocab"]
        specials = {token["content"]: token["id"] for token in definition.get("added_tokens", [])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OpenbookError(f"{path} is not a tokenizer.json: {error!r}.") from None
    names = [entry if isinstance(entry, str) else entry[0] for entry in entries]
    lost = _unreachable(definition, names, specials)
    return measure.price_list(encoder, len({*names, *specials}), parallel, texts, lost, scales)


def _unreachable(definition: dict[str, Any], names: list[str], specials: dict[str, int]) -> list[str] | None:
    """None for a vocabulary that is not made of byte-level merges alone."""
    model = definition["model"]
    byte_level = "ByteLevel" in json.dumps(definition.get("decoder"))
    if model.get("type") != "BPE" or not byte_level or model.get("ignore_merges"):
        return None
    return measure.unreachable(names, files.merges_of(model), specials)
