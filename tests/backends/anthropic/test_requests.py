"""Request bodies: what each generation of models is asked, and what is named as left out."""

import json
from typing import Any, get_type_hints

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from anthropic_wire import (
    ORIGIN,
    TOOL,
    answer,
    codec_for,
    events_of,
    read,
    request_of,
    results_for,
    tool_use,
    view_of,
)
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.anthropic import MessagesCodec
from cascade.backends.anthropic.models import KNOWN_MODELS
from cascade.exchange import Dropped, OutputSchema, Request, Sampling, View
from cascade.lanes import Capabilities
from cascade.messages import Artefact, AssistantMessage, Reasoning, Text, ToolMessage, UserMessage

NEWEST = "claude-opus-5-5"
LEGACY = "claude-sonnet-4-5"
MARK = {"type": "ephemeral"}
EFFORT = Dropped(what="effort", why="not_supported")
SAMPLING = Dropped(what="sampling", why="not_supported")
THOUGHT = {"type": "thinking", "thinking": "", "signature": "s"}
FORM = OutputSchema(
    name="answer",
    definition={
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 0}},
        "required": ["n"],
    },
)
RECURSIVE = OutputSchema(
    name="tree",
    definition={
        "type": "object",
        "properties": {"below": {"$ref": "#/$defs/tree"}},
        "$defs": {"tree": {"type": "object", "properties": {"below": {"$ref": "#/$defs/tree"}}}},
    },
)


def _body(codec: MessagesCodec, view: View | None = None, **request: Any) -> Any:
    view = view or view_of()
    fragments = [
        fragment
        for index, message in enumerate(view.messages)
        for fragment in codec.message(message, plain=index < view.plain_until).fragments
    ]
    return json.loads(codec.body(fragments, view, request_of(**request)))


def _both(codec: MessagesCodec, view: View | None = None, **request: Any) -> tuple[Any, Any]:
    dropped = codec.dropped(view or view_of(), request_of(**request))
    return _body(codec, view, **request), dropped


def test_the_smallest_request():
    view = View(
        trajectory_id="t", system=None, messages=(UserMessage.of("Hello"),), tools=(), output=None
    )
    assert _body(codec_for("somebodys-model", cache_ttl="off"), view) == {
        "model": "somebodys-model",
        "max_tokens": 2048,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }


@pytest.mark.parametrize("model", [*KNOWN_MODELS, "claude-opus-4-5-20251101", "unheard-of"])
def test_members_are_those_of_the_sdk(model: str):
    sampling = Sampling(temperature=0.5, top_k=3, stop=("END",))
    body = _body(codec_for(model), view_of(output=FORM), effort="high", sampling=sampling)
    # Sampling has left the SDK, not the older versions of the API.
    members = set(get_type_hints(MessageCreateParamsStreaming)) | {"temperature", "top_k"}
    assert set(body) <= members
    assert body["messages"]


class TestThinking:
    @pytest.mark.parametrize("model", [NEWEST, "claude-haiku-5-5", "claude-opus-4-6"])
    def test_it_is_adaptive_where_the_model_has_that(self, model: str):
        assert _body(codec_for(model))["thinking"] == {"type": "adaptive"}

    @pytest.mark.parametrize("model", [LEGACY, "unheard-of"])
    def test_it_is_left_to_others(self, model: str):
        assert "thinking" not in _body(codec_for(model))

    def test_it_can_be_shown_and_bound(self):
        codec = codec_for(thinking_display="summarized", thinking_mismatch="drop_block")
        assert _body(codec)["thinking"] == {
            "type": "adaptive",
            "display": "summarized",
            "block_binding": {"prefix_mismatch_behavior": "drop_block"},
        }

    @pytest.mark.parametrize(
        ("model", "sent"),
        [
            ("claude-haiku-5-5", {"type": "disabled"}),
            ("claude-sonnet-5-5", {"type": "between_tools"}),
            ("unheard-of", {"type": "disabled"}),
        ],
    )
    def test_it_is_turned_off_in_the_models_own_way(self, model: str, sent: Any):
        body, dropped = _both(codec_for(model, thinking="disabled"))
        assert body["thinking"] == sent
        assert dropped == ()

    def test_a_model_that_always_thinks_is_let_and_it_is_said(self):
        body, dropped = _both(codec_for(NEWEST, thinking="disabled"))
        assert body["thinking"] == {"type": "adaptive"}
        assert dropped == (EFFORT,)

    def test_a_budget_for_a_model_without_budgets_is_said_to_be_lost(self):
        body, dropped = _both(codec_for(NEWEST, thinking="enabled"))
        assert body["thinking"] == {"type": "adaptive"}
        assert dropped == (EFFORT,)

    def test_a_budget_stays_under_the_limit_of_the_answer(self):
        codec = codec_for(LEGACY, thinking_budget_tokens=9000)
        assert _body(codec)["thinking"] == {"type": "enabled", "budget_tokens": 2047}
        assert _body(codec, max_output_tokens=20_000)["thinking"]["budget_tokens"] == 9000

    def test_without_room_for_the_smallest_budget_there_is_none(self):
        body, dropped = _both(codec_for(LEGACY, thinking="enabled"), max_output_tokens=1024)
        assert body["thinking"] == {"type": "disabled"}
        assert dropped == (EFFORT,)


