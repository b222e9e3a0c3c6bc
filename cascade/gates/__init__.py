"""Gates: judges of a drafted step. Read `base.py` first, then `confidence.py`."""

__all__: list[str] = []
