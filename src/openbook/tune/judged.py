"""What is learned of completions that somebody called good or bad? SFT learns the good ones; DPO prefers, of the same
prompt, a good one to a bad one. What has no counterpart is left out, and counted."""

from collections.abc import Sequence

from openbook.books.digest import canonical_json
from openbook.errors import OpenbookError
from openbook.tune.formats import Example


def settled(examples: Sequence[Example], method: str) -> tuple[list[Example], int]:
    """Examples without judgments, in the order of the files, and how many rows teach nothing.

    Raises OpenbookError where all are judged and nothing is left.
    """
    if all(one.judged is None for one in examples):
        return list(examples), 0
    kept = [one for one in examples if one.judged is not False] if method == "sft" else _paired(examples)
    if not kept:
        wanted = "good completions" if method == "sft" else "prompts with a good and a bad completion"
        raise OpenbookError(f"data: {method.upper()} learns from {wanted} (`label`), and there are none.")
    used = len(kept) if method == "sft" else sum(2 if one.judged else 1 for one in kept)
    return kept, len(examples) - used


def _paired(examples: Sequence[Example]) -> list[Example]:
    """The first good with the first bad completion of a prompt, the second with the second; the rest has no pair."""
    waiting: dict[bytes, list[Example]] = {}
    found: list[Example] = []
    for one in examples:
        if one.judged is None:
            found.append(one)
            continue
        mates = waiting.setdefault(canonical_json([one.prompt, one.tools]), [])
        if mates and mates[0].judged != one.judged:
            good, bad = (one, mates.pop(0)) if one.judged else (mates.pop(0), one)
            if good.answer != bad.answer:
                found.append(
                    Example(
                        one.place,
                        prompt=one.prompt,
                        chosen=good.answer,
                        rejected=bad.answer,
                        tools=one.tools,
                        judged=True,
                    )
                )
        else:
            mates.append(one)
    return found
