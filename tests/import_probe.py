"""Run as a script: imports each module of the package alone and prints what came of it, as JSON.

One process for each would load the dependencies a hundred times over. This one loads those that
are allowed once and forks: in each child nothing of the package has been imported yet.
"""

import importlib
import json
import os
import pkgutil
import sys
import traceback

ALLOWED = ("anyio", "docstring_parser", "jinja2", "numpy", "opentelemetry.trace", "pydantic")
FORBIDDEN = ("anthropic", "click", "llama_cpp", "openai", "rich", "torch", "trio")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

__all__: list[str] = []


def _probe(name: str) -> dict[str, object]:
    written: list[str] = []

    def audit(event: str, details: tuple[object, ...]) -> None:
        if event == "os.mkdir" or (
            event == "open" and isinstance(details[2], int) and details[2] & WRITING
        ):
            written.append(str(details[0]))

    sys.addaudithook(audit)
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    return {
        "forbidden": [top for top in FORBIDDEN if top in sys.modules],
        "written": list(written),
        "exported": exported,
        "missing": [each for each in exported or () if not hasattr(module, each)],
    }


def _in_child(name: str) -> dict[str, object]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        # Whatever the module prints goes down the pipe and in front of the report.
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        try:
            report = _probe(name)
        except BaseException:  # noqa: BLE001 - to be reported, whatever it is
            report = {"error": traceback.format_exc()}
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writing, b"\0" + json.dumps(report).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        printed, _, report = pipe.read().rpartition(b"\0")
    os.waitpid(child, 0)
    return {"printed": printed.decode(), **json.loads(report)}


def _modules() -> list[str]:
    spec = importlib.util.find_spec("cascade")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    names = ["cascade"]
    folders = [("cascade.", spec.submodule_search_locations)]
    while folders:
        prefix, paths = folders.pop()
        for found in pkgutil.iter_modules(list(paths)):
            names.append(prefix + found.name)
            if found.ispkg:
                inside = [os.path.join(path, found.name) for path in paths]  # noqa: PTH118 - plain strings
                folders.append((f"{prefix}{found.name}.", inside))
    return sorted(names)


if __name__ == "__main__":
    for allowed in ALLOWED:
        importlib.import_module(allowed)
    print(json.dumps({name: _in_child(name) for name in _modules()}))  # noqa: T201 - its result
