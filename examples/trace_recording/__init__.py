"""What `record_traces.py` is made of: scenes, and the lanes and tools that they are played with."""

__all__: list[str] = []