class TestLostThinking:
    """A model that thinks by budget goes on with calls only if their thoughts come with them."""

    codec = codec_for(LEGACY, thinking="enabled")
    origin = ORIGIN.model_copy(update={"model": LEGACY})

    def _view(self, said: AssistantMessage, *, plain_until: int = 0, nudge: bool = False) -> View:
        results = ToolMessage(parts=())
        more = (UserMessage.of("go on"),) if nudge else ()
        return view_of(UserMessage.of("?"), said, results, *more, plain_until=plain_until)

    def _said(self, *blocks: dict[str, Any]) -> AssistantMessage:
        # By a codec that wrote no request, so nothing is known of what it was signed over.
        return read(answer(*blocks), codec=codec_for(LEGACY, thinking="enabled")).message

    def test_own_thoughts_let_it_think_on(self):
        view = self._view(self._said(THOUGHT, tool_use()))
        assert _body(self.codec, view)["thinking"]["type"] == "enabled"

    @pytest.mark.parametrize("blocks", [(tool_use(),), ({"type": "gem"}, tool_use())])
    def test_calls_without_thoughts_turn_it_off(self, blocks: Any):
        body, dropped = _both(self.codec, self._view(self._said(*blocks)))
        assert body["thinking"] == {"type": "disabled"}
        assert dropped == ()

    def test_so_do_refused_and_foreign_ones(self):
        said = self._said(THOUGHT, tool_use())
        assert _body(self.codec, self._view(said, plain_until=2))["thinking"]["type"] == "disabled"
        assert _body(self.codec, self._view(said, plain_until=1))["thinking"]["type"] == "enabled"
        artefact = Artefact(origin=self.origin.model_copy(update={"account": "x"}), raw={})
        foreign = said.model_copy(update={"artefact": artefact})
        assert _body(self.codec, self._view(foreign))["thinking"]["type"] == "disabled"

    def test_later_calls_of_a_round_may_come_without_thoughts_but_not_from_elsewhere(self):
        begun = (UserMessage.of("?"), self._said(THOUGHT, tool_use(1)), ToolMessage(parts=()))
        caller = {"caller": {"type": "direct"}}
        own = view_of(*begun, self._said(tool_use(2) | caller), ToolMessage(parts=()))
        assert _body(self.codec, own)["thinking"]["type"] == "enabled"
        said = AssistantMessage(parts=read(answer(tool_use(2))).message.parts)
        foreign = view_of(*begun, said, ToolMessage(parts=()))
        assert _body(self.codec, foreign)["thinking"]["type"] == "disabled"

    def test_a_new_question_lets_it_think_again(self):
        lost = (UserMessage.of("?"), self._said(tool_use(1)), ToolMessage(parts=()))
        said = self._said({"type": "text", "text": "A."})
        view = view_of(*lost, said, UserMessage.of("And B?"))
        assert _body(self.codec, view)["thinking"]["type"] == "enabled"
        again = (self._said(THOUGHT, tool_use(2)), ToolMessage(parts=()))
        assert _body(self.codec, view_of(*view.messages, *again))["thinking"]["type"] == "enabled"

    def test_a_word_between_results_and_calls_is_read_both_ways(self):
        view = self._view(self._said(tool_use()), nudge=True)
        assert _body(self.codec, view)["thinking"]["type"] == "disabled"
        begun = self._view(self._said(THOUGHT, tool_use(1)), nudge=True)
        assert _body(self.codec, begun)["thinking"]["type"] == "enabled"
        own = self._said(tool_use(2) | {"caller": {"type": "direct"}})
        view = view_of(*begun.messages, own, ToolMessage(parts=()))
        assert _body(self.codec, view)["thinking"]["type"] == "disabled"

    def test_a_conversation_may_be_shown_from_its_middle(self):
        own = self._said(THOUGHT, tool_use())
        middle = view_of(ToolMessage(parts=()), own, ToolMessage(parts=()))
        assert _body(self.codec, middle)["thinking"]["type"] == "enabled"

    def test_a_model_that_decides_by_itself_does_not_mind(self):
        assert _body(codec_for(), self._view(self._said(tool_use())))["thinking"] == {
            "type": "adaptive"
        }


