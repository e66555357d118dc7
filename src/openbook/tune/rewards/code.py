"""Does the code that a completion holds do what the row's tests ask, run where it can do no harm?

Tests run in the code's own process, after it; a word that no code can know beforehand says that each was reached and
passed, so that neither an early exit nor printed lies count. Code that searches its own interpreter's memory for that
word can still find it: cases, whose output is judged outside, leave nothing to find.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openbook.errors import OpenbookError
from openbook.tune.rewards.completion import Completion, Reward, said
from openbook.tune.rewards.sandbox.isolation import Limits, isolation, run_in
from openbook.tune.rewards.settings import CodeSettings

_FENCED = re.compile(r"```(?:python|py|python3)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_HARNESS = b"""
import json, os, sys
def run(code, tests, word):
    names = {"__name__": "__main__", "__builtins__": __builtins__}
    said = os.dup(1)
    exec(compile(code, "answer.py", "exec"), names)
    for at, test in enumerate(tests):
        try:
            exec(compile(test, f"test {at + 1}", "exec"), dict(names))
        except Exception:
            continue
        sys.stdout.flush()
        os.write(said, f"\\n{word} {at}\\n".encode())
    sys.stdout.flush()
    os.write(said, f"\\n{word} end\\n".encode())
given = json.loads(sys.stdin.read())
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
run(**given)
"""
"""What it is given it reads once: the code finds neither a file nor an input to read the word from."""


def code(settings: CodeSettings) -> Reward:
    """1.0 or 0.0, or the share of the tests and cases passed. Without any, 1.0 for code that runs to its end.

    Raises OpenbookError at once where the machine does not give the isolation that the settings ask for.
    """
    isolation(settings.sandbox)

    def reward(prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any) -> list[float]:
        tests = columns.get(settings.tests) or [None] * len(completions)
        cases = columns.get(settings.cases) or [None] * len(completions)
        rows = list(zip(completions, tests, cases, strict=True))
        with ThreadPoolExecutor(settings.workers) as pool:
            shares = list(pool.map(lambda row: _passed(said(row[0]), row[1] or [], row[2] or [], settings), rows))
        return [float(one == 1) if settings.all_or_nothing else one for one in shares]

    return reward


def extracted(completion: str) -> str:
    """The last fenced block, or the whole text where none is fenced."""
    blocks = _FENCED.findall(completion)
    return blocks[-1] if blocks else completion


def _passed(completion: str, tests: Sequence[str], cases: Sequence[Mapping[str, str]], settings: CodeSettings) -> float:
    program = extracted(completion)
    if not program.strip() or "\0" in program:
        return 0.0
    passed = sum(_prints(program, case, settings) for case in cases)
    if tests or not cases:
        reached = _reached(program, tests, settings)
        if not tests:
            return float(reached is not None)
        passed += len(reached or ())
    return passed / (len(tests) + len(cases))


def _reached(program: str, tests: Sequence[str], settings: CodeSettings) -> set[int] | None:
    """Places of the tests that passed; None where the code did not come to its end."""
    word = secrets.token_hex(16)
    given = json.dumps({"code": program, "tests": list(tests), "word": word}).encode()
    ran = run_in(settings.sandbox, _HARNESS, given, limits(settings))
    marks = {
        line.partition(" ")[2] for line in ran.output.decode(errors="replace").splitlines() if line.startswith(word)
    }
    if not marks:
        return None
    return {int(mark) for mark in marks if mark != "end"}


def _prints(program: str, case: Mapping[str, str], settings: CodeSettings) -> bool:
    """What it prints is compared line by line, without white space at the ends of lines and of the whole."""
    if not {"input", "output"} <= set(case):
        raise OpenbookError('a case of the code reward needs "input" and "output".')
    given = case["input"].encode("utf-8", "replace")
    ran = run_in(settings.sandbox, program.encode("utf-8", "replace"), given, limits(settings))
    found = ran.output.decode(errors="replace")
    return ran.status == 0 and _lines(found) == _lines(case["output"])


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def limits(settings: CodeSettings) -> Limits:
    return Limits(
        cpu_seconds=settings.cpu_seconds,
        wall_seconds=settings.wall_seconds,
        memory_bytes=settings.memory_mb << 20,
        file_bytes=settings.file_mb << 20,
        processes=settings.processes,
    )
