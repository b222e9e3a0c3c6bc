"""Recorded trajectories: `record` writes and reads them, `content` blanks what was said."""
