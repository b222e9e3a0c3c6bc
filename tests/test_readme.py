"""What README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cascade.config import load

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Language and text of each fenced block, in order."""
    return BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def programs() -> list[tuple[str, str | None]]:
    """Each Python block, and the output that a `text` block right after it promises."""
    shown = blocks()
    after = [*shown[1:], ("", "")]
    return [
        (text, following if kind == "text" else None)
        for (language, text), (kind, following) in zip(shown, after, strict=True)
        if language == "python"
    ]


@pytest.mark.parametrize(("program", "output"), programs())
def test_a_program_of_readme_runs_as_pasted_and_prints_what_it_promises(
    program: str, output: str | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    if output is not None:
        assert done.stdout == output


def test_a_configuration_of_readme_is_one(tmp_path: Path) -> None:
    shown = [text for language, text in blocks() if language == "toml"]
    assert shown
    for text in shown:
        (tmp_path / "cascade.toml").write_text(text, encoding="utf-8")
        configured = load(tmp_path / "cascade.toml")
        assert configured is not None
        assert len(configured.lanes) == text.count("[lanes.")


def test_readme_names_the_two_commands_and_how_to_get_uv() -> None:
    shell = "".join(text for language, text in blocks() if language == "sh")
    for command in ("uv run cascade eval desk", "uv run pytest"):
        assert f"pip install uv && {command}" in shell


def test_every_file_that_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:cascade|benchmarks|tests|examples|traces)/[\w./-]*)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
