"""The Prometheus rules and the Grafana board in samples/ ask for what the agent tells, and for nothing else."""

import json
import re
from pathlib import Path

import pytest

from adpersist.agent.health.agent_health import AgentHealth
from adpersist.model.journal.lineage import Verdict

SAMPLES = Path(__file__).parents[2] / "samples"
RULES = SAMPLES / "prometheus/adpersist.rules.yml"
BOARD = SAMPLES / "grafana/adpersist.json"


def told() -> set[str]:
    """Names of every series that the agent's /metrics may have."""
    families = list(AgentHealth(max_lag_s=60).registry.collect())
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


@pytest.mark.parametrize("path", [RULES, BOARD], ids=lambda path: path.parent.name)
def test_only_metrics_that_there_are_are_asked_for(path: Path) -> None:
    asked = set(re.findall(r"adpersist_[a-z_]+", path.read_text()))
    assert len(asked) > 7
    assert asked <= told()


def test_the_rules_know_the_verdict_that_is_well() -> None:
    assert re.findall(r'verdict!="([^"]+)"', RULES.read_text()) == [str(Verdict.SAME)]


def test_every_panel_of_the_board_asks_for_something_and_lies_in_its_place() -> None:
    panels = json.loads(BOARD.read_text())["panels"]
    places = [
        (x, y)
        for each in panels
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    ]
    assert len(places) == len(set(places)), "two panels lie on one another"
    assert all(x < 24 for x, _ in places)
    assert all(target["expr"] for each in panels for target in each["targets"])