class TestEffort:
    def test_it_is_sent_where_the_model_has_the_level(self):
        body, dropped = _both(codec_for(), effort="xhigh")
        assert body["output_config"] == {"effort": "xhigh"}
        assert dropped == ()

    @pytest.mark.parametrize(
        ("model", "effort"),
        [("claude-opus-4-6", "xhigh"), (LEGACY, "low"), (NEWEST, "ludicrous"), ("other", "low")],
    )
    def test_it_is_named_where_it_cannot_be(self, model: str, effort: str):
        body, dropped = _both(codec_for(model), effort=effort)
        assert "output_config" not in body
        assert dropped == (EFFORT,)

    @pytest.mark.parametrize("effort", ["xhigh", "max"])
    def test_the_highest_levels_need_thinking(self, effort: str):
        body, dropped = _both(codec_for("claude-haiku-5-5", thinking="disabled"), effort=effort)
        assert "output_config" not in body
        assert dropped == (EFFORT,)


class TestSampling:
    asked = Sampling(temperature=0.7, top_k=5, stop=("END", " "))

    def test_a_newer_model_gets_none_of_it_but_the_stop_sequences(self):
        body, dropped = _both(codec_for(), sampling=self.asked)
        assert body["stop_sequences"] == ["END"]
        assert not body.keys() & {"temperature", "top_p", "top_k"}
        assert dropped == (SAMPLING,)

    def test_nobody_is_told_of_what_nobody_asked_for(self):
        assert _both(codec_for(), sampling=Sampling(stop=("END",)))[1] == ()

    def test_an_older_version_of_the_api_takes_it_for_an_older_model(self):
        codec = codec_for(LEGACY, api_version="2023-06-01")
        body, dropped = _both(codec, sampling=Sampling(temperature=0.7, top_k=5))
        assert (body["temperature"], body["top_k"]) == (0.7, 5)
        assert dropped == ()
        body, dropped = _both(codec, sampling=Sampling(temperature=1.5, top_p=0.9))
        assert body["temperature"] == 1.0
        assert "top_p" not in body
        assert dropped == (SAMPLING,)

    @pytest.mark.parametrize("model", [LEGACY, NEWEST])
    def test_today_it_takes_none(self, model: str):
        body, dropped = _both(codec_for(model), sampling=Sampling(temperature=0.7))
        assert "temperature" not in body
        assert dropped == (SAMPLING,)

    def test_a_model_that_thinks_takes_none(self):
        codec = codec_for("claude-opus-4-6", api_version="2023-06-01")
        body, dropped = _both(codec, sampling=Sampling(temperature=0.7))
        assert "temperature" not in body
        assert dropped == (SAMPLING,)


class TestTools:
    def test_what_can_be_strict_is(self):
        tool = _body(codec_for())["tools"][0]
        assert tool["strict"] is True
        assert tool["input_schema"] == TOOL.parameters

    def test_what_cannot_is_sent_as_it_is(self):
        parameters: Any = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}}
        tool = TOOL.model_copy(update={"parameters": parameters})
        (sent,) = _body(codec_for(), view_of(tools=(tool,)))["tools"]
        assert "strict" not in sent
        assert sent["input_schema"] == parameters

    def test_a_lane_can_do_without(self):
        assert "strict" not in _body(codec_for(strict_tools=False))["tools"][0]
        assert "strict" not in _body(codec_for("unheard-of"))["tools"][0]

    def test_no_more_are_strict_than_a_request_may_have(self):
        tools = [TOOL.model_copy(update={"name": f"tool_{number}"}) for number in range(25)]
        sent = _body(codec_for(), view_of(tools=tools))["tools"]
        assert sum("strict" in tool for tool in sent) == 20
        optional: Any = TOOL.parameters | {"required": []}
        tools = [
            TOOL.model_copy(update={"name": f"tool_{n}", "parameters": optional}) for n in range(2)
        ]
        sent = _body(codec_for(), view_of(tools=tools * 13))["tools"]
        assert sum("strict" in tool for tool in sent) == 20

    def test_several_calls_at_once_are_a_matter_of_the_lane(self):
        one = Capabilities(parallel_tools=False)
        assert "tool_choice" not in _body(codec_for())
        assert _body(codec_for(capabilities=one))["tool_choice"] == {
            "type": "auto",
            "disable_parallel_tool_use": True,
        }
        assert "tool_choice" not in _body(codec_for(capabilities=one), view_of(tools=()))

    def test_an_empty_description_is_none(self):
        tool = TOOL.model_copy(update={"description": " "})
        assert "description" not in _body(codec_for(), view_of(tools=(tool,)))["tools"][0]


