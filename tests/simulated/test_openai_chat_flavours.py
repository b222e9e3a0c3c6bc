"""Servers that speak Chat Completions differ as their issue trackers say that they do."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from openai_world import ASK, SCHEMA, Served, calling, chat, result, serving, talk

from cascade.simulated.faults import Failing, Fails, at_requests
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_flavours import (
    DEEPSEEK,
    LLAMA_SERVER,
    OLLAMA,
    VLLM,
    Flavour,
    FlavourName,
)
from cascade.simulated.openai_models import OpenAIModel
from cascade.simulated.received import Conversation
from cascade.simulated.script import Turn

MODEL = OpenAIModel(id="small", family="small", context_tokens=2000, max_output_tokens=500)
FLAVOURS = {flavour.name: flavour for flavour in (LLAMA_SERVER, VLLM, OLLAMA, DEEPSEEK)}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as found:
        yield found


@pytest.fixture(scope="module")
def running(http: httpx2.Client) -> Iterator[dict[str, Served]]:
    """One server of each flavour."""
    with (
        serving(http, OpenAIChat((MODEL,), flavour=LLAMA_SERVER), talk) as llama_server,
        serving(http, OpenAIChat((MODEL,), flavour=VLLM), talk) as vllm,
        serving(http, OpenAIChat((MODEL,), flavour=OLLAMA), talk) as ollama,
        serving(http, OpenAIChat((MODEL,), flavour=DEEPSEEK), talk) as deepseek,
    ):
        yield {
            "llama_server": llama_server,
            "vllm": vllm,
            "ollama": ollama,
            "deepseek": deepseek,
        }


def ask(*messages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return chat(*messages, **{"model": "small"} | changes)


def answer(served: Served, body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as it came: the SDK's own types do not know all that is in it."""
    return served.client().post("/chat/completions", cast_to=object, body=body)


def message(served: Served, **changes: Any) -> dict[str, Any]:
    return answer(served, ask(**changes))["choices"][0]["message"]


def chunks(served: Served, **changes: Any) -> list[dict[str, Any]]:
    stream = served.client().chat.completions.create(**ask(stream=True, **changes))
    return [chunk.to_dict() for chunk in stream]


def deltas(served: Served, field: str, **changes: Any) -> list[Any]:
    found = [chunk["choices"][0]["delta"] for chunk in chunks(served, **changes)]
    return [delta[field] for delta in found if delta.get(field)]


