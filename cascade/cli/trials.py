"""One tiny real call to a lane, and what came of it."""

import time
from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType

import anyio

from cascade.backends.base import Backend
from cascade.errors import BackendError, BackendTimeout, CascadeError, FailureKind, MissingKey
from cascade.exchange import Draft, Request, Usage, View
from cascade.frozen import Frozen
from cascade.lanes import Lane
from cascade.messages import UserMessage

__all__ = ["Trial", "try_lane"]

_LONGEST_S = 60.0
_MOST_TOKENS = 256
"""Enough for a model that reasons before it says a word."""

_ADVICE: MappingProxyType[FailureKind, str] = MappingProxyType(
    {
        "connection": "check the endpoint, the network and any proxy; is the server running?",
        "timeout": "try again; if it stays slow, raise the lane's timeouts",
        "server": "try again later",
        "overloaded": "try again later, or give the lane fallbacks",
        "rate_limit": "wait, or set the lane's limits to what the quota allows",
        "quota": "the account has run out: top it up, or use another key",
        "auth": "the key was refused: check the variable or command that it comes from",
        "permission": "the key may not use this model: check the account's rights",
        "not_found": "there is no such model or address: check model, endpoint and api",
        "context": "the window is smaller than thought: check context_tokens",
        "signature": "try again",
        "protocol": "the server does not speak this wire format: check endpoint and api",
        "request": "the server refused the request: check model, effort, settings and capabilities",
        "cooling": "try again later",
        "busy": "try again later",
    }
)


class Trial(Frozen):
    """What came of calling a lane."""

    ok: bool
    latency_s: float
    """From the call to its end, opening the lane left out."""
    served_model: str | None = None
    """The model that answered, in its server's words."""
    context_tokens: int | None = None
    """Its window, as the opened lane has it."""
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """`None` where it is unknown."""
    failure: str | None = None
    """The kind of failure as traces name it, `key` for a missing key, or `configuration`."""
    detail: str | None = None
    """What failed, in words."""
    advice: str | None = None
    """What may mend it."""


async def try_lane(
    make: Callable[[], Backend], *, monotonic: Callable[[], float] = time.monotonic
) -> Trial:
    """Opens a lane, asks for one word, and closes it; a failure is a result too.

    Args:
        make: Makes the lane's backend.
        monotonic: Seconds.
    """
    began_s = monotonic()
    backend: Backend | None = None
    try:
        backend = make()
        lane = await backend.open()
        began_s = monotonic()
        draft = await _asked(backend, lane)
    except BackendError as error:
        return _failed(error, error.failure, _ADVICE[error.failure], monotonic() - began_s)
    except MissingKey as error:
        return _failed(error, "key", "set it, or leave the lane out", monotonic() - began_s)
    except (CascadeError, ImportError, OSError, RuntimeError) as error:
        advice = "cascade doctor says what is missing"
        return _failed(error, "configuration", advice, monotonic() - began_s)
    finally:
        if backend is not None:
            with anyio.move_on_after(5, shield=True):
                await backend.aclose()
    return Trial(
        ok=True,
        latency_s=round(monotonic() - began_s, 3),
        served_model=draft.served_model,
        context_tokens=lane.context_tokens,
        usage=draft.usage,
        cost_usd=lane.cost_usd(draft.usage),
    )


async def _asked(backend: Backend, lane: Lane) -> Draft:
    view = View(
        trajectory_id="check",
        system=None,
        messages=(UserMessage.of("Reply with the word OK."),),
        tools=(),
    )
    request = Request(
        hop=1,
        max_output_tokens=min(lane.max_output_tokens, _MOST_TOKENS),
        seed=0,
        sampling=lane.sampling,
        effort=lane.effort,
        timeout_s=_LONGEST_S,
    )
    with anyio.move_on_after(_LONGEST_S + 5):
        async with backend.call(view, request) as hop:
            async for _ in hop:
                pass
            return hop.draft
    raise BackendTimeout(f"no answer in {_LONGEST_S:g} s", backend=lane.backend)


def _failed(error: Exception, failure: str, advice: str, latency_s: float) -> Trial:
    return Trial(
        ok=False,
        latency_s=round(latency_s, 3),
        failure=failure,
        detail=str(error),
        advice=advice,
    )
