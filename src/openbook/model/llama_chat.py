"""What prompt does llama.cpp's server make of a conversation, by the chat template in a GGUF file?

The server runs in a process of its own, on a private socket, because it ends its process on a failed assertion.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError


def prompts(path: Path, requests: Sequence[Mapping[str, Any]]) -> list[list[int] | str]:
    """The ids of each request's prompt ({"messages", "tools"?}), the begin token included, as the server would read
    them; a text where it refuses the request. Raises OpenbookError when the file cannot be loaded."""
    folder = tempfile.mkdtemp(prefix="openbook-")
    wish = {"model": str(path), "socket": f"{folder}/chat.sock", "requests": list(requests)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "openbook.model.llama_chat"],
            input=json.dumps(wish).encode(),
            capture_output=True,
            timeout=600,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise OpenbookError(f"llama.cpp cannot load {path}: {words[-1] if words else 'no reason given'}.")
    found: list[list[int] | str] = json.loads(done.stdout)
    return found


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints is not an answer
    wish = json.loads(sys.stdin.buffer.read())
    import httpx
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = wish["model"]
    parameters.hostnames = [wish["socket"]]
    parameters.n_parallel, parameters.n_ctx, parameters.cache_ram_mib = 1, 64, 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.fit_params = parameters.warmup = parameters.ui = False
    parameters.offline, parameters.verbosity = True, 1
    server = xllamacpp.Server(parameters)
    transport = httpx.HTTPTransport(uds=wish["socket"])
    with httpx.Client(transport=transport, base_url="http://engine", trust_env=False, timeout=60) as client:
        found = [_prompt(client, request) for request in wish["requests"]]
    print(json.dumps(found), file=answers, flush=True)
    del server
    os._exit(0)


def _prompt(client: Any, request: Mapping[str, Any]) -> list[int] | str:
    laid_out = client.post("/apply-template", json=request).json()
    if "prompt" not in laid_out:
        return str(laid_out.get("error", {}).get("message", laid_out))
    body = {"content": laid_out["prompt"], "add_special": True, "parse_special": True}
    ids: list[int] = client.post("/tokenize", json=body).json()["tokens"]
    return ids


if __name__ == "__main__":
    main()
