import json
from collections.abc import Callable
from typing import Any

import pytest
from engine_requests import ask, prompt_of

from cascade.backends.llama.engine import Engine, Grammar, Model, Sampling
from cascade.backends.llama.engine.grammar import GrammarCache, GrammarState
from cascade.errors import ModelError

CALL = r"""root ::= "<tool_call>" "\n{\"name\": \"" name "\"}" "\n</tool_call>"
name ::= "order" | "file" """

Spell = Callable[[str], list[int]]


@pytest.fixture
def cache(model: Model) -> GrammarCache:
    return GrammarCache(model)


def accept_all(state: GrammarState, tokens: list[int]) -> list[bool]:
    """Offer tokens in turn; stop at the first that is refused."""
    allowed: list[bool] = []
    for token in tokens:
        allowed.append(state.allows(token))
        if not allowed[-1]:
            break
        state.accept(token)
    return allowed


@pytest.mark.anyio
async def test_a_grammar_makes_the_random_model_write_json(engine: Engine):
    gbnf = r"""root ::= "{\"count\": " [1-9] [0-9]? ", \"items\": [" item ("," item)? "]}"
item ::= "\"" [a-c]{2} "\"" """
    for seed in range(3):
        generation = await ask(
            engine,
            prompt_of(engine, "json"),
            key=f"{seed}",
            grammar=Grammar(gbnf=gbnf),
            max_tokens=80,
            sampling=Sampling(temperature=1.0, seed=seed),
        )
        assert generation.finish_reason == "stop"
        value = json.loads(generation.text)
        assert set(value) == {"count", "items"}
        assert all(token.under_grammar for token in generation.tokens)


@pytest.mark.anyio
async def test_figures_under_a_grammar_are_still_the_models_own(engine: Engine):
    prompt = prompt_of(engine, "json")
    free = await ask(engine, prompt, max_tokens=1)
    forced = await ask(engine, prompt, grammar=Grammar(gbnf='root ::= "%"'), max_tokens=1)
    assert forced.tokens[0].runner_up_id == free.tokens[0].id
    assert forced.tokens[0].runner_up_logprob == pytest.approx(free.tokens[0].logprob, abs=0.01)
    assert forced.tokens[0].logprob < free.tokens[0].logprob


@pytest.mark.anyio
async def test_a_grammar_that_cannot_be_read_fails_its_request_only(engine: Engine):
    prompt = prompt_of(engine, "x")
    with pytest.raises(ModelError, match="cannot read the grammar"):
        await ask(engine, prompt, grammar=Grammar(gbnf="root ::= undefined-rule"))
    broken = Grammar(gbnf=CALL, lazy=True, trigger_patterns=("(",))
    with pytest.raises(ModelError, match="trigger pattern"):
        await ask(engine, prompt, grammar=broken)
    assert len((await ask(engine, prompt)).tokens) == 8


def test_a_lazy_grammar_allows_anything_before_its_trigger(model: Model, cache: GrammarCache):
    state = GrammarState(
        Grammar(gbnf=CALL, lazy=True, trigger_words=("<tool_call>",)), cache, model
    )
    before = model.tokenize("any text, tool_call or not: <tool")
    assert all(accept_all(state, before))
    assert not state.in_force


@pytest.mark.parametrize("special", [True, False])
def test_a_trigger_word_puts_the_grammar_in_force_however_it_is_split(
    model: Model, cache: GrammarCache, *, special: bool
):
    state = GrammarState(
        Grammar(gbnf=CALL, lazy=True, trigger_words=("<tool_call>",)), cache, model
    )
    assert all(accept_all(state, model.tokenize("sure: <tool_call>", special=special)))
    assert state.in_force
    assert not state.allows(model.tokenize("x")[0])
    rest = model.tokenize('\n{"name": "file"}\n</tool_call>')
    assert all(accept_all(state, rest))
    assert state.allows(model.eos)
    state.close()


def test_a_trigger_that_begins_inside_a_token_counts_from_there(model: Model, cache: GrammarCache):
    joined = model.tokenize(" the")
    assert len(joined) == 1
    state = GrammarState(
        Grammar(gbnf='root ::= "the" " end"', lazy=True, trigger_words=("the",)), cache, model
    )
    assert all(accept_all(state, joined))
    assert state.in_force
    assert [state.allows(token) for token in model.tokenize(" ") + model.tokenize("!")] == [
        True,
        False,
    ]


def test_a_trigger_pattern_starts_at_its_group(model: Model, cache: GrammarCache):
    grammar = Grammar(
        gbnf=r'root ::= "{\"name\"" ": 1}"',
        lazy=True,
        trigger_patterns=(r'[\s\S]*?(\{"name")[\s\S]*',),
    )
    state = GrammarState(grammar, cache, model)
    assert all(accept_all(state, model.tokenize('I call {"name"')))
    assert state.in_force
    assert accept_all(state, model.tokenize(": 2"))[-1] is False


