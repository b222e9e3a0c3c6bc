"""What environment variables override."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from cascade.config import find, load
from cascade.config.configuration import Configuration
from cascade.errors import ConfigError

Read = Callable[..., Configuration]
Faults = Callable[..., str]

FILE = """\
[lanes.local]
provider = "bundled"
[lanes."gpt-6.1"]
provider = "openai"
model = "gpt-6.1-sol"
effort = "low"
[policy.budget]
steps = 9
usd = 1.5
"""


def test_a_variable_counts_more_than_the_file(read: Read):
    found = read(FILE, CASCADE_POLICY__BUDGET__USD="0.10", CASCADE_POLICY__VERSION="7")
    assert found.policy.budget.usd == Decimal("0.10")
    assert found.policy.version == "7"
    assert found.policy.budget.steps == 9


def test_a_lane_is_found_by_its_name_in_capitals(read: Read):
    found = read(FILE, CASCADE_LANES__GPT_6_1__MODEL="gpt-6-luna", CASCADE_LANES__LOCAL__TIER="0")
    assert [(lane.name, lane.model) for lane in found.lanes] == [
        ("local", "bundled:desk"),
        ("gpt-6.1", "gpt-6-luna"),
    ]
    assert found.lanes[1].effort == "low"


def test_variables_can_make_a_lane_of_their_own(read: Read):
    found = read(
        FILE,
        CASCADE_LANES__BIG__PROVIDER="anthropic",
        CASCADE_LANES__BIG__MODEL="claude-opus-5-5",
        CASCADE_LANES__BIG__TIER="3",
        CASCADE_LANES__BIG__FALLBACKS='["gpt-6.1"]',
        CASCADE_LANES__BIG__LIMITS__REQUESTS_PER_MINUTE="50",
        CASCADE_LANES__BIG__CAPABILITIES__IMAGES="false",
        CASCADE_LANES__BIG__SETTINGS__CACHE_TTL='"1h"',
    )
    lane = found.lanes[-1]
    assert (lane.name, lane.tier, lane.fallbacks) == ("big", 3, ("gpt-6.1",))
    assert lane.limits.requests_per_minute == 50
    assert not lane.capabilities.images
    assert lane.settings == {"cache_ttl": "1h"}


def test_text_stays_text_even_if_it_looks_like_a_number(read: Read):
    assert read(FILE, CASCADE_LANES__LOCAL__ACCOUNT="7").lanes[0].account == "7"
    found = read(FILE, CASCADE_LANES__GPT_6_1__API_KEY_CMD="pass show x")
    assert found.credentials["gpt-6.1"].command == ("pass", "show", "x")


def test_an_empty_variable_is_none(read: Read):
    assert read(FILE, CASCADE_POLICY__BUDGET__STEPS="").policy.budget.steps == 9


def test_other_variables_are_let_alone(read: Read):
    read(FILE, CASCADE_CONFIG="x", CASCADE_OTHER__THING="1", CASCADE="1", POLICY__BUDGET="1")


def test_a_fault_names_the_variable(faults: Faults):
    assert faults(FILE, CASCADE_POLICY__BUDGET__STEPS="many") == (
        "cascade.toml: CASCADE_POLICY__BUDGET__STEPS (policy.budget.steps): "
        "wants a whole number, above 0; this is other text"
    )
    told = faults(FILE, CASCADE_POLICY__BUGET__STEPS="3")
    assert "CASCADE_POLICY__BUGET__STEPS (policy.buget" in told
    assert "did you mean budget?" in told


def test_a_misspelt_beginning_is_noticed(faults: Faults):
    told = faults(FILE, CASCADE_LANE__LOCAL__TIER="1")
    assert told == "cascade.toml: CASCADE_LANE__LOCAL__TIER: did you mean LANES?"


def test_what_stands_in_the_way_is_the_files_fault(faults: Faults):
    told = faults("policy = 3", CASCADE_POLICY__BUDGET__STEPS="3")
    assert "policy: wants a table; this is the number 3" in told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_the_given_one_else_that_of_the_variable_else_the_one_here(folder: Path):
    assert find(None, {}) is None
    for name in ("cascade.toml", "named.toml", "given.toml"):
        (folder / name).write_text(FILE, encoding="utf-8")
    variable = {"CASCADE_CONFIG": "named.toml"}
    assert find(None, {}) == Path("cascade.toml")
    assert find(None, variable) == Path("named.toml")
    assert find("given.toml", variable) == Path("given.toml")


def test_a_file_that_a_variable_names_has_to_be_there(folder: Path):
    (folder / "cascade.toml").write_text(FILE, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"there is no file gone\.toml, which CASCADE_CONFIG"):
        load(environment={"CASCADE_CONFIG": "gone.toml"})


@pytest.mark.usefixtures("folder")
def test_without_a_file_variables_alone_make_a_configuration():
    assert load(environment={}) is None
    found = load(environment={"CASCADE_POLICY__BUDGET__STEPS": "3"})
    assert found is not None
    assert (found.path, found.policy.budget.steps) == (None, 3)
    assert [lane.name for lane in found.lanes] == ["local"]
    with pytest.raises(ConfigError, match=r"^CASCADE_POLICY__BUDGET__STEPS \(policy"):
        load(environment={"CASCADE_POLICY__BUDGET__STEPS": "x"})
