"""Tiny bases, data files and recipes for the tests of tuning."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "model"))

import tiny

from openbook import compute
from openbook.context import Context
from openbook.progress import Progress
from openbook.tune.template import Chat, prepare

# Written in the way of well-known families, none of which says where an answer begins and ends.
PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FORGETS_THOUGHTS = (
    "{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}"
    "{% endif %}{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.index0 > ns.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_END = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}" + (
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
TWICE = "{{ bos_token }}{{ bos_token }}" + PLAIN


def ask(question: str, answer: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer, **more}]


def jsonl(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def base(folder: Path) -> Path:
    """A random Llama of two layers with a tokenizer that begins every text with a token."""
    return tiny.write_model(folder / "base", loud=1.0)


def chat(folder: Path, template: str = "chatml") -> Chat:
    """A tokenizer with a template: `chatml`, or the text of one."""
    tiny.write_tokenizer(folder / "base")
    if template != "chatml":
        (folder / "template.jinja").write_text(template, encoding="utf-8")
    return prepare(folder / "base", template if template == "chatml" else "template.jinja", folder, folder / "chat")


def recipe(folder: Path, name: str, rows: Sequence[Any], method: str = "", more: str = "") -> Path:
    """A recipe beside its data; the base is `base` in the same folder."""
    jsonl(folder / f"{name}.jsonl", rows)
    path = folder / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nbase = "base"\n{more}\n[data]\nfiles = ["{name}.jsonl"]\ntemplate = "chatml"\n'
        f"validation = 0.2\n[method]\nrank = 2\nbatch = 2\nsteps = 6\nlearning_rate = 1e-2\ncheckpoint_every = 2\n"
        f"evaluate_every = 3\n{method}\n[forgetting]\nlanguages = []\n[export]\nformats = []\n",
        encoding="utf-8",
    )
    return path


SUMS = [{"messages": ask(f"{a} + {b}?", f"It is {a + b}.")} for a in range(1, 4) for b in range(1, 5)]


class Told(Progress):
    """What the program says, kept; `stop_at` raises when that step is done, as a kill would come."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__("quiet")
        self.said: list[str] = []
        self.stop_at = stop_at

    def say(self, text: str) -> None:
        self.said.append(text)

    def task(self, label: str, total: float | None, unit: str = "") -> Any:
        from contextlib import contextmanager

        @contextmanager
        def watched() -> Any:
            with super(Told, self).task(label, total, unit) as bar:
                update = bar.update

                def counted(completed: float | None = None, **fields: str) -> None:
                    self.said.append(f"{label} {completed}")
                    update(completed, **fields)
                    if label == "Tune" and completed is not None and completed == self.stop_at:
                        raise KeyboardInterrupt

                bar.update = counted  # type: ignore[method-assign]
                yield bar

        return watched()


def context(folder: Path, told: Progress) -> Context:
    return Context(compute.local(1), told, folder / "cache")