def test_text_after_a_trigger_that_does_not_fit_leaves_the_output_free(
    model: Model, cache: GrammarCache
):
    state = GrammarState(
        Grammar(gbnf='root ::= "[" [0-9]+ "]"', lazy=True, trigger_words=("call",)), cache, model
    )
    assert all(accept_all(state, model.tokenize("call me, call you")))
    assert not state.in_force


@pytest.mark.anyio
async def test_a_begun_call_always_ends_well(engine: Engine, model: Model):
    """The prompt's last part plays the trigger: a grammar that writes it, then the call."""
    gbnf = 'root ::= "Sure. " call\n' + CALL.replace("root ::=", "call ::=")
    generation = await ask(
        engine, prompt_of(engine, "call"), grammar=Grammar(gbnf=gbnf), max_tokens=80
    )
    text = generation.text
    assert text.startswith("Sure. <tool_call>\n")
    inner = text.removeprefix("Sure. <tool_call>").removesuffix("</tool_call>")
    assert json.loads(inner)["name"] in {"order", "file"}
    lazy = GrammarState(
        Grammar(gbnf=CALL, lazy=True, trigger_words=("<tool_call>",)), GrammarCache(model), model
    )
    assert all(accept_all(lazy, list(generation.token_ids[:-1])))
    assert lazy.in_force


def test_parsed_grammars_are_kept_and_given_out_fresh(model: Model, cache: GrammarCache):
    first = cache.matcher('root ::= "ab"')
    assert first.accept(model.tokenize("a")[0])
    second = cache.matcher('root ::= "ab"')
    assert not second.allows(model.tokenize("b")[0])
    assert first.allows(model.tokenize("b")[0])
    for index in range(40):
        cache.matcher(f'root ::= "{index}"').close()
    assert second.accept(model.tokenize("a")[0])


@pytest.mark.parametrize("trigger", [{"trigger_words": ("th",)}, {"trigger_patterns": ("(th)",)}])
@pytest.mark.parametrize("between", ["", " or" * 200])
def test_an_opener_that_was_refused_does_not_hide_the_next_one(
    model: Model, cache: GrammarCache, trigger: dict[str, Any], between: str
):
    state = GrammarState(Grammar(gbnf='root ::= "th" "!"', lazy=True, **trigger), cache, model)
    assert all(accept_all(state, model.tokenize(" the" + between)))
    assert not state.in_force
    assert all(accept_all(state, model.tokenize(" th")))
    assert state.in_force
    assert not state.allows(model.tokenize("?")[0])


def test_the_second_opener_of_a_token_binds_where_the_first_does_not_fit(
    model: Model, cache: GrammarCache
):
    grammar = Grammar(gbnf='root ::= "re" "!"', lazy=True, trigger_patterns=("( |re)",))
    state = GrammarState(grammar, cache, model)
    assert all(accept_all(state, model.tokenize(" re")))
    assert state.in_force


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize(
    "trigger", [{"trigger_words": ("[call",)}, {"trigger_patterns": (r"^\s*(\[)call",)}]
)
def test_an_opener_in_thoughts_is_not_meant_and_one_behind_them_is(
    model: Model, cache: GrammarCache, trigger: dict[str, Any], *, is_open: bool
):
    grammar = Grammar(
        gbnf='root ::= "[call" "]"',
        lazy=True,
        thoughts_start="<think>",
        thoughts_end="</think>",
        thoughts_open=is_open,
        **trigger,
    )
    state = GrammarState(grammar, cache, model)
    thoughts = ("" if is_open else "\n<think>") + "[call, they say: " + "and " * 100
    assert all(accept_all(state, model.tokenize(f"{thoughts}</think>\n[cal")))
    assert not state.in_force
    assert all(accept_all(state, model.tokenize("l")))
    assert state.in_force
    assert not state.allows(model.tokenize("x")[0])


def test_text_that_only_begins_like_thoughts_is_the_answer(model: Model, cache: GrammarCache):
    grammar = Grammar(
        gbnf='root ::= "[call" "]"',
        lazy=True,
        trigger_words=("[call",),
        thoughts_start="<think>",
        thoughts_end="</think>",
    )
    state = GrammarState(grammar, cache, model)
    assert all(accept_all(state, model.tokenize(" <thin ice, <think> [call")))
    assert state.in_force


@pytest.mark.parametrize("anchor", ["", "^"])
@pytest.mark.parametrize("distance", [100, 400])
def test_only_an_anchored_pattern_reaches_far_back(
    model: Model, cache: GrammarCache, anchor: str, distance: int
):
    grammar = Grammar(
        gbnf='root ::= "[" "-"+ "call]"', lazy=True, trigger_patterns=(rf"{anchor}(\[)-*call",)
    )
    state = GrammarState(grammar, cache, model)
    assert all(accept_all(state, model.tokenize("[" + "-" * distance + "call")))
    assert state.in_force == (bool(anchor) or distance == 100)
