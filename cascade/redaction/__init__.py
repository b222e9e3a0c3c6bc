"""Redaction: values that never leave the machine, replaced on the way out and put back.

Start at `redactor.py`. `loading.redactor_of` makes a redactor of a policy's settings; a `Vault`
holds what was hidden in a trajectory; `rehydration` is the way back. What can be found is said by
the recognisers: `contacts`, `numbers` (with `national`), `network`, `secrets` (with `tokens`), the
optional ones and a user's own. `scanner` reads a text in several ways (`readings`, `encodings`)
and shows each of them to all recognisers.

Not found, and so not hidden: names and addresses without a recogniser that knows language; what a
picture shows (pictures are left out); values in compressed or encrypted data, in letters that only
look alike, or cut up over several messages.
"""

from cascade.redaction.loading import redactor_of
from cascade.redaction.redactor import Redactor, images_in
from cascade.redaction.rehydration import StreamRehydrator, rehydrated
from cascade.redaction.spans import FieldRecogniser, Recogniser, Span
from cascade.redaction.vault import Hidden, Vault

__all__ = [
    "FieldRecogniser",
    "Hidden",
    "Recogniser",
    "Redactor",
    "Span",
    "StreamRehydrator",
    "Vault",
    "images_in",
    "redactor_of",
    "rehydrated",
]
