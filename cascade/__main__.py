"""`python -m cascade` is the `cascade` command."""

from cascade.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
