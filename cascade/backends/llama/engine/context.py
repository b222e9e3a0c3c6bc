"""One llama.cpp context: its batch as numpy arrays, its logits, and the memory of its sequences."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.backends.llama.engine.bindings import AbortFlag, llama_library, native_log
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import EngineSettings
from cascade.errors import ModelError

__all__ = ["Context", "State"]

State = NDArray[np.uint8]
"""A sequence's memory, saved as bytes."""

_KV_TYPES = {"f32": "GGML_TYPE_F32", "f16": "GGML_TYPE_F16", "q8_0": "GGML_TYPE_Q8_0"}


class Context:
    """A context of many sequences, for use from one thread.

    Attributes:
        tokens: Token ids of the batch being filled, (batch_tokens,).
        positions: Their positions in their sequences, (batch_tokens,).
        sequences: Their sequences' numbers, (batch_tokens,).
        outputs: 1 where logits are wanted, (batch_tokens,).
        sequence_tokens: How many tokens one sequence can hold.
        sequence_count: How many sequences there can be.
        abort: Set it from any thread to stop a running decode.

    Args:
        model: The loaded model.
        settings: Complete settings: no zero that stands for a choice.

    Raises:
        ModelError: llama.cpp cannot make the context, mostly for lack of memory.
    """

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        lib = self._lib = llama_library()
        self.abort = AbortFlag()
        native_log().clear()
        self._handle: Any = lib.llama_init_from_model(
            model.handle, _parameters(lib, settings, self.abort)
        )
        if not self._handle:
            raise ModelError(
                f"no context of {settings.sequences} sequences of {settings.context_tokens} tokens "
                f"for {model.path.name}: {native_log().tail()}. Lower `context_tokens` or "
                "`sequences` if memory is short"
            )
        self._memory: Any = lib.llama_get_memory(self._handle)
        self._width = model.vocabulary_size
        self.sequence_tokens: int = lib.llama_n_ctx_seq(self._handle)
        self.sequence_count: int = lib.llama_n_seq_max(self._handle)
        self._fill_batch(settings.batch_tokens)
        # A prototype of our own returns the address as a number; the packaged one makes an object.
        prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        address = ctypes.cast(lib.llama_get_logits, ctypes.c_void_p).value
        self._logits_address: Any = prototype(address or 0)
        self._views: dict[tuple[int, int], NDArray[np.float32]] = {}

    def _fill_batch(self, room: int) -> None:
        self.tokens = np.zeros(room, dtype=np.int32)
        self.positions = np.zeros(room, dtype=np.int32)
        self.sequences = np.zeros(room, dtype=np.int32)
        self.outputs = np.zeros(room, dtype=np.int8)
        self._counts = np.ones(room, dtype=np.int32)
        first, step = self.sequences.ctypes.data, self.sequences.itemsize
        self._pointers = np.arange(first, first + room * step, step, dtype=np.uintp)
        batch: Any = self._lib.llama_batch()
        fields = {
            "token": self.tokens,
            "pos": self.positions,
            "n_seq_id": self._counts,
            "seq_id": self._pointers,
            "logits": self.outputs,
        }
        for name, array in fields.items():
            kind = dict(self._lib.llama_batch._fields_)[name]
            setattr(batch, name, ctypes.cast(array.ctypes.data, kind))
        self._batch = batch

    def close(self) -> None:
        """Free the context; the model stays."""
        if self._handle:
            self._lib.llama_free(self._handle)
            self._handle = None
            self._views.clear()

    def decode(self, count: int) -> int:
        """Evaluate the first `count` entries of the batch arrays, and wait for the result.

        Entries must be grouped by sequence. Sequences whose numbers ascend one by one are evaluated
        together, as many tokens of each as the shortest one has.

        Returns:
            llama.cpp's code: 0 done, 1 no room in the memory, 2 aborted, negative failed.
        """
        self._batch.n_tokens = count
        code: int = self._lib.llama_decode(self._handle, self._batch)
        if code == 0:
            self._lib.llama_synchronize(self._handle)
        return code

    def logits(self, rows: int) -> NDArray[np.float32]:
        """Return the wanted logits of the last batch in its order, (rows, vocabulary) floats.

        It is llama.cpp's own buffer: valid until the next decode, and writable.
        """
        address: int = self._logits_address(self._handle)
        view = self._views.get((address, rows))
        if view is None:
            buffer = (ctypes.c_float * (rows * self._width)).from_address(address)
            view = np.ctypeslib.as_array(buffer).reshape(rows, self._width)
            self._views[address, rows] = view
        return view

    def remove(self, sequence: int, start: int = 0) -> bool:
        """Forget a sequence from a position on; false if only the whole could be forgotten."""
        return bool(self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def copy(self, source: int, target: int) -> None:
        """Give an empty sequence all that another one holds (cheap in a unified buffer only)."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def length(self, sequence: int) -> int:
        """Return how many positions a sequence holds."""
        return int(self._lib.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def state_size(self, sequence: int) -> int:
        """Return how many bytes `save` would give."""
        return int(self._lib.llama_state_seq_get_size(self._handle, sequence))

    def save(self, sequence: int) -> State:
        """Return a sequence's memory as bytes."""
        size = self.state_size(sequence)
        state: State = np.empty(size, dtype=np.uint8)
        pointer = ctypes.cast(state.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
        written: int = self._lib.llama_state_seq_get_data(self._handle, pointer, size, sequence)
        return state[:written]

    def restore(self, sequence: int, state: State) -> bool:
        """Fill an empty sequence from saved bytes; false if there is no room for them."""
        pointer = ctypes.cast(state.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
        return bool(self._lib.llama_state_seq_set_data(self._handle, pointer, state.size, sequence))


def _parameters(lib: Any, settings: EngineSettings, abort: AbortFlag) -> Any:
    parameters: Any = lib.llama_context_default_params()
    cells = settings.kv_tokens if settings.kv_unified else 0
    parameters.n_ctx = cells or settings.sequences * settings.context_tokens
    parameters.n_seq_max = settings.sequences
    parameters.kv_unified = settings.kv_unified
    parameters.n_batch = parameters.n_ubatch = settings.batch_tokens
    parameters.n_outputs_max = settings.sequences + settings.draft_rows
    parameters.n_threads = settings.threads
    parameters.n_threads_batch = settings.threads_batch
    parameters.type_k = parameters.type_v = getattr(lib, _KV_TYPES[settings.kv_type])
    if settings.flash_attention is not None:
        parameters.flash_attn_type = int(settings.flash_attention)
    parameters.abort_callback = abort.callback
    parameters.abort_callback_data = abort.data
    parameters.no_perf = True
    return parameters
