"""A simulated provider on a port of this machine."""

import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from cascade.simulated.faults import CutsOff, Fails, Fault, Revokes, Stalls, WrongType
from cascade.simulated.line import Line, Message, frame, planned, split, whole
from cascade.simulated.received import Received
from cascade.simulated.script import InOrder
from cascade.simulated.simulation import Exchange, Simulation
from cascade.simulated.uvicorn_thread import running
from cascade.simulated.wire import Page, Refusal, Wire

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["serve", "served", "simulated_app"]

_PAGE = b"<html><body><h1>A page of something between you and the server</h1></body></html>"


def simulated_app(simulation: Simulation) -> "Starlette":
    """The ASGI application of a simulated provider. Needs the extra `server`."""
    from starlette.applications import Starlette  # noqa: PLC0415 - of an extra
    from starlette.routing import Route  # noqa: PLC0415 - idem

    routes = [
        Route(wire.path, _Posted(simulation, wire), methods=["POST"]) for wire in simulation.wires
    ]
    pages = {page.path: (page, wire) for wire in reversed(simulation.wires) for page in wire.pages}
    routes += [
        Route(path, _Got(simulation, wire, page), methods=["GET"])
        for path, (page, wire) in pages.items()
    ]
    return Starlette(routes=routes)


@contextmanager
def served(simulation: Simulation, *, host: str = "127.0.0.1", port: int = 0) -> Generator[str]:
    """Serves in a thread of its own while the context lasts; gives the base address.

    Clients may run on any event loop or on none.

    Raises:
        ExceptionGroup: The simulation itself failed, its script included, and nothing else did.
    """
    with socket.create_server((host, port), backlog=2048) as listener:
        address = listener.getsockname()
        with running(simulated_app(simulation), listener, opened=simulation.count_connection):
            yield f"http://{address[0]}:{address[1]}"
    if simulation.errors:
        raise ExceptionGroup("the simulated provider failed", simulation.errors)


