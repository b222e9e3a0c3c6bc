"""Running the command in this process, in a folder of the test's own."""

import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from cascade.cli.app import run_command

TOOLS = '''
    """Tools and scripts of the tests."""

    from pathlib import Path

    import anyio

    from cascade import BackendUnavailable, tool
    from cascade.backends.scripted import calling


    @tool(side_effect="read")
    async def look(number: int) -> str:
        """Looks a number up.

        Args:
            number: Which.
        """
        return f"it is {number * 7}"


    @tool(side_effect="read")
    def noisy() -> str:
        """Says things that steer a terminal."""
        return "\\x1b[2Jgone\\x07"


    def unlisted(number: int) -> int:
        """A plain function."""
        return number


    both = [look, unlisted]
    replies = [calling(("look", {"number": 6}), text="Let me look."), "It is 42."]
    loud = [calling(("noisy", {})), "It was \\x1b[31mloud."]
    endless = lambda view, request: calling(("look", {"number": len(view.messages)}))
    broken = [BackendUnavailable("nobody is there", backend="scripted")] * 2


    async def waiting(view, request):
        """Looks up 1 and 2; before 3 it waits until it is allowed to go on."""
        step = len(view.messages) // 2
        if step == 2 and not Path("go").exists():
            await anyio.sleep_forever()
        return calling(("look", {"number": step + 1})) if step < 3 else "7, 14 and 21."
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Process(subprocess.Popen[str]):
    """The command in a process of its own, read line by line."""

    def read_until(self, words: str) -> None:
        """Reads standard output up to a line with *words* in it."""
        _read_until(self.stdout, words)

    def read_error_until(self, words: str) -> None:
        """Reads standard error up to a line with *words* in it."""
        _read_until(self.stderr, words)


def _read_until(stream: Iterable[str] | None, words: str) -> None:
    if not any(words in line for line in stream or ()):
        raise AssertionError(f"the command ended before it printed {words!r}")


Command = Callable[..., Ended]
Start = Callable[..., AbstractContextManager[Process]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """The current folder, with `tools.py` in it."""
    (tmp_path / "tools.py").write_text(dedent(TOOLS), encoding="utf-8")
    with chdir(tmp_path):
        yield tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line and returns how it ended."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run_command(arguments)
        captured = capsys.readouterr()
        return Ended(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def start() -> Start:
    """Starts a command line in a process of its own, which is killed if it is still there later."""

    @contextmanager
    def start(*arguments: str) -> Generator[Process]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "cascade", *arguments]
        with Process(command, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


@pytest.fixture
def examples() -> Path:
    """The folder of the examples."""
    return Path(__file__).parents[2] / "examples"
