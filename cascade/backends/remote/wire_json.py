"""JSON as it is sent."""

import json

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["json_bytes"]


def json_bytes(value: object) -> bytes:
    """Compact JSON of plain values.

    What no JSON number can say becomes `null`, and each lone surrogate in a text `?`.
    """
    try:
        return to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:
        text = json.dumps(value, ensure_ascii=False)
        return to_json(from_json(text.encode("utf-8", "replace")), inf_nan_mode="null")
