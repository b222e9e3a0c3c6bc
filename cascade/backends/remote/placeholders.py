"""What stands in a message where a provider wants a text and there is none to show."""

__all__ = ["EMPTY", "NO_PICTURE"]

EMPTY = "(empty)"
"""In place of a message or result that holds nothing."""
NO_PICTURE = "(a picture that this model cannot be shown)"
"""In place of an image."""
