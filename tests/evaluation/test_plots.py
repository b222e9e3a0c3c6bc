"""The picture of quality against cost."""

import json
from pathlib import Path

import pytest
from made_attempts import made_attempt

from cascade.errors import ConfigError
from cascade.evaluation.comparing import ArmRuns, PolicyReport, compare_arms
from cascade.evaluation.plot import check_plots, specification, write_plot

ARMS = {
    "local": (3, 0, "0"),
    "frontier": (0, 3, "0.01"),
    "cascade": (2, 1, "0.01"),
    "random@0.3": (2, 1, "0.01"),
    "oracle_router": (2, 1, "0.01"),
}


def report(*, simulated: bool = True, unknown: str | None = None) -> PolicyReport:
    arms = [
        ArmRuns(
            name=name,
            frontier=frozenset({"oracle"}),
            attempts=tuple(
                made_attempt(
                    task,
                    success=task != "b" or name != "local",
                    local=local,
                    frontier=frontier,
                    usd=None if name == unknown else usd,
                )
                for task in "ab"
            ),
        )
        for name, (local, frontier, usd) in ARMS.items()
    ]
    return PolicyReport(
        suite="made",
        tasks=2,
        seeds=(0,),
        home="small",
        frontier="large",
        simulated=simulated,
        draws=50,
        arms=compare_arms(arms, rounds=50),
    )


def named(chart: dict[str, object]) -> set[str]:
    """The arms whose names stand in the chart."""
    text = json.dumps(chart)
    return {name for name in ARMS if f'"arm": "{name}"' in text}


def test_each_arm_has_a_point_and_a_name():
    chart = specification(report())
    assert named(chart) == set(ARMS)
    names = [layer for layer in chart["layer"] if layer["mark"]["type"] == "text"]
    assert {layer["data"]["values"][0]["arm"] for layer in names} == set(ARMS)


def test_schedules_are_joined_by_a_line_from_one_lane_alone_to_the_other():
    lines = [layer for layer in specification(report())["layer"] if layer["mark"]["type"] == "line"]
    (line,) = lines
    assert {each["arm"] for each in line["data"]["values"]} == {"local", "random@0.3", "frontier"}


def test_a_simulated_frontier_is_said_in_the_title():
    assert "simulated" in specification(report())["title"]["subtitle"]
    assert "simulated" not in specification(report(simulated=False))["title"]["subtitle"]


def test_an_arm_of_unknown_cost_is_left_out():
    assert named(specification(report(unknown="cascade"))) == set(ARMS) - {"cascade"}


def test_the_specification_needs_no_extra(tmp_path: Path):
    path = tmp_path / "new" / "chart.json"
    write_plot(report(), path)
    assert json.loads(path.read_bytes()) == json.loads(json.dumps(specification(report())))


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match=r"must end in one of \.svg, \.png, \.json"):
        check_plots([Path("chart.gif")])


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_plot(report(), tmp_path / "file" / "chart.json")


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_it_is_drawn(tmp_path: Path, suffix: str):
    pytest.importorskip("vl_convert", reason="needs the extra `plots`")
    path = tmp_path / f"chart{suffix}"
    write_plot(report(), path)
    begins = {".svg": b"<svg", ".png": b"\x89PNG"}[suffix]
    assert path.read_bytes().startswith(begins)
