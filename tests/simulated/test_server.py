"""The server under all simulated providers: answers, faults, keys, and what it remembers."""

from contextlib import AsyncExitStack

import anyio
import httpx2
import pytest
from simulated_world import ACME, PlainWire, received

from cascade.errors import ConfigError
from cascade.simulated.faults import (
    CutsOff,
    Fails,
    Fault,
    Garbles,
    Revokes,
    Slow,
    Stalls,
    WrongType,
    at_random,
    at_requests,
    no_faults,
)
from cascade.simulated.received import Conversation
from cascade.simulated.script import InOrder, Turn, by_turn
from cascade.simulated.server import serve, served
from cascade.simulated.simulation import Simulation

STREAM = (
    b'event: word\ndata: {"text":"one"}\n\nevent: word\ndata: {"text":"two"}\n\ndata: [END]\n\n'
)


def speaking(**how: object) -> Simulation:
    return Simulation(wires=[PlainWire()], script=lambda _: Turn(text="one two"), **how)  # pyright: ignore[reportArgumentType] - passed on


def struck_by(*faults: Fault) -> Simulation:
    return speaking(faults=at_requests(dict(enumerate(faults))))


def client(url: str, key: str = "any") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, headers={"key": key})


@pytest.mark.anyio
async def test_an_answer_is_whole_labelled_and_remembered():
    simulation = speaking()
    async with serve(simulation) as url, client(url) as http:
        answer = await http.post("/say", json={"a": 1}, headers={"x-mine": "yes"})
    assert answer.json() == {"text": "one two", "number": 0}
    assert answer.headers["x-simulated"] == "true"
    assert answer.headers["x-request"] == "req_sim_00000000"
    (exchange,) = simulation.exchanges
    assert exchange.received.json == {"a": 1}
    assert exchange.received.body == b'{"a":1}'
    assert exchange.received.headers["x-mine"] == "yes"
    assert exchange.answer == answer.json()


