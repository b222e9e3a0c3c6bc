"""What `--model` and `--set` make of a lane."""

import pytest

from cascade.cli.models import lane_of
from cascade.errors import ConfigError


def test_settings_are_read_as_json_or_as_text() -> None:
    lane = lane_of(
        "bundled:desk",
        settings=["threads=2", "kv_type=q8_0", "kv_unified=true", 'kv_overrides={"a.b": 4}'],
    )
    assert lane.settings == {
        "threads": 2,
        "kv_type": "q8_0",
        "kv_unified": True,
        "kv_overrides": {"a.b": 4},
    }


@pytest.mark.parametrize("text", ["threads", "=2", ""])
def test_a_setting_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="threads=2"):
        lane_of("bundled:desk", settings=[text])


def test_a_model_of_ones_own_may_write_more_than_the_bundled_one() -> None:
    assert lane_of("m.gguf").max_output_tokens > lane_of("bundled:desk").max_output_tokens
