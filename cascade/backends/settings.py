"""What a lane can tell its backend, read from the lane's `settings`."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import JsonValue, ValidationError

from cascade.errors import ConfigError
from cascade.frozen import Frozen

__all__ = ["BackendSettings"]


class BackendSettings(Frozen):
    """Settings of one backend; each of them lists its own."""

    whose: ClassVar[str]
    """The backend's name in messages."""

    @classmethod
    def of(cls, settings: Mapping[str, JsonValue]) -> Self:
        """Settings as a lane gives them.

        Raises:
            ConfigError: One is unknown or has the wrong type.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            known = ", ".join(cls.__pydantic_fields__)
            raise ConfigError(
                f"{cls.whose} setting {where!r}: {first['msg']}. The settings are: {known}"
            ) from error
