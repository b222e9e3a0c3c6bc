"""Digests of model files: by them a calibration knows the model that it was fitted on.

A file of up to 64 MiB is digested whole, so that the digest is the one that `sha256sum` prints. Of
a larger one, whose reading would delay every start, 64 blocks of 64 KiB spread evenly over the file
are, its first and last bytes among them, and its size; such a digest begins with `sampled:`. Two
files of equal size that differ in none of the blocks have the same one: fine-tunes and
quantisations differ nearly everywhere, a patched file need not.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

__all__ = ["SAMPLED", "model_digest"]

SAMPLED = "sampled:"
"""Begins the digest of a file that was not read whole."""

_WHOLE_BYTES = 64 << 20
_BLOCK_BYTES = 64 << 10
_BLOCKS = 64


def model_digest(path: Path, *, whole_bytes: int = _WHOLE_BYTES) -> str:
    """The digest of a model file, 64 hexadecimal digits, after `sampled:` for a large one.

    Args:
        path: The file; of a model in several parts the first.
        whole_bytes: The largest file that is read whole.
    """
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns, whole_bytes)


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, _changed_ns: int, whole_bytes: int) -> str:
    """Kept for as long as neither size nor time of the file changes."""
    with path.open("rb") as file:
        if size <= whole_bytes:
            return sha256(file.read()).hexdigest()
        digest = sha256(str(size).encode())
        for index in range(_BLOCKS):
            file.seek(index * (size - _BLOCK_BYTES) // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK_BYTES))
    return f"{SAMPLED}{digest.hexdigest()}"
