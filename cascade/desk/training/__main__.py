# pyright: basic, reportMissingImports=false
# Reason: torch and tokenizers are needed for training only; the checks run without.
"""One command from nothing to the GGUF file: tokenizer, training, export, verification, figures."""

import argparse
import hashlib
import os
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["main"]

_TOKENIZER_TEXTS = 6000
_BUNDLED = Path(__file__).parent.parent / "desk.gguf"


def main() -> None:
    """Train the bundled model."""
    # Spinning worker threads take cores from each other; both are read when the libraries load.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        from cascade.desk.training import export, train, verify  # noqa: PLC0415 - after the environment
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error.name} is missing; training needs: pip install torch==2.13.0 tokenizers gguf"
        )

    tokenizer = _tokenizer(options.work / "tokenizer.json", options.vocabulary)
    plan = train.Plan(
        folder=options.work, steps=options.steps, ranks=options.ranks, seed=options.seed
    )
    train.train(plan)
    decoder = train.load(options.work / "network.pt")
    export.export(decoder, options.work / "tokenizer.json", options.gguf)
    print(verify.verify(decoder, tokenizer, options.gguf))
    _print_figures(options.gguf, options.tasks, options.evaluation_seed)
    digest = hashlib.sha256(options.gguf.read_bytes()).hexdigest()
    print(f"{options.gguf}: {options.gguf.stat().st_size} bytes, sha256 {digest}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cascade.desk.training", description=__doc__)
    parser.add_argument("--steps", type=int, default=5000, help="updates of the weights")
    parser.add_argument("--ranks", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--seed", type=int, default=1, help="of weights and training tasks")
    parser.add_argument("--vocabulary", type=int, default=1536, help="entries of the tokenizer")
    parser.add_argument("--work", type=Path, default=Path("build/desk"), help="for checkpoints")
    parser.add_argument("--gguf", type=Path, default=_BUNDLED, help="the file to write")
    parser.add_argument("--tasks", type=int, default=280, help="tasks to play for each split")
    parser.add_argument("--evaluation-seed", type=int, default=7, help="seed of these tasks")
    return parser.parse_args()


def _tokenizer(path: Path, size: int) -> Any:
    from cascade.desk.training.tokenizer import build_tokenizer  # noqa: PLC0415

    tokenizer = build_tokenizer(islice(_texts(), _TOKENIZER_TEXTS), size)
    tokenizer.save(str(path))
    return tokenizer


def _texts() -> Iterator[str]:
    from cascade.desk.families import FAMILIES  # noqa: PLC0415
    from cascade.desk.tasks import make_task  # noqa: PLC0415
    from cascade.desk.training.conversations import conversation, render  # noqa: PLC0415

    rng = random.Random("tokenizer")  # noqa: S311 - seeded data, not cryptography
    for seed in range(_TOKENIZER_TEXTS):
        yield render(conversation(make_task(rng.choice(list(FAMILIES)), "train", seed), rng))


def _print_figures(path: Path, tasks: int, seed: int) -> None:
    from cascade.desk.training.figures import figures  # noqa: PLC0415
    from cascade.desk.training.player import Player  # noqa: PLC0415

    player = Player(path)
    for split in ("familiar", "names", "wording", "evaluation"):
        print(figures(player, split, tasks=tasks, seed=seed)[0])


if __name__ == "__main__":
    main()
