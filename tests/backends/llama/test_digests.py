"""Digests of model files, by which calibrations know their model."""

import os
from hashlib import sha256
from pathlib import Path

from cascade.backends.llama.digests import SAMPLED, model_digest


def test_a_small_file_has_the_digest_that_sha256sum_prints(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" * 1000)
    assert model_digest(path) == sha256(b"GGUF" * 1000).hexdigest()


def test_of_a_large_file_blocks_and_the_size_are_digested(tmp_path: Path) -> None:
    path, size = tmp_path / "m.gguf", 9_000_001
    content = bytearray(os.urandom(1000) * 9001)[:size]
    path.write_bytes(content)
    first = model_digest(path, whole_bytes=1000)
    assert first.startswith(SAMPLED)
    for at in (0, size - 1, size // 3):
        changed = bytearray(content)
        # A block in any place is longer than the gaps between two that are read.
        changed[max(0, at - 100_000) : at + 100_000] = b"x" * len(
            changed[max(0, at - 100_000) : at + 100_000]
        )
        path.write_bytes(changed)
        os.utime(path, ns=(at + 1, at + 1))
        assert model_digest(path, whole_bytes=1000) != first
    path.write_bytes(content + b"x")
    assert model_digest(path, whole_bytes=1000) != first


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    first = model_digest(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(2, 2))
    assert model_digest(path) != first
