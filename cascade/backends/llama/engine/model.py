"""The weights and the vocabulary of one GGUF file, loaded."""

import ctypes
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.backends.llama.engine.bindings import llama_library, native_log
from cascade.errors import ModelError

__all__ = ["Model"]

_MAGIC = b"GGUF"
_OVERRIDE_TEXT_BYTES = 127


class Model:
    """A loaded model: what several contexts, of one or several runtimes, can share.

    Args:
        path: The GGUF file.
        gpu_layers: Layers to keep on the GPU; a negative number means all.
        kv_overrides: Metadata to replace, for example the active experts of a mixture model.
        progress: Called with the loaded fraction while the file is read.

    Raises:
        ModelError: The file is missing, is no GGUF, or llama.cpp cannot load it.
    """

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int = 0,
        kv_overrides: Mapping[str, bool | int | float | str] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.path = path
        self.gpu_layers = gpu_layers
        _require_gguf(path)
        self._lib: Any = llama_library()
        parameters: Any = self._lib.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        overrides = _override_array(self._lib, kv_overrides or {})
        parameters.kv_overrides = overrides

        def report(fraction: float, _data: object) -> bool:
            if progress is not None:
                progress(fraction)
            return True

        callback = self._lib.llama_progress_callback(report)
        parameters.progress_callback = callback
        native_log().clear()
        self.handle: Any = self._lib.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            raise ModelError(f"llama.cpp cannot load {path}: {native_log().tail()}")
        self.vocabulary: Any = self._lib.llama_model_get_vocab(self.handle)
        self.vocabulary_size: int = self._lib.llama_vocab_n_tokens(self.vocabulary)
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Free the weights; every context of the model must be closed before."""
        if self.handle:
            self._lib.llama_model_free(self.handle)
            self.handle = None

    @functools.cached_property
    def metadata(self) -> dict[str, str]:
        """The file's metadata, each value as text."""
        count: int = self._lib.llama_model_meta_count(self.handle)
        key = self._lib.llama_model_meta_key_by_index
        value = self._lib.llama_model_meta_val_str_by_index
        return {self._text_at(key, index): self._text_at(value, index) for index in range(count)}

    def _text_at(self, function: Any, index: int) -> str:
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = function(self.handle, index, buffer, size)
            if length < size:
                return buffer.value.decode("utf-8", errors="replace")
            size = length + 1

    @functools.cached_property
    def chat_template(self) -> str | None:
        """The Jinja source in the file, if it has one."""
        return self.metadata.get("tokenizer.chat_template")

    @functools.cached_property
    def trained_context(self) -> int:
        """The context length that the model was trained with, in tokens."""
        return int(self._lib.llama_model_n_ctx_train(self.handle))

    @functools.cached_property
    def parameters(self) -> int:
        """The number of weights."""
        return int(self._lib.llama_model_n_params(self.handle))

    @functools.cached_property
    def rolls_back(self) -> bool:
        """Whether part of a sequence can be removed: not so with recurrent and hybrid models."""
        lib = self._lib
        return not (
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )

    @functools.cached_property
    def cell_values(self) -> int:
        """Numbers that one token takes in the key-value memory, an upper estimate."""
        lib, handle = self._lib, self.handle
        heads = max(1, int(lib.llama_model_n_head(handle)))
        width = int(lib.llama_model_n_embd(handle)) // heads
        name = self.metadata.get("general.architecture", "")
        keys = int(self.metadata.get(f"{name}.attention.key_length", width))
        values = int(self.metadata.get(f"{name}.attention.value_length", width))
        return (
            int(lib.llama_model_n_layer(handle))
            * int(lib.llama_model_n_head_kv(handle))
            * (keys + values)
        )

    @functools.cached_property
    def bos(self) -> int:
        """The token that begins a text, or -1."""
        return int(self._lib.llama_vocab_bos(self.vocabulary))

    @functools.cached_property
    def adds_bos(self) -> bool:
        """Whether a text begins with `bos`: as the file says, else as its tokenizer's kind does."""
        return bool(self._lib.llama_vocab_get_add_bos(self.vocabulary))

    @functools.cached_property
    def eos(self) -> int:
        """The token that ends a text, or -1."""
        return int(self._lib.llama_vocab_eos(self.vocabulary))

    @functools.cached_property
    def eot(self) -> int:
        """The token that ends a turn, or -1."""
        return int(self._lib.llama_vocab_eot(self.vocabulary))

    @functools.cached_property
    def end_tokens(self) -> frozenset[int]:
        """Every token that ends a generation."""
        ends = self._lib.llama_vocab_is_eog
        return frozenset(i for i in range(self.vocabulary_size) if ends(self.vocabulary, i))

    @functools.cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """The texts of the tokens that steer a conversation and are never part of what is said."""
        steers = self._lib.llama_vocab_is_control
        texts = (
            self.piece(token).decode("utf-8", errors="replace")
            for token in range(self.vocabulary_size)
            if steers(self.vocabulary, token)
        )
        return tuple(text for text in texts if text)

    def tokenize(self, text: str, *, special: bool = True, add_bos: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: Any text.
            special: Read the names of special tokens as these tokens, not as plain text.
            add_bos: Let the model's tokenizer put its begin-of-text token in front.
        """
        data = text.encode()
        room = len(data) + 16
        tokens: Any = (ctypes.c_int32 * room)()
        arguments = (self.vocabulary, data, len(data))
        count: int = self._lib.llama_tokenize(*arguments, tokens, room, add_bos, special)
        if count < 0:
            tokens = (ctypes.c_int32 * -count)()
            count = self._lib.llama_tokenize(*arguments, tokens, -count, add_bos, special)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return a token's text: part of a character perhaps; special tokens show their name."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._render(token)
        return known

    def _render(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = self._lib.llama_token_to_piece(
                self.vocabulary, token, buffer, size, 0, True
            )
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become replacement characters."""
        return b"".join(map(self.piece, tokens)).decode("utf-8", errors="replace")


def _require_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as problem:
        raise ModelError(f"the model file {path} cannot be read: {problem.strerror}") from problem
    if magic != _MAGIC:
        raise ModelError(f"{path} is no GGUF file: it begins with {magic!r} instead of {_MAGIC!r}")


def _override_array(lib: Any, overrides: Mapping[str, bool | int | float | str]) -> Any:
    """The zero-terminated array of metadata overrides that llama.cpp takes, or `None`."""
    if not overrides:
        return None
    array: Any = (lib.llama_model_kv_override * (len(overrides) + 1))()
    for entry, (key, value) in zip(array, overrides.items(), strict=False):
        entry.key = key.encode()
        match value:
            case bool():
                entry.tag, entry.value.val_bool = lib.LLAMA_KV_OVERRIDE_TYPE_BOOL, value
            case int():
                entry.tag, entry.value.val_i64 = lib.LLAMA_KV_OVERRIDE_TYPE_INT, value
            case float():
                entry.tag, entry.value.val_f64 = lib.LLAMA_KV_OVERRIDE_TYPE_FLOAT, value
            case str():
                text = value.encode()[:_OVERRIDE_TEXT_BYTES]
                entry.tag, entry.value.val_str = lib.LLAMA_KV_OVERRIDE_TYPE_STR, text
    return array
