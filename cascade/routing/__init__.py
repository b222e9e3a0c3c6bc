"""Routing: which lanes are allowed, what each would cost, and which one is best."""

__all__: list[str] = []
