"""Records the trajectories in `traces/` anew.

    pip install 'cascade-runtime[server]' && python examples/record_traces.py

Nothing leaves this machine: the models are scripted, bundled, or simulated providers on a port of
its own. What scripted models say is the same byte for byte each time; what the bundled model and
the providers take is timed, so their files differ in that.
"""

import argparse
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

import anyio
from trace_recording import choices, desk, opinions, providers, trouble
from trace_recording.scenes import Recording

SCRIPTED: tuple[Recording, ...] = (*trouble.SCENES, *opinions.SCENES, *choices.SCENES)
ALL: tuple[Recording, ...] = (*SCRIPTED, *providers.SCENES, *desk.SCENES)


async def record(folder: Path, wanted: Collection[Recording]) -> None:
    """Records them, one after another."""
    for recording in wanted:
        await recording.record(folder)
        print(recording.name)


def main() -> None:
    """Reads the arguments and records."""
    parser = argparse.ArgumentParser(description=__doc__)
    home = Path(__file__).parents[1] / "traces"
    parser.add_argument("names", nargs="*", help="files without their ending; all by default")
    parser.add_argument("--into", type=Path, default=home, help="the folder; traces/ by default")
    parser.add_argument("--scripted", action="store_true", help="only what needs no model")
    asked = parser.parse_args()
    offered = SCRIPTED if asked.scripted else ALL
    wanted = [each for each in offered if not asked.names or each.name in asked.names]
    if missing := {*asked.names} - {each.name for each in wanted}:
        parser.error(f"there is no {', '.join(sorted(missing))}")
    # What is there stays until all of it is recorded.
    with tempfile.TemporaryDirectory() as scratch:
        anyio.run(record, Path(scratch), wanted)
        asked.into.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(scratch).glob("*.jsonl")):
            shutil.copyfile(path, asked.into / path.name)


if __name__ == "__main__":
    main()
