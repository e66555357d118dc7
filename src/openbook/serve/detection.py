"""Does this text carry the mark? Its tokens are counted as a model's tokenizer cuts them, then compared with chance."""

from pathlib import Path

from openbook.errors import OpenbookError
from openbook.serve.watermark import Detection, Watermark, detect


def detect_text(text: str, tokenizer: Path, mark: Watermark) -> Detection:
    """`tokenizer`: a folder with tokenizer.json, or that file. Raises OpenbookError for a text too short to tell.

    The text's own tokens need not be those that were written; where they differ the mark is weaker, never stronger.
    """
    import tokenizers

    path = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
    if not path.is_file():
        raise OpenbookError(f"{path} does not exist. Give the folder of the model that wrote, or its tokenizer.json.")
    try:
        cutter = tokenizers.Tokenizer.from_file(str(path))
    except Exception as trouble:  # the library raises no class of its own
        raise OpenbookError(f"{path} cannot be read as a tokenizer: {trouble}.") from None
    return detect(cutter.encode(text, add_special_tokens=False).ids, mark)
