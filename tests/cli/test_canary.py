"""A key that is in the environment comes out nowhere: no output, error, log, record or `repr`."""

import logging
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cascade.cli.options import RuntimeOptions
from cascade.config import load

Command = Callable[..., Any]

CANARY = "canary-7f3a9d1c5e8b"
NEXT = "canary-e40b62d8971f"


class Server(ThreadingHTTPServer):
    """Remembers what it was shown."""

    seen: list[str]
    key_file: Path
    """What `api_key_cmd` prints; a call that is refused finds another key in it."""


class Indiscreet(BaseHTTPRequestHandler):
    """A server that refuses every key and repeats it in the refusal."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        assert isinstance(self.server, Server)
        self.server.key_file.write_text(NEXT, encoding="utf-8")
        self.do_GET()

    def do_GET(self) -> None:
        given = self.headers.get("authorization") or self.headers.get("x-api-key")
        body = f'{{"error": {{"message": "Incorrect API key provided: {given}", "code": null}}}}'
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", "1")
        self.end_headers()
        self.wfile.write(body.encode())
        assert isinstance(self.server, Server)
        self.server.seen.append(str(given))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        del format, args


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Indiscreet) as server:
        server.seen = []
        server.key_file = folder / "key.txt"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def shown(text: str) -> bool:
    """Whether one of the keys stands in the text."""
    return CANARY in text or NEXT in text


@pytest.fixture
def configured(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "CANARY_KEY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.delenv("CASCADE_CONFIG", raising=False)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    server.key_file.write_text(CANARY, encoding="utf-8")
    path = folder / "cascade.toml"
    path.write_text(
        f"""\
        [lanes.chat]
        backend = "openai"
        model = "m"
        endpoint = "{address}/v1"
        api_key_cmd = "cat key.txt"
        tier = 0
        fallbacks = ["responses", "messages"]
        [lanes.responses]
        backend = "openai"
        api = "responses"
        model = "gpt-6.1-sol"
        endpoint = "{address}/v1"
        api_key_env = "CANARY_KEY"
        [lanes.messages]
        backend = "anthropic"
        model = "claude-opus-5-5"
        endpoint = "{address}"
        api_key_env = "ANTHROPIC_API_KEY"
        tier = 2
        [policy.retries]
        on_a_step = 3
        """,
        encoding="utf-8",
    )
    return path


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "arguments",
    [
        ("lanes",),
        ("lanes", "--json"),
        ("lanes", "--check"),
        ("lanes", "--check", "--json"),
        ("--debug", "run", "x"),
        ("run", "x", "--json"),
        ("run", "x", "--otel", "console"),
        ("eval", "desk", "--tasks", "1", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("init", "other.toml"),
    ],
    ids=" ".join,
)
def test_a_key_comes_out_of_no_command(
    command: Command,
    arguments: tuple[str, ...],
    server: Server,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.DEBUG):
        ended = command(*arguments)
    assert not shown(ended.out + ended.err)
    assert not shown(caplog.text)
    if {"--check", "run", "eval"} & set(arguments):
        # Else the test would be about nothing.
        assert any(CANARY in given for given in server.seen)
        assert any(NEXT in given for given in server.seen)
    records = [path for path in folder.rglob("*") if path.is_file() and path.name != "key.txt"]
    assert not any(shown(path.read_text(encoding="utf-8")) for path in records)


@pytest.mark.usefixtures("configured")
def test_what_was_recorded_can_be_shown_and_resumed_without_the_key(command: Command, folder: Path):
    assert command("run", "x").code == 1
    (trace,) = folder.glob("runs/*.jsonl")
    text = trace.read_text(encoding="utf-8")
    trace.write_text("".join(text.splitlines(keepends=True)[:2]), encoding="utf-8")
    for arguments in (("resume", str(trace)), ("show", str(trace), "--full")):
        ended = command(*arguments)
        assert not shown(ended.out + ended.err)
    assert not shown(trace.read_text(encoding="utf-8"))


def test_a_configuration_holds_no_key(configured: Path):
    found = load(configured)
    assert CANARY not in repr(found)
    assert CANARY not in repr(RuntimeOptions(config=configured).configuration)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("added", ['api_key = "{}"', 'api_key_env = "{}"', 'locality = "{}"'])
def test_a_key_that_was_put_into_the_file_is_not_repeated(
    command: Command, configured: Path, added: str
):
    text = "[lanes.a]\nprovider = 'openai'\nmodel = 'm'\n" + added.format(CANARY)
    configured.write_text(text, encoding="utf-8")
    for arguments in (("--debug", "lanes"), ("doctor",), ("--debug", "run", "x")):
        ended = command(*arguments)
        assert ended.code in {1, 2}
        assert CANARY not in ended.out + ended.err
