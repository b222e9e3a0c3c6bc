"""Tiny models, written once, and engines that are closed after each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_gguf
from event_loops import LOOPS

from cascade.backends.llama.engine import Engine, EngineSettings, Model

MakeEngine = Callable[..., Engine]


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both loops on their real clocks: the answers come from another thread."""
    return request.param


@pytest.fixture(scope="session")
def llama_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write_llama(tmp_path_factory.mktemp("llama") / "tiny.gguf")


@pytest.fixture(scope="session")
def model(llama_path: Path) -> Iterator[Model]:
    loaded = Model(llama_path)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def mamba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    loaded = Model(tiny_gguf.write_mamba(tmp_path_factory.mktemp("mamba") / "mamba.gguf"))
    yield loaded
    loaded.close()


@pytest.fixture
def make_engine(model: Model) -> Iterator[MakeEngine]:
    """Make engines on the tiny model, or another one, with the settings that a test names."""
    made: list[Engine] = []

    def make(other: Model | None = None, **settings: object) -> Engine:
        engine = Engine(other or model, EngineSettings(**{"threads": 1, **settings}))  # type: ignore[arg-type] - names are checked at run time
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(sequences=4)
