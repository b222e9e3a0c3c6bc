"""From settings to a redactor: built-in groups, optional packages, recognisers of the user's."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeGuard

from cascade.errors import ConfigError
from cascade.policy.handing_over import Redacting
from cascade.redaction.contacts import Contacts
from cascade.redaction.literals import Literals
from cascade.redaction.network import Network
from cascade.redaction.numbers import Numbers
from cascade.redaction.placeholders import LABEL
from cascade.redaction.redactor import Redactor
from cascade.redaction.secrets import Secrets
from cascade.redaction.spans import Recogniser

__all__ = ["recogniser_of", "redactor_of"]


def redactor_of(settings: Redacting) -> Redactor:
    """The redactor that the settings describe.

    Raises:
        ConfigError: One of the recognisers cannot be had.
    """
    return _redactor(settings.recognisers)


@lru_cache(maxsize=32)
def _redactor(recognisers: tuple[str, ...]) -> Redactor:
    """Made once for each setting, as some take seconds; recognisers hold nothing of a task."""
    return Redactor([recogniser_of(name) for name in recognisers])


def recogniser_of(name: str) -> Recogniser:
    """The recogniser of that name.

    Args:
        name: `contacts`, `numbers`, `network`, `secrets`, `detect-secrets`, `presidio`, or
            `module:attribute` for a recogniser of one's own, something that makes one when it is
            called without arguments, or a list of texts that are to be hidden wherever they occur.

    Raises:
        ConfigError: There is none of that name, or it is no recogniser.
    """
    match name:
        case "contacts":
            return Contacts()
        case "numbers":
            return Numbers()
        case "network":
            return Network()
        case "secrets":
            return Secrets()
        case "detect-secrets":
            return _from("cascade.redaction.detect_secrets", "DetectSecrets")()
        case "presidio":
            return _from("cascade.redaction.presidio", "Presidio")()
        case _:
            return _of_the_user(name)


def _from(module: str, attribute: str) -> Callable[[], Recogniser]:
    return getattr(import_module(module), attribute)


def _of_the_user(name: str) -> Recogniser:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ConfigError(
            f"there is no recogniser {name!r}; there are contacts, numbers, network, secrets, "
            "detect-secrets and presidio; write module:attribute for one of your own"
        )
    try:
        found: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the recogniser {name!r} cannot be imported: {error}") from error
    if callable(found) and not _is_recogniser(found):
        found = found()
    if _is_recogniser(found):
        return _checked(name, found)
    if isinstance(found, Iterable) and not isinstance(found, str):
        return _literals(name, list[object](found))  # pyright: ignore[reportUnknownArgumentType] - checked there
    raise ConfigError(
        f"{name!r} is no recogniser: it is a {type(found).__name__}; a recogniser has name, "
        "labels and find(text), and a list of texts is taken as values to hide"
    )


def _is_recogniser(found: object) -> TypeGuard[Recogniser]:
    return isinstance(found, Recogniser) and not isinstance(found, type)


def _literals(name: str, values: Sequence[object]) -> Recogniser:
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        wrong = next(type(value).__name__ for value in values if not isinstance(value, str))
        raise ConfigError(f"{name!r} holds a {wrong}; values to hide are texts")
    return Literals(texts, name=name)


def _checked(name: str, recogniser: Recogniser) -> Recogniser:
    for label in recogniser.labels:
        if LABEL.fullmatch(label) is None:
            raise ConfigError(
                f"the recogniser {name!r} has the label {label!r}; labels are 2 to 24 capitals, "
                "with single _ between them, as in ACCOUNT_NUMBER"
            )
    return recogniser
