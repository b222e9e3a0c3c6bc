"""The smallest run: the bundled model, an office to work in, one task.

python examples/smallest.py
"""

import anyio

from cascade import Cascade
from cascade.desk.suite import suite

__all__ = ["main"]


async def main() -> None:
    """Runs the first task of the bundled suite."""
    task = suite.tasks(1, seed=1)[0]
    office = task.open()
    async with Cascade() as cascade:
        result = await cascade.run(task.prompt, tools=office.tools, system=task.system)
    print(task.prompt)
    print(result.answer, result.outcome, result.usage, result.cost_usd)
    print(office.check(result.answer))


if __name__ == "__main__":
    anyio.run(main)
