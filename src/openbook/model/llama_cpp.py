"""What does llama.cpp itself make of a GGUF file: its token ids and its logits, in this process.

The `xllamacpp` wheel's own interface generates text and hands out no logits of a prompt. llama.cpp's C functions stand
in the same library and are called there; their structs are passed on unread but for fields whose defaults are verified.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from openbook.errors import OpenbookError

MAGIC = b"GGUF"
PHYSICAL_BATCH = 512
"""llama.cpp computes so many tokens at once."""
_EXPECTED_CONTEXT = (512, 2048, 512, 1)
"""llama_context_default_params() begins with n_ctx, n_batch, n_ubatch, n_seq_max."""


class _Params(ctypes.Structure):
    """Room for llama_model_params or llama_context_params, larger than either."""

    _fields_ = [("words", ctypes.c_uint32 * 256)]


class _Batch(ctypes.Structure):
    """llama_batch: the tokens of one call, their positions, and which of them want logits."""

    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


_I, _P, _S, _B = ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "llama_model_default_params": (_Params, []),
    "llama_context_default_params": (_Params, []),
    "llama_model_load_from_file": (_P, [_S, _Params]),
    "llama_model_free": (None, [_P]),
    "llama_model_get_vocab": (_P, [_P]),
    "llama_model_n_ctx_train": (_I, [_P]),
    "llama_model_chat_template": (_S, [_P, _S]),
    "llama_init_from_model": (_P, [_P, _Params]),
    "llama_free": (None, [_P]),
    "llama_n_ctx": (ctypes.c_uint32, [_P]),
    "llama_set_n_threads": (None, [_P, _I, _I]),
    "llama_adapter_lora_init": (_P, [_P, _S]),
    "llama_set_adapters_lora": (_I, [_P, ctypes.POINTER(_P), ctypes.c_size_t, ctypes.POINTER(ctypes.c_float)]),
    "llama_get_memory": (_P, [_P]),
    "llama_memory_clear": (None, [_P, _B]),
    "llama_vocab_n_tokens": (_I, [_P]),
    "llama_vocab_get_text": (_S, [_P, _I]),
    "llama_vocab_bos": (_I, [_P]),
    "llama_vocab_eos": (_I, [_P]),
    "llama_vocab_get_add_bos": (_B, [_P]),
    "llama_tokenize": (_I, [_P, _S, _I, ctypes.POINTER(_I), _I, _B, _B]),
    "llama_batch_init": (_Batch, [_I, _I, _I]),
    "llama_batch_free": (None, [_Batch]),
    "llama_decode": (_I, [_P, _Batch]),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), [_P]),
    "llama_log_set": (None, [_P, _P]),
    "llama_log_get": (None, [ctypes.POINTER(_P), ctypes.POINTER(_P)]),
}


class _Library:
    """llama.cpp's functions with their types, and the last lines that it logged."""

    def __init__(self) -> None:
        import xllamacpp

        self.version = xllamacpp.__version__
        self.lines: list[str] = []
        library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                raise self.unfit(f"it does not export {name}") from None
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(self._log)
        if tuple(self.llama_context_default_params().words[:4]) != _EXPECTED_CONTEXT:
            raise self.unfit("its context parameters are laid out differently")
        self._check_batch()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(name)

    def unfit(self, reason: str) -> OpenbookError:
        return OpenbookError(
            f"the installed xllamacpp {self.version} cannot be asked for logits: {reason}. "
            "Install a version that Openbook was tested with: pip install 'xllamacpp==2026.10.11549'."
        )

    def _log(self, _level: int, text: bytes | None, _data: object) -> None:
        self.lines = [*self.lines[-7:], (text or b"").decode(errors="replace").strip()]

    def _check_batch(self) -> None:
        batch = self.llama_batch_init(4, 0, 1)
        filled = batch.token and batch.pos and batch.n_seq_id and batch.seq_id and batch.seq_id[0] and batch.logits
        if not filled or batch.embd or batch.n_tokens:
            raise self.unfit("its batches are laid out differently")
        self.llama_batch_free(batch)

    def quiet(self) -> "_Quiet":
        return _Quiet(self)


class _Quiet:
    """llama.cpp's log is kept, not printed, while this is open; then it goes where it went before."""

    def __init__(self, library: _Library) -> None:
        self.library = library
        self.before, self.data = ctypes.c_void_p(), ctypes.c_void_p()

    def __enter__(self) -> None:
        self.library.lines = []
        self.library.llama_log_get(ctypes.byref(self.before), ctypes.byref(self.data))
        self.library.llama_log_set(ctypes.cast(self.library.callback, ctypes.c_void_p), None)

    def __exit__(self, *_: object) -> None:
        self.library.llama_log_set(self.before, self.data)


@cache
def library() -> _Library:
    """Raises OpenbookError when the installed wheel is not laid out as expected."""
    return _Library()