@asynccontextmanager
async def serve(
    simulation: Simulation, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[str]:
    """As `served`, for an async caller. Starting and stopping block for some milliseconds."""
    with served(simulation, host=host, port=port) as base_url:
        yield base_url


@dataclass(frozen=True, slots=True)
class _Endpoint(ABC):
    simulation: Simulation
    wire: Wire

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        line = Line(scope, receive, send)
        received = self.simulation.number(_received(scope, await line.body()))
        try:
            await self._serve(received, line)
        except Exception as error:  # noqa: BLE001 - recorded, and raised where the server is left
            self.simulation.errors.append(error)
            failure = self.wire.failing("server")
            await self._refuse(line, received, replace(failure, message=repr(error)))

    @abstractmethod
    async def _serve(self, received: Received, line: Line) -> None: ...

    def _admitted(self, received: Received) -> Received | None:
        account = self.simulation.account(self.wire.key(received.headers))
        return None if account is None else replace(received, account=account)

    async def _refuse(self, line: Line, received: Received, refusal: Refusal) -> None:
        body = self.wire.error_body(refusal, _request_id(received))
        headers = self._headers(received) | dict(refusal.headers)
        await line.answer(refusal.status, headers, whole(to_json(body)))

    def _headers(
        self, received: Received, content_type: str = "application/json"
    ) -> dict[str, str]:
        return {
            "content-type": content_type,
            "x-simulated": "true",
            self.wire.request_id_header: _request_id(received),
        }


@dataclass(frozen=True, slots=True)
class _Got(_Endpoint):
    page: Page

    async def _serve(self, received: Received, line: Line) -> None:
        admitted = self._admitted(received)
        found = self.wire.failing("authentication") if admitted is None else self.page.get(admitted)
        refusal = found if isinstance(found, Refusal) else None
        self.simulation.record(Exchange(received=admitted or received, refusal=refusal))
        if isinstance(found, Refusal):
            await self._refuse(line, received, found)
        else:
            await line.answer(200, self._headers(received), whole(to_json(found)))


@dataclass(frozen=True, slots=True)
class _Posted(_Endpoint):
    async def _serve(self, received: Received, line: Line) -> None:
        admitted = self._admitted(received)
        if admitted is None:
            refusal = self.wire.failing("authentication")
        else:
            received, refusal = admitted, self.wire.refuse(admitted)
        if refusal is not None:
            self.simulation.record(Exchange(received=received, refusal=refusal))
            return await self._refuse(line, received, refusal)
        fault = self.simulation.faults(received)
        if not await self._is_struck(line, received, fault):
            await self._answer(line, received, fault)
        return None

    async def _is_struck(self, line: Line, received: Received, fault: Fault | None) -> bool:
        """Whether a fault took the place of the answer."""
        streams = received.asked.get("stream") is True
        match fault:
            case Fails() if fault.after_events is None or not streams:
                self.simulation.record(Exchange(received=received, fault=fault))
                await self._refuse(line, received, _failure(self.wire, fault))
            case Revokes():
                self.simulation.revoke(self.wire.key(received.headers) or "")
                self.simulation.record(Exchange(received=received, fault=fault))
                await self._refuse(line, received, self.wire.failing("authentication"))
            case WrongType():
                self.simulation.record(Exchange(received=received, fault=fault))
                headers = self._headers(received, fault.content_type)
                await line.answer(fault.status, headers, whole(_PAGE))
            case CutsOff(after_bytes=None) | Stalls(after_events=None):
                self.simulation.record(Exchange(received=received, fault=fault))
                await line.answer(200, {}, planned((), fault))
            case _:
                return False
        return True

    async def _answer(self, line: Line, received: Received, fault: Fault | None) -> None:
        turn = self.simulation.script(self.wire.conversation(received))
        answer = self.wire.answer(received, turn)
        self.simulation.record(Exchange(received=received, fault=fault, answer=answer))
        streams = received.asked.get("stream") is True
        if streams:
            content_type = "text/event-stream; charset=utf-8"
            pieces = [frame(event) for event in self.wire.events(received, answer)]
        else:
            content_type = "application/json"
            pieces = [to_json(answer)]
            # There is nothing between the status line and the one piece of such an answer.
            fault = replace(fault, after_events=0) if isinstance(fault, Stalls) else fault
        headers = self._headers(received, content_type)
        plan = planned(pieces, fault, failure=self._failure_event(received, fault))
        is_whole = plan.ending == "complete" and list(plan.pieces) == pieces
        if not streams:
            told = pieces if plan.ending != "complete" else plan.pieces
            plan = replace(plan, length=sum(map(len, told)))
        elif self.simulation.piece_bytes is not None:
            plan = replace(plan, pieces=list(split(plan.pieces, self.simulation.piece_bytes)))
        if not is_whole and isinstance(self.simulation.script, InOrder):
            self.simulation.script.give_back(turn)
        await line.answer(200, headers, plan)

    def _failure_event(self, received: Received, fault: Fault | None) -> bytes:
        if not isinstance(fault, Fails):
            return b""
        return frame(self.wire.error_event(_failure(self.wire, fault), _request_id(received)))


def _failure(wire: Wire, fault: Fails) -> Refusal:
    refusal = wire.failing(fault.failure)
    headers = dict(refusal.headers)
    if fault.retry_after_s is not None:
        headers["retry-after"] = f"{fault.retry_after_s:g}"
    if fault.retry_after_ms is not None:
        headers["retry-after-ms"] = str(fault.retry_after_ms)
    return replace(refusal, headers=headers)


def _received(scope: Message, body: bytes) -> Received:
    return Received(
        number=0,
        method=scope["method"],
        path=scope["path"],
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
        body=body,
        json=_object(body),
        values=scope.get("path_params", {}),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found: Any = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType] - JSON


def _request_id(received: Received) -> str:
    return f"req_sim_{received.number:08d}"