def refused(served: Served, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and the error of a refused request."""
    with pytest.raises(openai.APIStatusError) as caught:
        served.client().post("/chat/completions", cast_to=object, body=body)
    found: Any = caught.value.body
    return caught.value.status_code, found


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_unknown_parameters_are_ignored(running: dict[str, Served], flavour: str):
    body = ask(top_k=40, cache_prompt=True, chat_template_kwargs={"enable_thinking": False})
    sent = running[flavour].client().post("/chat/completions", cast_to=object, body=body)
    assert sent["choices"][0]["message"]["content"] == "Looking."


@pytest.mark.parametrize(
    ("flavour", "status"),
    [("llama_server", 200), ("vllm", 200), ("ollama", 200), ("deepseek", 401)],
)
def test_servers_of_one_s_own_need_no_key(http: httpx2.Client, flavour: str, status: int):
    wire = OpenAIChat((MODEL,), flavour=FLAVOURS[flavour])
    with serving(http, wire, talk, accounts=()) as served:
        found = http.post(f"{served.address}/v1/chat/completions", json=ask())
    assert found.status_code == status


def openai_error(message: str, kind: str, *, code: str | None = None) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": None, "code": code}


INVALID = "invalid_request_error"
NO_MODEL = "The model `big` does not exist."
MISSING: list[tuple[str, int, dict[str, Any]]] = [
    (
        "vllm",
        404,
        {"message": NO_MODEL, "type": "NotFoundError", "param": "model", "code": 404},
    ),
    ("ollama", 404, openai_error("model 'big' not found", "not_found_error")),
    ("deepseek", 400, openai_error("Model Not Exist", INVALID, code=INVALID)),
]


@pytest.mark.parametrize(("flavour", "status", "error"), MISSING)
def test_a_missing_model_is_told_in_each_server_s_form(
    running: dict[str, Served], flavour: str, status: int, error: dict[str, Any]
):
    assert refused(running[flavour], ask(model="big")) == (status, error)


def test_llama_server_serves_what_it_has_under_any_name(running: dict[str, Served]):
    assert answer(running["llama_server"], ask(model="gpt-4"))["model"] == "small"


def test_llama_server_reports_timings_and_its_windows(
    running: dict[str, Served], http: httpx2.Client
):
    served = running["llama_server"]
    assert answer(served, ask())["timings"]["predicted_n"] > 0
    assert "timings" in chunks(served)[-1]
    counted = chunks(served, stream_options={"include_usage": True})
    assert "timings" in counted[-1]
    assert counted[-1]["choices"] == []
    headers = {"authorization": "Bearer sk-home-0123456789abcdef"}
    props = http.get(f"{served.address}/props", headers=headers).json()
    assert props["default_generation_settings"]["n_ctx"] == 2000
    (model,) = http.get(f"{served.address}/v1/models", headers=headers).json()["data"]
    assert model["meta"]["n_ctx_train"] == 8000


def test_llama_server_sends_arguments_as_text_and_as_objects(running: dict[str, Served]):
    sent = [
        message(running["llama_server"])["tool_calls"][0]["function"]["arguments"] for _ in range(2)
    ]
    assert sorted(map(str, sent)) == ['{"city":"Oslo"}', "{'city': 'Oslo'}"]


def test_llama_server_takes_back_arguments_of_either_kind(running: dict[str, Served]):
    for arguments in ("{}", dict[str, Any]()):
        called = calling("a")
        called["tool_calls"][0]["function"] = {"name": "weather", "arguments": arguments}
        assert answer(running["llama_server"], ask(called, result("a")))["id"]


@pytest.mark.parametrize(("flavour", "status"), [("llama_server", 500), ("vllm", 400)])
def test_arguments_that_are_no_json_are_refused(
    running: dict[str, Served], flavour: str, status: int
):
    called = calling("a")
    called["tool_calls"][0]["function"] = {"name": "weather", "arguments": '{"city": '}
    found, error = refused(running[flavour], ask(called, result("a")))
    assert found == status
    assert error["message"].startswith("Failed to parse tool call arguments as JSON")


def test_llama_server_refuses_logprobs_where_n_probs_will_do(running: dict[str, Served]):
    served = running["llama_server"]
    assert refused(served, ask(stream=True, logprobs=True)) == (
        400,
        {
            "code": 400,
            "message": "logprobs is not supported with tools + stream",
            "type": "invalid_request_error",
        },
    )
    streamed = chunks(served, extra_body={"n_probs": 2})
    entries = [chunk["choices"][0].get("logprobs") for chunk in streamed]
    found = next(entry["content"] for entry in entries if entry)
    written = "".join(entry["token"] for entry in found)
    assert written.startswith('Looking.<tool_call>\n{"name": "weather", "arguments": {"city":')
    assert {"id", "token", "bytes", "logprob", "top_logprobs"} == set(found[0])


def test_vllm_reports_log_probabilities_of_calls_too(running: dict[str, Served]):
    choice = answer(running["vllm"], ask(logprobs=True, top_logprobs=1))["choices"][0]
    assert "<tool_call>" in "".join(entry["token"] for entry in choice["logprobs"]["content"])


def test_ollama_drops_log_probabilities_in_silence(running: dict[str, Served]):
    assert answer(running["ollama"], ask(logprobs=True))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    ("flavour", "window"), [("vllm", {"max_model_len": 2000}), ("ollama", {}), ("deepseek", {})]
)
def test_models_are_listed_with_what_each_server_says(
    running: dict[str, Served], flavour: str, window: dict[str, int]
):
    (model,) = (found.to_dict() for found in running[flavour].client().models.list())
    stated = {name: value for name, value in model.items() if value == 2000}
    assert (model["id"], stated) == ("small", window)


@pytest.mark.parametrize(
    ("flavour", "field"),
    [
        (LLAMA_SERVER, "reasoning_content"),
        (VLLM, "reasoning"),
        (OLLAMA, "reasoning"),
        (DEEPSEEK, "reasoning_content"),
    ],
    ids=lambda found: found if isinstance(found, str) else found.name,
)
def test_reasoning_stands_in_the_message(running: dict[str, Served], flavour: Flavour, field: str):
    served = running[flavour.name]
    assert message(served)[field] == "Two cities to look at."
    assert "".join(deltas(served, field)) == "Two cities to look at."
    assert field not in message(served, reasoning_effort="none")


def test_older_vllm_has_another_name_for_reasoning(http: httpx2.Client):
    older = replace(VLLM, reasoning_field="reasoning_content")
    with serving(http, OpenAIChat((MODEL,), flavour=older), talk) as served:
        assert message(served)["reasoning_content"] == "Two cities to look at."


def test_vllm_s_call_identities_are_too_long_for_openai(running: dict[str, Served]):
    assert all(len(call["id"]) > 40 for call in message(running["vllm"])["tool_calls"])


def test_ollama_streams_whole_calls_without_index_and_stops(running: dict[str, Served]):
    served = running["ollama"]
    calls = deltas(served, "tool_calls")
    assert ["index" in call for each in calls for call in each] == [False, False]
    assert [call["function"]["arguments"] for each in calls for call in each] == [
        '{"city":"Oslo"}',
        '{"city":"Rome"}',
    ]
    assert chunks(served)[-1]["choices"][0]["finish_reason"] == "stop"


def test_others_split_calls_and_number_them(running: dict[str, Served]):
    calls = [call for each in deltas(running["vllm"], "tool_calls") for call in each]
    assert [call["index"] for call in calls] == [0, 0, 1, 1]
    assert [call["function"]["arguments"] for call in calls[::2]] == ["", ""]


@pytest.mark.parametrize(("flavour", "mode"), [(OLLAMA, "auto"), (VLLM, "any")])
def test_ollama_does_not_look_at_the_tool_choice(http: httpx2.Client, flavour: Flavour, mode: str):
    seen: list[Conversation] = []

    def remember(conversation: Conversation) -> Turn:
        seen.append(conversation)
        return talk(conversation)

    with serving(http, OpenAIChat((MODEL,), flavour=flavour), remember) as served:
        answer(served, ask(tool_choice="required"))
    assert [conversation.tool_choice.mode for conversation in seen] == [mode]


def test_deepseek_wants_the_thoughts_behind_calls_back(running: dict[str, Served]):
    served = running["deepseek"]
    status, error = refused(served, ask(calling("a"), result("a")))
    assert status == 400
    assert error["message"] == (
        "The `reasoning_content` in the thinking mode must be passed back to the API."
    )
    thought = calling("a", reasoning_content="Hm.")
    assert answer(served, ask(thought, result("a")))["id"]
    off = {"type": "disabled"}
    assert answer(served, ask(calling("a"), result("a"), thinking=off))["id"]


def test_deepseek_words_its_order_of_messages_itself(running: dict[str, Served]):
    served = running["deepseek"]
    _, orphan = refused(served, ask(result("a")))
    assert orphan["message"] == (
        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
    )
    _, unanswered = refused(served, ask(calling("a"), ASK))
    assert unanswered["message"].endswith(
        "(insufficient tool messages following tool_calls message)"
    )
    usage = answer(served, ask())["usage"]
    assert (
        usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"]
        == (usage["prompt_tokens"])
    )


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_roles_of_openai_s_own_are_refused_elsewhere(running: dict[str, Served], flavour: str):
    developer = {"role": "developer", "content": "It is Friday."}
    assert refused(running[flavour], ask(developer))[1]["message"] == "Unexpected message role."


@pytest.mark.parametrize(
    "messages",
    [
        [ASK],
        [{"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
        [{"role": "system", "content": "Be brief."}],
        [calling("a"), result("a"), ASK],
    ],
    ids=["two users", "two assistants", "a system text within", "a user after results"],
)
def test_templates_may_want_roles_to_alternate(http: httpx2.Client, messages: list[dict[str, Any]]):
    picky = OpenAIChat((MODEL,), flavour=replace(VLLM, alternates=True))
    with serving(http, picky, talk) as served:
        status, error = refused(served, ask(*messages))
        assert (status, error["type"]) == (400, "BadRequestError")
        assert answer(served, ask(calling("a"), result("a")))["id"]
        turns = [{"role": "assistant", "content": "Hi"}, ASK]
        assert answer(served, ask(*turns))["id"]


LONG = {"role": "user", "content": "Mind the gap. " * 600}
TOO_LONG: dict[FlavourName, str] = {
    "llama_server": "request ({} tokens) exceeds the available context size (2000 tokens), try "
    "increasing it",
    "vllm": "You passed {} input tokens and requested 0 output tokens. However, the model's "
    "context length is only 2000 tokens, resulting in a maximum input length of 2000 tokens. "
    "Please reduce the length of the input prompt. (parameter=input_tokens, value={})",
    "deepseek": "This model's maximum context length is 2000 tokens. However, you requested {} "
    "tokens ({} in the messages, 0 in the completion). Please reduce the length of the messages or "
    "completion.",
}


@pytest.mark.parametrize("flavour", TOO_LONG)
def test_a_prompt_that_is_too_long_is_refused_in_each_server_s_words(
    running: dict[str, Served], flavour: FlavourName
):
    status, error = refused(running[flavour], ask(LONG))
    assert status == 400
    (tokens,) = {found for found in re.findall(r"\d+", error["message"]) if int(found) > 2000}
    assert error["message"] == TOO_LONG[flavour].replace("{}", tokens)
    if flavour == "llama_server":
        assert error["type"] == "exceed_context_size_error"
        assert (error["n_ctx"], error["n_prompt_tokens"]) == (2000, int(tokens))


def test_vllm_counts_the_output_that_is_asked_for(running: dict[str, Served]):
    status, error = refused(running["vllm"], ask(max_tokens=1990))
    assert (status, error["param"], error["code"]) == (400, "input_tokens", 400)


def test_ollama_forgets_the_beginning_in_silence(running: dict[str, Served]):
    assert answer(running["ollama"], ask(LONG))["id"]


@pytest.mark.parametrize("flavour", ["llama_server", "vllm", "deepseek"])
def test_output_can_be_held_to_a_schema(running: dict[str, Served], flavour: str):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    assert answer(running[flavour], ask(response_format=form))["id"]


def llama_error(code: int, message: str, kind: str) -> dict[str, Any]:
    return {"code": code, "message": message, "type": kind}


BROKEN = "The server had an error while processing your request. Sorry about that!"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
WRONG_KEY = "Authentication Fails, Your api key: ****cdef is invalid"
FAILURES: list[tuple[str, Failing, dict[str, Any]]] = [
    ("llama_server", "unavailable", llama_error(503, "Loading model", "unavailable_error")),
    ("llama_server", "authentication", llama_error(401, "Invalid API Key", "authentication_error")),
    ("deepseek", "quota", openai_error("Insufficient Balance", "unknown_error", code=INVALID)),
    ("deepseek", "authentication", openai_error(WRONG_KEY, "authentication_error", code=INVALID)),
    ("ollama", "overloaded", openai_error(BUSY, "api_error")),
    ("vllm", "server", openai_error(BROKEN, "InternalServerError") | {"code": 500}),
]
STATUSES: dict[Failing, int] = {
    "unavailable": 503,
    "overloaded": 503,
    "authentication": 401,
    "quota": 402,
    "server": 500,
}


@pytest.mark.parametrize(("flavour", "failure", "error"), FAILURES)
def test_a_failure_is_in_each_server_s_form(
    http: httpx2.Client, flavour: str, failure: Failing, error: dict[str, Any]
):
    wire = OpenAIChat((MODEL,), flavour=FLAVOURS[flavour])
    with serving(http, wire, talk, faults=at_requests({0: Fails(failure=failure)})) as served:
        assert refused(served, ask()) == (STATUSES[failure], error)