class LlamaCpp:
    """One GGUF file, loaded on the processor by llama.cpp. Close it, or use it in a `with`."""

    def __init__(self, path: Path, context: int | None = None, threads: int = 1) -> None:
        """`context`: tokens that a row may hold, the file's own length if None; OpenbookError if it cannot be loaded.

        One thread by default: the same logits whatever the number of cores.
        """
        self._model = self._context = None
        require_gguf(path)
        self._llama = llama = library()
        self.path = path
        with llama.quiet():
            self._model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
            if not self._model:
                raise OpenbookError(f"llama.cpp cannot load {path}: {self._reason()}.")
            self._vocabulary = llama.llama_model_get_vocab(self._model)
            trained: int = llama.llama_model_n_ctx_train(self._model)
            self.context = min(context or trained, trained)
            params = llama.llama_context_default_params()
            params.words[0] = params.words[1] = self.context
            params.words[2] = min(self.context, PHYSICAL_BATCH)
            self._context = llama.llama_init_from_model(self._model, params)
            if not self._context or llama.llama_n_ctx(self._context) < self.context:
                raise OpenbookError(f"llama.cpp cannot make a context for {path}: {self._reason()}.")
            llama.llama_set_n_threads(self._context, threads, threads)
        self.vocabulary_size: int = llama.llama_vocab_n_tokens(self._vocabulary)
        self.bos: int = llama.llama_vocab_bos(self._vocabulary)
        self.eos: int = llama.llama_vocab_eos(self._vocabulary)
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(self._vocabulary)

    def apply(self, adapter: Path) -> None:
        """Add a GGUF adapter's weights to every later computation. Raises OpenbookError when it does not fit."""
        with self._llama.quiet():
            found = self._llama.llama_adapter_lora_init(self._model, str(adapter).encode())
            if not found:
                raise OpenbookError(f"llama.cpp cannot apply the adapter {adapter}: {self._reason()}.")
            # the model frees it
            self._llama.llama_set_adapters_lora(self._context, (_P * 1)(found), 1, (ctypes.c_float * 1)(1.0))

    def _reason(self) -> str:
        lines = [line for line in self._llama.lines if "error" in line.lower() or "failed" in line.lower()]
        return (lines or [line for line in self._llama.lines if line] or ["no reason given"])[0]

    @property
    def chat_template(self) -> str | None:
        template = self._llama.llama_model_chat_template(self._model, None)
        return template.decode() if template else None

    def tokenize(self, text: str, special: bool = False, add_bos: bool = False) -> list[int]:
        """`special`: markers such as `<|im_start|>` in the text become their one id, otherwise they are text."""
        data = text.encode()
        room = len(data) + 8
        ids = (ctypes.c_int32 * room)()
        count = self._llama.llama_tokenize(self._vocabulary, data, len(data), ids, room, add_bos, special)
        if count < 0:
            raise OpenbookError(f"llama.cpp cannot tokenize a text of {len(data)} bytes with {self.path}.")
        return ids[:count]

    def token_text(self, token: int) -> str:
        """A token as the file's vocabulary writes it (byte-level tokens in their printable letters)."""
        text: bytes = self._llama.llama_vocab_get_text(self._vocabulary, token)
        return text.decode(errors="replace")

    def logits(self, row: Sequence[int] | np.ndarray, after: int = 0) -> np.ndarray:
        """Logits after each token of a row, [len(row), vocabulary], float32. The row brings its own start token.

        `after`: so many tokens of the calls before stay in memory, and the row follows them. Raises OpenbookError for
        a row longer than `context` or an id outside of the vocabulary.
        """
        count = len(row)
        if not 0 < count <= self.context - after:
            raise OpenbookError(
                f"a row of {after + count} tokens does not fit the context of {self.context} of {self.path}."
            )
        llama = self._llama
        batch = llama.llama_batch_init(count, 0, 1)
        try:
            batch.n_tokens = count
            for at, token in enumerate(row):
                batch.token[at], batch.pos[at] = int(token), after + at
                batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, 0, 1
            with llama.quiet():
                if not after:
                    llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
                failed = llama.llama_decode(self._context, batch)
                if failed:
                    raise OpenbookError(f"llama.cpp cannot compute {count} tokens with {self.path}: {self._reason()}.")
                found = llama.llama_get_logits(self._context)
            return np.ctypeslib.as_array(found, (count, self.vocabulary_size)).copy()
        finally:
            llama.llama_batch_free(batch)

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self._model:
            with self._llama.quiet():
                if self._context:
                    self._llama.llama_free(self._context)
                self._llama.llama_model_free(self._model)
        self._model = self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def require_gguf(path: Path) -> None:
    """Raises OpenbookError when the file is missing or does not begin like a GGUF file."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise OpenbookError(f"{path} cannot be read: {error.strerror}.") from None
    if start != MAGIC:
        raise OpenbookError(f"{path} is not a GGUF file: it does not begin with the letters GGUF.")
