"""What every remote lane can be told."""

from cascade.backends.settings import BackendSettings

__all__ = ["RemoteSettings"]


class RemoteSettings(BackendSettings):
    """Settings that all wire formats have."""

    stream: bool = True
    """Whether answers come piece by piece, also where nobody listens: a break then shows. In one
    piece they cost less to read, but a long one is silence until its end."""
    http2: bool = False
    """Whether connections may be HTTP/2; needs the package `h2`."""
