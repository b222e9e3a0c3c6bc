"""Loading, closing, failing: one clear error each, and silence on stderr."""

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
import tiny_gguf
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, EngineSettings, GenerateRequest, Model
from cascade.backends.llama.engine.bindings import NativeLog
from cascade.backends.llama.engine.settings import (
    complete_settings,
    free_memory,
    require_memory,
)
from cascade.errors import BackendUnavailable, ConfigError, ModelError


def test_tokens_and_text_go_both_ways(model: Model):
    text = "<|im_start|>user\nÀ 日本 🙂 the order{}<tool_call>"
    tokens = model.tokenize(text)
    assert model.detokenize(tokens) == text
    assert tokens[0] == model.bos + 1
    assert len(model.tokenize(text, special=False)) > len(tokens)
    assert model.tokenize("") == []
    assert model.end_tokens == {model.eos, model.bos}
    assert model.eot in {-1, *range(model.vocabulary_size)}


def test_metadata_is_read_from_the_file(model: Model):
    assert model.metadata["general.architecture"] == "llama"
    assert model.chat_template == tiny_gguf.CHAT_TEMPLATE
    assert model.trained_context == 512
    assert model.parameters > 50_000
    assert model.cell_values == 2 * 2 * (32 + 32)


def test_overrides_replace_metadata_of_every_kind(llama_path: Path):
    model = Model(
        llama_path,
        kv_overrides={
            "llama.context_length": 300,
            "llama.rope.freq_base": 5.5,
            "tokenizer.ggml.add_bos_token": True,
            "general.name": "other",
        },
    )
    assert model.trained_context == 300
    assert model.tokenize("x", add_bos=True)[0] == model.bos
    model.close()
    model.close()


def test_a_file_that_does_not_say_whether_a_text_begins_with_bos_leaves_it_to_its_tokenizer(
    llama_path: Path, tmp_path: Path, model: Model
):
    assert not model.adds_bos
    silent = tmp_path / "silent.gguf"
    silent.write_bytes(llama_path.read_bytes().replace(b".add_bos_token", b".not_bos_token"))
    other = Model(silent, kv_overrides={"tokenizer.ggml.pre": "llama-bpe"})
    assert "tokenizer.ggml.add_bos_token" not in other.metadata
    assert other.adds_bos
    other.close()


def test_a_file_that_is_no_gguf_or_a_torn_one_says_so(tmp_path: Path, llama_path: Path):
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(ModelError, match="is no GGUF file"):
        Model(text)
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(llama_path.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"cannot load .*torn.gguf: .+"):
        Model(torn)
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Model(tmp_path / "missing.gguf")


def test_loading_reports_progress(llama_path: Path):
    fractions: list[float] = []
    Model(llama_path, progress=fractions.append).close()
    assert fractions[-1] == 1.0


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], llama_path: Path, tmp_path: Path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(llama_path.read_bytes()[:5000])
    with pytest.raises(ModelError):
        Model(broken)
    model = Model(llama_path)
    Engine(model).close()
    model.close()
    assert capfd.readouterr() == ("", "")


def test_a_context_that_no_memory_holds_is_refused_before_the_system_ends_the_process(
    model: Model,
):
    with pytest.raises(ModelError, match=r"takes 512000.0 GB.* are free: lower"):
        Engine(model, EngineSettings(context_tokens=1_000_000_000_000, sequences=1))
    settings = complete_settings(EngineSettings(sequences=2), model)
    needed = 2 * 512 * model.cell_values * 2
    require_memory(settings, model, available_bytes=needed)
    with pytest.raises(ModelError, match="kv_type"):
        require_memory(settings, model, available_bytes=needed - 1)
    assert free_memory() > 0


def test_open_settings_are_completed_from_the_model(model: Model):
    settings = complete_settings(EngineSettings(), model)
    assert (settings.context_tokens, settings.sequences) == (512, 16)
    assert (settings.threads, settings.threads_batch) == (1, 1)
    assert settings.kv_tokens == 512 * 16
    assert settings.cache_bytes == 256 << 20
    long = complete_settings(EngineSettings(context_tokens=200_000, sequences=1), model)
    assert long.cache_bytes == 4 * 200_000 * model.cell_values * 2
    assert complete_settings(EngineSettings(cache_bytes=0), model).cache_bytes == 0
    kept = complete_settings(EngineSettings(threads=3, sequences=2, batch_tokens=1), model)
    assert (kept.threads, kept.threads_batch, kept.sequences, kept.batch_tokens) == (3, 3, 2, 34)


@pytest.mark.parametrize("wrong", [{"threads": -1}, {"sequences": 257}, {"batch_tokens": 0}])
def test_settings_that_cannot_be_are_refused(model: Model, wrong: dict[str, Any]):
    with pytest.raises(ConfigError):
        complete_settings(EngineSettings(**wrong), model)


def test_closing_twice_is_closing_once(model: Model):
    before = threading.active_count()
    with Engine(model, EngineSettings(sequences=1)) as engine:
        assert threading.active_count() == before + 1
    engine.close()
    assert threading.active_count() == before


@pytest.mark.anyio
async def test_a_closed_engine_refuses_requests(make_engine: Any):
    engine = make_engine(sequences=1)
    prompt = prompt_of(engine, "x")
    engine.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        await ask(engine, prompt)
    engine.release("key")


@pytest.mark.anyio
async def test_closing_fails_requests_in_progress(make_engine: Any):
    engine = make_engine(sequences=1)
    failures: list[BaseException] = []
    started = anyio.Event()

    async def stream(key: str) -> None:
        request = GenerateRequest(key=key, prompt=prompt_of(engine, "x"), max_tokens=5000)
        try:
            async with engine.stream(request) as pieces:
                async for _ in pieces:
                    started.set()
        except BackendUnavailable as problem:
            failures.append(problem)

    async with anyio.create_task_group() as group:
        group.start_soon(stream, "in progress")
        group.start_soon(stream, "waiting for the only slot")
        await started.wait()
        engine.close()
    assert [str(failure) for failure in failures] == [
        "llama.cpp cannot serve: the engine was closed"
    ] * 2


@pytest.mark.anyio
async def test_a_failure_of_the_thread_reaches_every_waiter(make_engine: Any):
    engine = make_engine(sequences=2)
    prompt = prompt_of(engine, "x")

    def poison(_token: object) -> bool:
        raise KeyboardInterrupt  # not an error of the callback: it ends the thread

    failures: list[BackendUnavailable] = []

    async def one(key: str) -> None:
        try:
            await ask(engine, prompt, key=key, max_tokens=400, on_token=poison)
        except BackendUnavailable as problem:
            failures.append(problem)

    async with anyio.create_task_group() as group:
        for key in "0123":
            group.start_soon(one, key)
    assert len(failures) == 4
    assert all("KeyboardInterrupt" in str(failure) for failure in failures)


def test_the_log_keeps_complaints_only():
    log = NativeLog()
    assert log.tail() == "llama.cpp gave no reason"
    log.append(2, "information\n")
    log.append(3, "warning\n")
    assert log.tail() == "warning"
    log.append(4, "first\n")
    log.append(4, "second\n")
    assert log.tail() == "first; second"
    log.clear()
    assert log.tail(1) == "llama.cpp gave no reason"