class TestAnswerForm:
    def test_the_provider_sees_to_it_where_it_can(self):
        body = _body(codec_for(), view_of(output=FORM))
        assert body["output_config"]["format"]["type"] == "json_schema"
        schema = body["output_config"]["format"]["schema"]
        assert schema["additionalProperties"] is False
        assert schema["properties"]["n"] == {"type": "integer", "description": "(minimum: 0)"}
        assert len(body["tools"]) == 1

    @pytest.mark.parametrize(
        ("model", "form"), [(NEWEST, RECURSIVE), ("unheard-of", FORM)], ids=["recursive", "unable"]
    )
    def test_otherwise_the_system_text_asks_for_it(self, model: str, form: OutputSchema):
        body = _body(codec_for(model), view_of(output=form))
        assert "output_config" not in body
        text = body["system"][0]["text"]
        assert text.startswith("You look things up.\n\n")
        assert json.loads(text[text.index("{") :]) == form.definition
        body = _body(codec_for(model), view_of(output=form, system=None))
        assert body["system"][0]["text"].startswith("Write the final answer")

    def test_a_tool_takes_it_where_the_lane_says_so(self):
        forced = Capabilities(structured_output="forced_tool")
        codec = codec_for("claude-opus-4-8", capabilities=forced)
        body = _body(codec, view_of(output=FORM))
        assert [tool["name"] for tool in body["tools"]] == ["look_up", "final_answer"]
        assert body["tool_choice"] == {"type": "any"}
        assert body["thinking"] == {"type": "disabled"}
        body = _body(codec, view_of(output=FORM, tools=()))
        assert body["tool_choice"] == {"type": "tool", "name": "final_answer"}

    def test_no_tool_is_demanded_of_a_model_that_refuses_that(self):
        forced = Capabilities(structured_output="forced_tool", forced_tool_choice=True)
        for codec in (
            codec_for(NEWEST, capabilities=Capabilities(structured_output="forced_tool")),
            codec_for(NEWEST, capabilities=forced),
        ):
            body = _body(codec, view_of(output=FORM))
            assert "tool_choice" not in body
            assert "JSON Schema" in body["system"][0]["text"]

    def test_a_tool_of_the_same_name_is_kept_apart(self):
        forced = Capabilities(structured_output="forced_tool")
        tool = TOOL.model_copy(update={"name": "final_answer"})
        view = view_of(output=FORM, tools=(tool,))
        body = _body(codec_for("claude-opus-4-8", capabilities=forced), view)
        assert [tool["name"] for tool in body["tools"]] == ["final_answer", "final_answer_"]


class TestAnswersByTool:
    codec = codec_for("claude-opus-4-8", capabilities=Capabilities(structured_output="forced_tool"))
    view = view_of(output=FORM)
    given = tool_use(9, "final_answer", n=4)

    def test_its_arguments_are_the_answer(self):
        said = {"type": "text", "text": "Here:"}
        draft = read(answer(said, self.given), codec=self.codec, view=self.view)
        assert draft.message.parts == (Text(text='{"n":4}'),)
        assert draft.message.artefact is None
        assert draft.finish_reason == "stop"

    def test_they_are_given_out_as_they_come(self):
        reader = self.codec.reader(self.view, request_of())
        message = answer({"type": "text", "text": "Here:"}, self.given)
        deltas = [d for name, data in events_of(message, 4) for d in reader.event(name, data)]
        assert "".join(delta.text for delta in deltas) == '{"n": 4}'

    def test_an_answer_beside_other_calls_comes_too_early(self):
        draft = read(answer(tool_use(1), self.given), codec=self.codec, view=self.view)
        assert [call.name for call in draft.message.calls] == ["look_up"]
        assert draft.message.artefact is None
        (fragment,) = self.codec.message(draft.message, plain=False).fragments
        assert json.loads(fragment)["content"] == [tool_use(1)]

    def test_an_answer_that_cannot_be_read_is_a_problem(self):
        wrong = self.given | {"input": 5}
        draft = read(answer(wrong), codec=self.codec, view=self.view)
        assert draft.problem is not None
        assert "final_answer" in draft.problem


