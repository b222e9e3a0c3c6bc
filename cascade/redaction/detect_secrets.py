"""The recogniser `detect-secrets`: what Yelp's scanner knows. Needs the extra `secrets`.

Written against detect-secrets 1.5.0. Of its plugins those take part that have a pattern; the ones
that judge by entropy or by a word nearby mark too much ordinary text, and the one for private keys
finds the first line only.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from cascade.errors import ConfigError
from cascade.redaction.spans import Span

__all__ = ["DetectSecrets"]

_LEFT_OUT = frozenset(
    {
        "Base64HighEntropyString",
        "HexHighEntropyString",
        "IPPublicDetector",
        "KeywordDetector",
        "PrivateKeyDetector",
    }
)
_SHORTEST = 6


class DetectSecrets:
    """Finds secrets with the plugins of detect-secrets; none of them calls a service.

    Raises:
        ConfigError: The package is not installed.
    """

    name = "detect-secrets"
    labels = ("SECRET",)

    def __init__(self) -> None:
        try:
            base = import_module("detect_secrets.plugins.base")
            known = import_module("detect_secrets.core.plugins.util")
        except ImportError as error:
            raise ConfigError(
                "the recogniser 'detect-secrets' needs a package that is not installed; install "
                "cascade-runtime[secrets]"
            ) from error
        classes: Iterable[Any] = known.get_mapping_from_secret_type_to_class().values()
        self._plugins: list[Any] = [
            plugin()
            for plugin in sorted(classes, key=lambda plugin: plugin.__name__)
            if issubclass(plugin, base.RegexBasedDetector) and plugin.__name__ not in _LEFT_OUT
        ]

    def find(self, text: str) -> Iterable[Span]:
        """The secrets in *text*, which the plugins are shown line by line."""
        start = 0
        for line in text.split("\n"):
            for secret in sorted(self._in_line(line)):
                yield from _everywhere(line, secret, start)
            start += len(line) + 1

    def _in_line(self, line: str) -> set[str]:
        return {
            secret
            for plugin in self._plugins
            for secret in plugin.analyze_string(line)
            if isinstance(secret, str) and len(secret) >= _SHORTEST
        }


def _everywhere(line: str, secret: str, start: int) -> Iterator[Span]:
    at = line.find(secret)
    while at >= 0:
        yield Span(start + at, start + at + len(secret), "SECRET")
        at = line.find(secret, at + len(secret))
