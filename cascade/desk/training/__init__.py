"""Training of the bundled model: `python -m cascade.desk.training` makes the GGUF from nothing.

Needs torch, tokenizers and gguf, which the package itself does not; they are imported where used.
"""

__all__: list[str] = []
