"""Run as a script: imports each module of the package alone and prints what came of it, as JSON.

One process for each would load the dependencies a hundred times over. This one loads those that
are allowed once, and forks.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import cascade

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


def _modules() -> tuple[list[str], list[str]]:
    """The package's plain modules, and all that stands in its folders."""
    folder = Path(next(iter(cascade.__path__)))
    plain, inside = ["cascade"], list[str]()
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts != ("__init__",):
            name = ".".join(("cascade", *parts)).removesuffix(".__init__")
            (plain if len(parts) == 1 else inside).append(name)
    return plain, inside


def _main() -> None:
    for allowed in ALLOWED:
        importlib.import_module(allowed)
    plain, inside = _modules()
    reports = {name: _in_child(name) for name in plain}
    # The plain modules are below the folders (another test sees to that) and so cannot lean on one
    # of them. Loading them once, instead of a hundred times, hides nothing.
    for name in plain:
        if name != "cascade.__main__":
            importlib.import_module(name)
    reports |= {name: _in_child(name) for name in inside}
    print(json.dumps(reports))  # noqa: T201 - its result


if __name__ == "__main__":
    _main()
