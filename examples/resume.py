"""Stopping a run and going on with it.

    python examples/resume.py

Every event is on the disk before the run goes on, so the same works after a crash or `kill -9`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from cascade import Cascade, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.events import Event, ToolFinished

__all__ = ["main"]


@tool(side_effect="read")
def read_page(number: int) -> str:
    """Reads one page.

    Args:
        number: From 1.
    """
    return f"page {number} says {number * number}"


def _runtime(folder: Path) -> Cascade:
    pages = [calling(("read_page", {"number": number})) for number in (1, 2, 3)]
    backend = ScriptedBackend([*pages, "1, 4 and 9."])
    return Cascade(lanes=[backend.lane], backends={backend.lane.name: backend}, traces=folder)


async def main() -> None:
    """Stops a run after its second tool call, then resumes it with a new runtime."""
    with TemporaryDirectory() as folder:
        async with _runtime(Path(folder)) as cascade:
            with anyio.CancelScope() as scope:

                def stop_after_two_pages(event: Event) -> None:
                    if isinstance(event, ToolFinished) and event.step == 2:
                        scope.cancel()

                await cascade.run(
                    "What do the three pages say?",
                    tools=[read_page],
                    trajectory_id="pages",
                    on_event=stop_after_two_pages,
                )
        print(f"stopped: {scope.cancelled_caught}")
        async with _runtime(Path(folder)) as cascade:
            result = await cascade.resume(Path(folder) / "pages.jsonl", tools=[read_page])
        print(f"{result.outcome} after {result.steps} steps: {result.answer}")


if __name__ == "__main__":
    anyio.run(main)