@pytest.mark.anyio
async def test_a_stream_holds_every_event():
    async with serve(speaking()) as url, client(url) as http:
        answer = await http.post("/say", json={"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == STREAM


@pytest.mark.anyio
async def test_a_stream_can_be_cut_into_pieces_anywhere():
    async with serve(speaking(piece_bytes=3)) as url, client(url) as http:
        answer = await http.post("/say", json={"stream": True})
    assert answer.content == STREAM


@pytest.mark.anyio
async def test_a_broken_rule_is_answered_and_counted_and_meets_no_fault():
    simulation = struck_by(Stalls())
    async with serve(simulation) as url, client(url) as http:
        answer = await http.post("/say", content=b"{")
    assert answer.status_code == 400
    assert answer.json()["message"] == "this is no JSON object"
    assert simulation.refused == 1
    assert [each.fault for each in simulation.refusals] == [None]


@pytest.mark.anyio
async def test_a_failure_has_its_status_and_says_when_to_come_back():
    simulation = struck_by(Fails(failure="rate_limit", retry_after_s=1.5, retry_after_ms=1500))
    async with serve(simulation) as url, client(url) as http:
        answer = await http.post("/say", json={"stream": True})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1.5"
    assert answer.headers["retry-after-ms"] == "1500"
    assert simulation.refused == 0


@pytest.mark.anyio
async def test_a_failure_in_mid_stream_comes_with_status_200():
    fault = Fails(failure="overloaded", after_events=1)
    async with serve(struck_by(fault, fault)) as url, client(url) as http:
        streamed = await http.post("/say", json={"stream": True})
        whole = await http.post("/say", json={})
    assert streamed.status_code == 200
    first, last = streamed.content.removesuffix(b"\n\n").split(b"\n\n")
    assert first == b'event: word\ndata: {"text":"one"}'
    assert last.startswith(b'event: error\ndata: {"type":"overloaded"')
    assert whole.status_code == 529


@pytest.mark.anyio
@pytest.mark.parametrize("body", [{}, {"stream": True}])
@pytest.mark.parametrize("after_bytes", [None, 0, 5])
async def test_a_cut_connection_is_cut(body: dict[str, bool], after_bytes: int | None):
    async with serve(struck_by(CutsOff(after_bytes=after_bytes))) as url, client(url) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.post("/say", json=body)
        assert (await http.post("/say", json=body)).status_code == 200


@pytest.mark.anyio
async def test_what_came_before_the_cut_arrives():
    async with (
        serve(struck_by(CutsOff(after_bytes=40))) as url,
        client(url) as http,
        http.stream("POST", "/say", json={"stream": True}) as answer,
    ):
        pieces = answer.aiter_raw()
        assert await anext(pieces) == STREAM[:40]
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(pieces)


@pytest.mark.anyio
@pytest.mark.parametrize("body", [{}, {"stream": True}])
@pytest.mark.parametrize("after_events", [None, 1])
async def test_a_stalled_answer_neither_ends_nor_holds_the_server_up(
    body: dict[str, bool], after_events: int | None
):
    async with serve(struck_by(Stalls(after_events=after_events))) as url, client(url) as http:
        with pytest.raises(httpx2.ReadTimeout):
            await http.post("/say", json=body, timeout=httpx2.Timeout(30.0, read=0.05))
        assert (await http.post("/say", json=body)).status_code == 200


@pytest.mark.anyio
async def test_a_server_stops_while_a_client_still_waits():
    simulation = struck_by(Stalls(after_events=1))
    async with client("") as http:
        async with serve(simulation) as url:
            context = http.stream("POST", f"{url}/say", json={"stream": True})
            answer = await context.__aenter__()
            pieces = answer.aiter_raw()
            await anext(pieces)
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(pieces)
        await context.__aexit__(None, None, None)


@pytest.mark.anyio
async def test_a_slow_stream_is_whole_in_the_end():
    async with serve(struck_by(Slow(pause_s=0.001))) as url, client(url) as http:
        answer = await http.post("/say", json={"stream": True})
    assert answer.content == STREAM


@pytest.mark.anyio
async def test_a_slow_answer_is_given_up_when_its_client_leaves():
    async with serve(struck_by(Slow(pause_s=600.0))) as url, client(url) as http:
        with pytest.raises(httpx2.ReadTimeout):
            await http.post("/say", json={}, timeout=httpx2.Timeout(30.0, read=0.05))
        assert (await http.post("/say", json={})).status_code == 200


@pytest.mark.anyio
async def test_a_long_request_arrives_whole():
    simulation, long = speaking(), "x" * 1_000_000
    async with serve(simulation) as url, client(url) as http:
        await http.post("/say", json={"text": long})
    assert simulation.received[0].asked == {"text": long}


@pytest.mark.anyio
async def test_broken_json_stands_in_a_sound_frame():
    faults = [Garbles(), Garbles(event=1), Garbles(event=9)]
    async with serve(struck_by(*faults)) as url, client(url) as http:
        whole = await http.post("/say", json={})
        second = await http.post("/say", json={"stream": True})
        last = await http.post("/say", json={"stream": True})
    assert whole.status_code == 200
    assert whole.content == b'{"text":"one t'
    assert second.content.split(b"\n\n")[1] == b'event: word\ndata: {"text":'
    assert second.content.count(b"\n\n") == STREAM.count(b"\n\n")
    assert last.content.split(b"\n\n")[2] == b"data: [EN"


@pytest.mark.anyio
async def test_a_page_of_something_else_may_stand_in_the_way():
    async with serve(struck_by(WrongType(), WrongType(status=502))) as url, client(url) as http:
        page = await http.post("/say", json={"stream": True})
        gateway = await http.post("/say", json={})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert gateway.status_code == 502


@pytest.mark.anyio
async def test_a_revoked_key_never_works_again_and_another_does():
    simulation = speaking(accounts=(ACME,), faults=at_requests({1: Revokes()}))
    async with serve(simulation) as url, client(url, "key-of-acme") as http:
        statuses = [(await http.post("/say", json={})).status_code for _ in range(3)]
        renewed = await http.post("/say", json={}, headers={"key": "second-key-of-acme"})
    assert statuses == [200, 401, 401]
    assert renewed.status_code == 200
    accounts = [each.received.account for each in simulation.exchanges]
    assert accounts == [ACME, ACME, None, ACME]


@pytest.mark.anyio
async def test_a_key_of_nobody_is_refused_where_accounts_are_known():
    simulation = speaking(accounts=(ACME,))
    async with serve(simulation) as url, client(url, "made-up") as http:
        answer = await http.post("/say", json={})
    assert answer.status_code == 401
    assert simulation.refused == 1


def test_without_accounts_every_key_is_an_account_of_its_own_and_no_key_is_none():
    simulation = speaking()
    one, same, other = (simulation.account(key) for key in ("a", "a", "b"))
    assert one == same
    assert one is not None
    assert other is not None
    assert one.name != other.name
    assert simulation.account("") is None
    assert simulation.account(None) is None


@pytest.mark.anyio
async def test_a_script_that_fails_is_not_passed_over():
    def fails(_: Conversation) -> Turn:
        raise ConfigError("no idea")

    simulation = Simulation(wires=[PlainWire()], script=fails)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(simulation))
        http = await stack.enter_async_context(client(url))
        answer = await http.post("/say", json={})
        left = stack.pop_all()
    assert answer.status_code == 500
    assert "no idea" in answer.json()["message"]
    with pytest.raises(ExceptionGroup) as raised:
        await left.aclose()
    assert raised.group_contains(ConfigError, match="no idea")


@pytest.mark.anyio
async def test_a_turn_that_never_arrived_is_said_again():
    faults: list[Fault] = [CutsOff(after_bytes=9), Fails(failure="server"), Garbles()]
    script = InOrder(Turn(text="one"), Turn(text="two"))
    simulation = Simulation(
        wires=[PlainWire()], script=script, faults=at_requests(dict(enumerate(faults)))
    )
    async with serve(simulation) as url, client(url) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.post("/say", json={})
        await http.post("/say", json={})
        await http.post("/say", json={})
        said = [(await http.post("/say", json={})).json()["text"] for _ in range(2)]
    assert said == ["one", "two"]


def test_scripts_say_when_they_have_nothing_left():
    conversation = PlainWire().conversation(None)  # pyright: ignore[reportArgumentType] - not looked at
    with pytest.raises(ConfigError, match="no turn left"):
        InOrder()(conversation)
    with pytest.raises(ConfigError, match="0 turns"):
        by_turn()(conversation)
    assert by_turn(Turn(text="one"))(conversation).text == "one"


@pytest.mark.anyio
async def test_connections_and_requests_are_counted():
    simulation = speaking(keep=2)
    async with serve(simulation) as url:
        for _ in range(2):
            async with client(url) as http:
                for _ in range(3):
                    await http.post("/say", json={})
    assert simulation.connections_opened == 2
    assert simulation.requests == 6
    assert [each.number for each in simulation.received] == [4, 5]


@pytest.mark.anyio
async def test_many_clients_are_served_at_once():
    simulation = speaking()
    numbers: list[int] = []
    async with serve(simulation) as url, client(url) as http, anyio.create_task_group() as group:

        async def call() -> None:
            numbers.append((await http.post("/say", json={})).json()["number"])

        for _ in range(40):
            group.start_soon(call)
    assert sorted(numbers) == list(range(40))


def test_a_plain_thread_can_be_served_too():
    with served(speaking()) as url, httpx2.Client() as http:
        answer = http.post(f"{url}/say", json={}, headers={"key": "k"})
    assert answer.json()["text"] == "one two"


def test_chance_is_the_same_for_the_same_seed():
    kinds: list[Fault] = [Revokes(), Slow(pause_s=1.0)]
    requests = [received({}, number=number) for number in range(200)]
    first, again, other = (
        [at_random(0.25, kinds, seed=seed)(request) for request in requests] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert 20 < sum(fault is not None for fault in first) < 80
    assert {type(fault) for fault in first} == {type(None), Revokes, Slow}
    assert not any(at_random(0.0, kinds, seed=1)(request) for request in requests)
    assert not any(map(no_faults, requests))