class TestCacheBreakpoints:
    def _marks(self, body: Any) -> int:
        return json.dumps(body).count("cache_control")

    def _view(self, steps: int) -> View:
        codec = codec_for()
        messages: list[Any] = [UserMessage.of("?")]
        for step in range(steps):
            said = read(answer(THOUGHT, tool_use(step), tool_use(step + 100)), codec=codec).message
            messages += [said, results_for(said)]
        return view_of(*messages)

    @given(steps=st.integers(0, 6))
    def test_there_are_never_more_than_four_and_the_newest_turn_has_one(self, steps: int):
        body = _body(codec_for(), self._view(steps))
        assert self._marks(body) == 3 + (steps > 0)
        assert body["system"][-1]["cache_control"] == MARK
        assert body["tools"][-1]["cache_control"] == MARK
        assert body["messages"][-1]["content"][-1]["cache_control"] == MARK
        if steps:
            assert body["messages"][-3]["content"][-1]["cache_control"] == MARK

    def test_without_them_the_bodies_are_the_same(self):
        view = self._view(3)
        marked = json.dumps(_body(codec_for(), view))
        plain = json.dumps(_body(codec_for(cache_ttl="off"), view))
        assert marked.replace(f', "cache_control": {json.dumps(MARK)}', "") == plain
        assert "cache_control" not in plain

    def test_an_hour_costs_more_and_has_to_be_asked_for(self):
        body = _body(codec_for(cache_ttl="1h"), self._view(1))
        assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}

    def test_the_encoded_messages_stay_as_they_are(self):
        codec, view = codec_for(), self._view(2)
        fragments = [codec.message(each, plain=False).fragments[0] for each in view.messages]
        before = list(fragments)
        codec.body(fragments, view, request_of())
        assert fragments == before

    def test_a_conversation_that_ends_in_an_answer_is_marked_before_it(self):
        said = AssistantMessage(parts=(Text(text="A."),))
        body = _body(codec_for(), view_of(UserMessage.of("?"), said))
        assert "cache_control" in body["messages"][0]["content"][0]
        only = _body(codec_for(), view_of(said))
        assert "cache_control" not in only["messages"][0]["content"][0]


class TestFrames:
    def test_the_system_text_is_left_out_where_it_says_nothing(self):
        assert "system" not in _body(codec_for(), view_of(system=" "))
        assert "system" not in _body(codec_for(), view_of(system=None))

    def test_what_is_remembered_belongs_to_the_view(self):
        codec = codec_for()
        for number in range(200):
            tool = TOOL.model_copy(update={"name": f"tool_{number}"})
            view = view_of(system=f"No. {number}", tools=(tool,))
            body = _body(codec, view)
            assert body["tools"][0]["name"] == f"tool_{number}"
            assert body["system"][0]["text"] == f"No. {number}"

    def test_answers_can_be_asked_for_in_one_piece(self):
        assert "stream" not in _body(codec_for(stream=False))
        assert "stream" not in _body(codec_for(stream=False), stream=False)
        assert _body(codec_for(), stream=False)["stream"] is True


def test_the_parts_of_a_request_do_not_depend_on_the_hop():
    codec = codec_for()
    assert _body(codec, hop=1) == _body(codec, hop=2)
    requests = [Request(hop=hop, max_output_tokens=9, seed=hop) for hop in (1, 2)]
    first, second = (codec.body([], view_of(), request) for request in requests)
    assert first == second


def test_reasoning_of_no_origin_is_never_taken_for_own():
    said = AssistantMessage(parts=(Reasoning(text="hm"), Text(text="x")))
    encoded = codec_for().message(said, plain=False)
    assert b"hm" not in encoded.fragments[0]
