"""Our own decode loop on llama.cpp: many sequences, one thread; see the README beside this file."""

from cascade.backends.llama.engine.engine import Engine
from cascade.backends.llama.engine.model import Model
from cascade.backends.llama.engine.requests import (
    EngineSettings,
    FinishReason,
    GenerateRequest,
    Generation,
    Grammar,
    OnToken,
    Sampling,
    Timing,
    TokenInfo,
)
from cascade.backends.llama.engine.statistics import EngineStatistics
from cascade.backends.llama.engine.streaming import TextPiece, TokenStream

__all__ = [
    "Engine",
    "EngineSettings",
    "EngineStatistics",
    "FinishReason",
    "GenerateRequest",
    "Generation",
    "Grammar",
    "Model",
    "OnToken",
    "Sampling",
    "TextPiece",
    "Timing",
    "TokenInfo",
    "TokenStream",
]
