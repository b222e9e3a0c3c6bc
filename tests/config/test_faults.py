"""What is said about a file that must be changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cascade.config import load
from cascade.errors import ConfigError

Faults = Callable[..., str]

LANE = """\
[lanes.local]
provider = "bundled"
[lanes.sol]
provider = "openai"
model = "gpt-6.1-sol"
"""
"""Five lines: what a test adds stands on line 6, in the lane `sol`."""


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("teir = 1", "lanes.sol.teir: there is no such key; did you mean tier? Accepted: account,"),
        ("zzz = 1", "lanes.sol.zzz: there is no such key. Accepted: account, api,"),
        ('tier = "1"', "lanes.sol.tier: wants a whole number, at least 0; this is other text"),
        ("tier = -1", "lanes.sol.tier: wants a whole number, at least 0; this is -1"),
        ("tier = 1.5", "lanes.sol.tier: wants a whole number, at least 0; this is the number 1.5"),
        ("tier = true", "lanes.sol.tier: wants a whole number, at least 0; this is a truth value"),
        ("account = 5", "lanes.sol.account: wants text; this is the number 5"),
        ('api = "rest"', 'lanes.sol.api: wants one of "responses", "chat_completions", "messages"'),
        ('fallbacks = "local"', "lanes.sol.fallbacks: wants a list of text; this is other text"),
        ("fallbacks = ['local', 3]", "lanes.sol.fallbacks[1]: wants text; this is the number 3"),
        ('fallbacks = ["lokal"]', "lanes.sol.fallbacks[0]: no lane is called that; did you mean"),
        ('fallbacks = ["sol"]', "lanes.sol.fallbacks[0]: a lane cannot stand in for itself"),
        ("api_key_cmd = 5", "lanes.sol.api_key_cmd: wants text or a list of text; this is the num"),
        ("api_key_cmd = []", "lanes.sol.api_key_cmd: is written as for a shell, or as a list"),
        ("api_key_cmd = 'pass \"x'", "lanes.sol.api_key_cmd: is written as for a shell"),
        ('api_key_env = "my key"', "lanes.sol.api_key_env: wants the name of a variable in cap"),
        ("tier = [1]", "lanes.sol.tier: wants a whole number, at least 0; this is a list"),
        ("tier = { a = 1 }", "lanes.sol.tier: wants a whole number, at least 0; this is a table"),
        ("limits = 3", "lanes.sol.limits: wants a table; this is the number 3"),
        ("limits.requests_per_minute = 0", "lanes.sol.limits.requests_per_minute: wants a whole"),
        ("timeouts.total_s = nan", "lanes.sol.timeouts.total_s: wants a number, above 0; this is"),
        ("sampling = { temp = 1 }", "lanes.sol.sampling.temp: there is no such key; did you mean"),
        ('priced_as = "nothing"', "lanes.sol.priced_as: is written PROVIDER/MODEL"),
        ('priced_as = "openai/zz"', "lanes.sol.priced_as: no prices are known under that name"),
        ('effort = "extreme"', "lanes.sol.effort: gpt-6.1-sol has: none, minimal, low"),
        ("max_output_tokens = 2_000_000", "lanes.sol.max_output_tokens: has to be smaller than"),
        ('api = "messages"', 'lanes.sol.api: backend openai speaks "responses", "chat_completio'),
        (
            'locality = "private"',
            "lanes.sol.locality: the server is the provider's, so this is \"r",
        ),
        ('backend = "anthropic"', 'lanes.sol.backend: provider = "openai" means another backend'),
        ('endpoint = "example.test"', "lanes.sol.endpoint: a server's address is written like"),
        ('base_url = "http://a.test/v1"', "lanes.sol.base_url: http:// would show everything"),
    ],
)
def test_a_fault_is_told_with_line_key_and_what_is_accepted(
    faults: Faults, added: str, message: str
):
    assert faults(LANE + added).startswith(f"cascade.toml, line 6: {message}")


def test_what_is_missing_in_a_table_is_named(faults: Faults):
    told = faults(LANE + "prices = { input_usd = 1, output_usd = 2, cache_read_usd = 0.1 }")
    assert told == "cascade.toml, line 6: lanes.sol.prices: cache_write_usd is missing"


def test_long_prompts_whose_prices_do_not_rise_are_a_fault(faults: Faults):
    rates = "input_usd = 1, output_usd = 1, cache_read_usd = 1, cache_write_usd = 1"
    tiers = ", ".join(f"{{ above_prompt_tokens = {above}, {rates} }}" for above in (5, 3))
    told = faults(f"{LANE}prices = {{ {rates}, tiers = [{tiers}] }}")
    assert told.startswith("cascade.toml, line 6: lanes.sol.prices: ")
    assert "Value error" not in told


def test_several_faults_are_listed_together_in_the_order_of_the_file(faults: Faults):
    told = faults("""\
        lane = 1
        [lanes."a b"]
        model = "x"
        [policy]
        home_lane = 3
        [policy.budget]
        step = 1
        """)
    lines = told.split("\n")
    assert lines[0] == "cascade.toml has 3 faults:"
    assert lines[1].startswith("  line 1: lane: there is no such key; did you mean lanes?")
    assert lines[2] == "  line 5: policy.home_lane: wants text; this is the number 3"
    assert lines[3].startswith("  line 7: policy.budget.step: there is no such key; did you mean s")


def test_faults_of_meaning_are_listed_together_too(faults: Faults):
    told = faults("""\
        [lanes."a b"]
        model = "x"
        [lanes.near]
        backend = "scripted"
        model = "m"
        endpoint = "http://127.0.0.1/v1"
        locality = "remote"
        [lanes.far]
        backend = "openai"
        base_url = "https://example.test/v1"
        endpoint = "https://example.test/v1"
        api_key_env = "A"
        api_key_cmd = "b"
        priced_as = "openai/gpt-6-luna"
        prices = { input_usd = 1, output_usd = 1, cache_read_usd = 1, cache_write_usd = 1 }
        [policy]
        home_lane = "neer"
        """)
    places = [line.split(": ")[:2] for line in told.split("\n")[1:]]
    assert places == [
        ["  line 1", 'lanes."a b"'],
        ["  line 1", 'lanes."a b"'],
        ["  line 6", "lanes.near.endpoint"],
        ["  line 7", "lanes.near.locality"],
        ["  line 8", "lanes.far"],
        ["  line 10", "lanes.far.base_url"],
        ["  line 13", "lanes.far.api_key_cmd"],
        ["  line 14", "lanes.far.priced_as"],
        ["  line 17", "policy.home_lane"],
    ]


def test_two_lanes_that_could_both_be_home_are_a_fault(faults: Faults):
    told = faults("""\
        [lanes.one]
        provider = "bundled"
        [lanes.two]
        provider = "llama_cpp"
        model = "m.gguf"
        tier = 0
        """)
    assert told.startswith("cascade.toml, line 6: lanes.two.tier: one, two share the lowest tier")


SECRET = "sk-live-4f9d8c7b6a5e4d3c2b1a"


@pytest.mark.parametrize(
    "added",
    [
        f'api_key = "{SECRET}"',
        f'key = "{SECRET}"',
        f'api_key_env = "{SECRET}"',
        f'api_key_cmd = "echo {SECRET}"',
        f'model2 = "{SECRET}"',
        f'settings = {{ headers = {{ Authorization = "Bearer {SECRET}" }} }}',
        f'settings = {{ x = ["a", "{SECRET}"] }}',
        f'api_key = ["{SECRET}"]',
    ],
)
def test_a_key_in_the_file_is_refused_with_advice_and_not_repeated(faults: Faults, added: str):
    told = faults(LANE + added)
    assert "line 6: lanes.sol." in told
    assert "a key must not stand here: put it into an environment variable" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "added",
    [
        'api_key = "hunter22"',
        'endpoint = "https://name:hunter22@api.openai.com/v1"',
        'api_key_env = "hunter22"',
        'tier = "hunter22"',
        'effort = "hunter22"',
        'fallbacks = ["hunter22"]',
        'priced_as = "hunter22"',
    ],
)
def test_no_value_is_ever_repeated(faults: Faults, added: str):
    assert "hunter22" not in faults(LANE + added)


def test_a_key_in_a_variable_of_the_configuration_is_refused_and_not_repeated(faults: Faults):
    told = faults(LANE, CASCADE_LANES__SOL__API_KEY=SECRET)
    assert "CASCADE_LANES__SOL__API_KEY (lanes.sol.api_key): a key must not stand here" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "text", ["lanes = 3", "[lanes]\nsol = 3", "[[lanes]]\nname = 'x'", "policy = []"]
)
def test_a_table_that_is_none_is_one_fault(faults: Faults, text: str):
    assert "wants a table; this is" in faults(text)


def test_a_file_that_is_no_toml_is_told_with_the_line(faults: Faults):
    told = faults("[lanes.sol]\nmodel = gpt\n")
    assert told.startswith("cascade.toml is not TOML: ")
    assert "at line 2, column 9" in told


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"there is no file .*nowhere\.toml; `cascade init`"):
        load(tmp_path / "nowhere.toml", environment={})
    path = tmp_path / "cascade.toml"
    path.write_bytes(b"version = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(path, environment={})
