"""The process that holds llama.cpp: loads one model, listens on a private socket, ends when its parent does.

It is a process of its own because llama.cpp ends its process on a failed assertion; here that costs one answer.
"""

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Read one line of settings from standard input, answer a line when the model is loaded, then wait for the end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints is not an answer
    wish: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(xllamacpp, wish))
    except (RuntimeError, ValueError) as trouble:
        print(json.dumps({"error": str(trouble)}), file=answers, flush=True)
        os._exit(1)
    # The library installs handlers that stop its loop but not this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print(json.dumps({"ready": server.listening_address}), file=answers, flush=True)
    while sys.stdin.buffer.read(4096):  # ends when the parent closes the pipe or dies
        pass
    os._exit(0)


def _parameters(library: Any, wish: dict[str, Any]) -> Any:
    parameters = library.CommonParams()
    parameters.model.path = wish["model"]
    parameters.model_alias = {"model"}
    parameters.hostnames = [wish["socket"]]
    parameters.n_parallel = wish["parallel"]
    parameters.n_ctx = wish["context"] * wish["parallel"]
    parameters.kv_unified = False  # each request keeps its own share: a long one cannot push another out
    parameters.cpuparams.n_threads = wish["threads"]
    parameters.cpuparams_batch.n_threads = wish["threads"]
    parameters.n_threads_http = wish["connections"]
    parameters.cache_ram_mib = 0
    parameters.ctx_shift = False  # a full context ends the answer instead of forgetting the question
    parameters.fit_params = False
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.endpoint_metrics = False
    adapters = []
    for path in wish["adapters"]:
        adapter = library.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = path, float(wish["embedding"])  # an embedder is of one adapter, or of none
        adapters.append(adapter)
    parameters.lora_adapters = adapters
    if wish["embedding"]:
        parameters.embedding = True
        parameters.n_batch = parameters.n_ubatch = wish["context"]  # a text is embedded in one piece
        if wish["pooling"]:
            parameters.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.verbosity = 1  # errors only: prompts never reach a log
    return parameters


if __name__ == "__main__":
    main()
