"""The two links at the top, and what a wheel holds."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKS = ("monitors", "backends")


@pytest.mark.parametrize("name", LINKS)
def test_a_top_level_link_leads_into_the_package(name: str):
    link = ROOT / name
    if link.is_symlink():
        assert not link.readlink().is_absolute()
        assert link.resolve() == (ROOT / "cascade" / name).resolve()
        assert link.is_dir()
    else:
        # A clone without symbolic links has a text file in its place; nothing needs more.
        assert link.read_text().strip() == f"cascade/{name}"


def test_nothing_in_the_tests_makes_a_package_of_them():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_wheel_holds_the_files_of_the_package_and_no_others(tmp_path: Path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed, and it is the build backend's front end")
    built = subprocess.run(
        [uv, "build", "--wheel", "--offline", "--no-cache", "--out-dir", str(tmp_path), str(ROOT)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if built.returncode != 0:
        pytest.skip(f"the wheel cannot be built here: {built.stderr.strip()[-300:]}")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.endswith("/")}
    code = {name for name in packed if ".dist-info/" not in name}
    assert code == files_of_the_package()
    licences = [name for name in packed if name.endswith("/licenses/LICENSE")]
    assert len(licences) == 1


def files_of_the_package() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cascade").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
