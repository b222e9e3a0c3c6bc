"""What importing costs: CPU over an interpreter that imports nothing.

python benchmarks/import_time.py
"""

import argparse
import resource
import statistics
import subprocess
import sys

__all__ = ["main"]

STATEMENTS = (
    "import cascade",
    "from cascade import tool",
    "from cascade import Cascade",
    "import cascade.cli",
    "import pydantic",
)
"""The last one for comparison: it is a dependency that most applications have loaded anyway."""


def cpu_seconds(statement: str) -> float:
    """User and system time of one interpreter that runs *statement*."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    for statement in ("pass", *STATEMENTS):
        cpu_seconds(statement)  # compiled files are written once
    bare = statistics.median(cpu_seconds("pass") for _ in range(rounds))
    print(f"CPU, median of {rounds} runs; an interpreter that imports nothing: {bare:.3f} s")
    for statement in STATEMENTS:
        over = statistics.median(cpu_seconds(statement) for _ in range(rounds)) - bare
        print(f"  {statement:30} {over:6.3f} s over that")


if __name__ == "__main__":
    main()
