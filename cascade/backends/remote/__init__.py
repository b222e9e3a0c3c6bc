"""What all remote lanes share: keys, connections, failures, and messages encoded once.

`codec` says what a wire format is, `backend` is the lane, `hop` one call.
"""

from cascade.backends.remote.backend import RemoteBackend
from cascade.backends.remote.codec import Codec, Encoded, Reader
from cascade.backends.remote.failures import reported
from cascade.backends.remote.provider import Provider

__all__ = ["Codec", "Encoded", "Provider", "Reader", "RemoteBackend", "reported"]
