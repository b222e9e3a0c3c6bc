"""OpenAI and servers that speak one of its wire formats."""

from cascade.backends.openai.provider import openai_backend

__all__ = ["openai_backend"]
