"""When a quiet journal is to hear that its agent is alive."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from adpersist.agent.beat import TELLING_S, Beat
from adpersist.config import AgentSection, from_environment
from adpersist.errors import ConfigError
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq, Usn
from adpersist.model.journal.head import Head, Identity, Position, Writer

HEAD = Head(
    seq=BEFORE_FIRST,
    digest=bytes(32),
    timeline=1,
    time=1000.0,
    identity=Identity(domain=Guid(bytes(16)), server=Guid(bytes(16)), dns_name="dc1"),
    writer=Writer(id="w", host="h", pid=1),
)


def test_a_head_that_stands_still_is_due_after_the_interval_and_not_before() -> None:
    now = [0.0]
    beat = Beat(300, clock=lambda: now[0])
    assert not beat.due(HEAD)
    now[0] = 299.9
    assert not beat.due(HEAD)
    now[0] = 300.0
    assert beat.due(HEAD)


def test_a_head_that_moved_is_heard_of_for_nothing() -> None:
    now = [0.0]
    beat = Beat(300, clock=lambda: now[0])
    assert not beat.due(HEAD)
    now[0] = 299.0
    assert not beat.due(replace(HEAD, time=1299.0))
    now[0] = 598.0
    assert not beat.due(replace(HEAD, time=1299.0))
    now[0] = 599.0
    assert beat.due(replace(HEAD, time=1299.0))


def test_a_clock_that_was_set_back_moves_no_beat() -> None:
    now = [0.0]
    beat = Beat(300, clock=lambda: now[0])
    assert not beat.due(replace(HEAD, time=9_999_999.0))
    now[0] = 300.0
    assert beat.due(replace(HEAD, time=9_999_999.0))


def test_off_is_never() -> None:
    now = [0.0]
    beat = Beat(AgentSection(beat="off").beat_s, clock=lambda: now[0])
    now[0] = 1e12
    assert not beat.due(HEAD)


@pytest.mark.parametrize("said", ["5m", "off"])
def test_what_the_directory_was_told_of_is_said_soon_and_once(said: str) -> None:
    now = [0.0]
    beat = Beat(AgentSection(beat=said).beat_s, clock=lambda: now[0])
    told = Seq(7)
    head = replace(HEAD, seq=told, position=Position(invocation=Guid(bytes(16)), usn=Usn(1), canary=Seq(6)))
    assert not beat.due(head, told=told)
    now[0] = TELLING_S
    assert not beat.due(head, told=Seq(6))
    assert beat.due(head, told=told)
    assert not beat.due(head.once_told(told), told=told)


@pytest.mark.parametrize(("said", "seconds"), [("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86_400), ("off", inf)])
def test_how_often_is_said_in_units(said: str, seconds: float) -> None:
    assert from_environment({"ADPERSIST_AGENT_BEAT": said}).agent.beat_s == seconds


@pytest.mark.parametrize("said", ["", "0s", "5", "m", "-5m", "5 m", "1w", "\u0665m", "99999999m", "OFF"])
def test_what_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match=r"agent\.beat"):
        from_environment({"ADPERSIST_AGENT_BEAT": said})
