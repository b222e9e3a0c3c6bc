"""Short ways to say things in a policy: the name of a preset, and that of a calibration."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, cast

from pydantic import ValidationError

from cascade.config.faults import Fault
from cascade.config.positions import Path
from cascade.config.schema import nearest
from cascade.config.settings import BUNDLED_CALIBRATION
from cascade.policy import Calibration
from cascade.policy.presets import PRESETS, preset

__all__ = ["CALIBRATION", "spelt_out"]

Table = Mapping[str, Any]

PRESET: Path = ("policy", "preset")
CALIBRATION: Path = ("policy", "gates", "confidence", "calibration")


def spelt_out(data: Table, folder: FilePath) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    """What is written, with a preset's settings under it and a calibration's figures in it.

    Args:
        data: The whole file, with the overrides of the environment; it stays as it is.
        folder: Where a relative path of a calibration begins: the folder of the file.

    Returns:
        The file in full, and what must be changed about its short ways.
    """
    policy = data.get("policy")
    if not isinstance(policy, Mapping):
        return dict(data), ()
    written = dict(cast("Table", policy))
    faults: list[Fault] = []
    if "preset" in written:
        name = written.pop("preset")
        if isinstance(name, str) and name in PRESETS:
            base = preset(name).model_dump(mode="json", exclude_defaults=True)
            written = _merged(base, written)
        else:
            faults.append(_no_preset(name))
    whole = {**data, "policy": written}
    if isinstance(_at(whole, CALIBRATION), str):
        found = _calibration(str(_at(whole, CALIBRATION)), folder)
        if isinstance(found, Fault):
            faults.append(found)
        whole = _with(whole, CALIBRATION, None if isinstance(found, Fault) else found)
    return whole, tuple(faults)


def _no_preset(name: object) -> Fault:
    meant = nearest(name, PRESETS) if isinstance(name, str) else None
    hint = "" if meant is None else f"; did you mean {meant}?"
    accepted = ", ".join(f'"{each}"' for each in PRESETS)
    return Fault(path=PRESET, message=f"wants one of {accepted}{hint}")


def _merged(base: Table, over: Table) -> dict[str, Any]:
    """*base* with the keys of *over* in it, table by table; a list replaces a list."""
    whole = dict(base)
    for key, value in over.items():
        below = whole.get(key)
        both_are_tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        whole[key] = (
            _merged(cast("Table", below), cast("Table", value)) if both_are_tables else value
        )
    return whole


def _calibration(name: str, folder: FilePath) -> dict[str, Any] | Fault:
    if name == BUNDLED_CALIBRATION:
        # Most configurations do without the bundled suite.
        from cascade.desk.calibrated import calibration  # noqa: PLC0415 - idem

        return calibration().model_dump(mode="json")
    wants = (
        f'wants "{BUNDLED_CALIBRATION}", for the bundled model, or the path of a JSON file with a '
        "calibration"
    )
    try:
        found = Calibration.model_validate_json((folder / name).read_bytes())
    except OSError as error:
        message = f"{wants}; that file cannot be read: {error.strerror}"
        return Fault(path=CALIBRATION, message=message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        return Fault(path=CALIBRATION, message=f"{wants}; in that file, {place}: {first['msg']}")
    return found.model_dump(mode="json")


def _at(data: Table, path: Path) -> Any:
    inner: Any = data
    for part in path:
        if not isinstance(inner, Mapping):
            return None
        inner = cast("Mapping[Any, Any]", inner).get(part)
    return inner


def _with(data: Table, path: Path, value: Any) -> dict[str, Any]:
    key = str(path[0])
    inner = value if len(path) == 1 else _with(data[key], path[1:], value)
    return {**data, key: inner}
