"""Monitors, which will watch a log for signs of trouble. There are none yet."""

__all__: list[str] = []
