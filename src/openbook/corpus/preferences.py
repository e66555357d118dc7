"""What a statement of preferences says of training models: Content-Usage (IETF AIPREF), Content-Signal."""

_TRAINING = frozenset(
    {"train-ai", "ai-train", "ai-input", "train-genai", "bots", "foundation-model-production", "tdm", "ai", "genai"}
)
"""Categories of use that models fall under, those of earlier drafts of AIPREF (`tdm`, `ai`, `genai`) among them."""
_OTHERS = frozenset({"search", "search-input", "automated-search"})
"""Categories that say nothing about models."""
_YES, _NO = frozenset({"y", "yes", "?1", "true", "allow"}), frozenset({"n", "no", "?0", "false", "disallow"})


def usage(value: str) -> tuple[bool | None, bool]:
    """Whether models may be trained (None: it does not say), and whether all of it could be read.

    A value that is neither yes nor no, or a category that is not known and not allowed, cannot be.
    """
    answers: list[bool] = []
    readable, said = True, False
    for part in value.lower().replace(";", ",").split(","):
        name, _, answer = (piece.strip(" \t\"'") for piece in part.partition("="))
        if not name and not answer:
            continue
        said = True
        if name in _TRAINING:
            if answer in _YES or answer in _NO:
                answers.append(answer in _YES)
            else:
                readable = False
        elif name not in _OTHERS:
            readable &= answer in _YES
    return (all(answers) if answers else None), readable and said
