"""The recogniser `presidio`: names and places where a language model is there, and many numbers.

Needs the extra `presidio`; written against presidio-analyzer 2.2.366. Names of people and places
are found only if one of spaCy's English models is installed, which come from spaCy and not from
the package index; nothing is ever downloaded here. Mail and web addresses are left to `contacts`,
since Presidio's own recognisers fetch a list from the network.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cascade.errors import ConfigError
from cascade.redaction.spans import Span

__all__ = ["Presidio"]

_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_trf")
_LEAST_SCORE = 0.5


class Presidio:
    """Finds what Presidio scores at least 0.5. Takes some seconds to make, milliseconds a text.

    Raises:
        ConfigError: The package is not installed.
    """

    name = "presidio"
    labels = (
        *("PERSON", "LOCATION", "NRP", "CREDIT_CARD", "CRYPTO", "IBAN_CODE", "IP_ADDRESS"),
        *("MEDICAL_LICENSE", "PHONE_NUMBER", "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_ITIN"),
        *("US_PASSPORT", "US_SSN", "UK_NHS", "UK_NINO"),
    )

    def __init__(self) -> None:
        try:
            presidio: Any = import_module("presidio_analyzer")
            engines: Any = import_module("presidio_analyzer.nlp_engine")
        except ImportError as error:
            raise ConfigError(
                "the recogniser 'presidio' needs a package that is not installed; install "
                "cascade-runtime[presidio]"
            ) from error
        model = next((name for name in _MODELS if find_spec(name) is not None), "")
        given = [{"lang_code": "en", "model_name": model}]
        engine = engines.SpacyNlpEngine(given) if model else engines.NoOpNlpEngine(given)
        engine.load()
        registry = presidio.RecognizerRegistry(supported_languages=["en"])
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
        for name in ("EmailRecognizer", "UrlRecognizer"):
            registry.remove_recognizer(name)
        self._analyzer: Any = presidio.AnalyzerEngine(
            registry=registry, nlp_engine=engine, supported_languages=["en"]
        )
        supported = set(self._analyzer.get_supported_entities("en"))
        self._entities = [label for label in self.labels if label in supported]

    def find(self, text: str) -> Iterable[Span]:
        """The spans of all entities that count as somebody's."""
        found = self._analyzer.analyze(
            text=text, language="en", entities=self._entities, score_threshold=_LEAST_SCORE
        )
        for each in found:
            yield Span(each.start, each.end, each.entity_type)
