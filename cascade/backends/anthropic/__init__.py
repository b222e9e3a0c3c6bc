"""Anthropic's Messages API: `codec` puts it together, `encoding` writes and `reader` reads."""

from cascade.backends.anthropic.backend import ANTHROPIC, anthropic_backend
from cascade.backends.anthropic.codec import MessagesCodec
from cascade.backends.anthropic.settings import AnthropicSettings

__all__ = ["ANTHROPIC", "AnthropicSettings", "MessagesCodec", "anthropic_backend"]
