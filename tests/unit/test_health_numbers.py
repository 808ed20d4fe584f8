"""What the health endpoint says, from what happened."""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from adpersist.agent.health.agent_health import CAPTURING, AgentHealth
from adpersist.agent.health.endpoint import served
from adpersist.agent.signals import Pause, Reloaded, heeded
from adpersist.errors import DirectoryUnreachableError, RevertedError, StoreFullError
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Head, Identity, Position, Writer
from adpersist.model.journal.lineage import Lineage, Verdict
from tools.samba_dc import free_port

SAME = Lineage(verdict=Verdict.SAME, evidence="everything is there")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()


def head(seq: int, usn: int) -> Head:
    return Head(
        seq=Seq(seq),
        digest=bytes(32),
        timeline=1,
        time=1_700_000_000.0 + seq,
        identity=Identity(domain=Guid(bytes(16)), server=Guid(bytes(16)), dns_name="dc1"),
        writer=Writer(id="w", host="h", pid=1),
        position=Position(invocation=Guid(bytes(16)), usn=Usn(usn)),
    )


def capturing(clock: Clock) -> AgentHealth:
    vitals = AgentHealth(max_lag_s=60, clock=clock)
    vitals.found(head(5, 100), 1_700_000_000.0)
    vitals.polled(Usn(100), durable=True)
    vitals.judged(SAME)
    vitals.stage(CAPTURING)
    return vitals


def sample(vitals: AgentHealth, name: str, **labels: str) -> float | None:
    return vitals.registry.get_sample_value(f"adpersist_{name}", labels)


def test_who_captures_is_healthy(clock: Clock) -> None:
    vitals = capturing(clock)
    assert vitals.trouble() == ""
    assert sample(vitals, "healthy") == 1
    assert sample(vitals, "lineage", verdict="same") == 1


def test_nobody_is_healthy_before_the_first_look_is_durable(clock: Clock) -> None:
    vitals = AgentHealth(max_lag_s=60, clock=clock)
    vitals.stage("looking for the first time")
    assert "first time" in vitals.trouble()


def test_what_is_not_durable_lags_from_the_moment_it_was_last_sure(clock: Clock) -> None:
    vitals = capturing(clock)
    clock.now += 10
    vitals.polled(Usn(130), durable=False)
    assert (vitals.lag_usn(), vitals.lag_s(), vitals.trouble()) == (30, 10, "")
    clock.now += 51
    assert "61 s" in vitals.trouble()
    vitals.looked(head(7, 130), 4)
    vitals.polled(Usn(130), durable=True)
    assert (vitals.lag_usn(), vitals.lag_s(), vitals.trouble()) == (0, 0, "")
    assert (sample(vitals, "commits_total"), sample(vitals, "changes_total")) == (2, 4)


def test_files_lag_as_long_as_something_there_may_not_be_durable(clock: Clock) -> None:
    vitals = capturing(clock)
    assert vitals.document()["files"] == {"left": 0, "lag_s": None, "not_captured": []}, "nobody looks at files"
    vitals.files((0.0, {"pipe": "is a pipe"}))
    clock.now += 30
    assert vitals.document()["files"]["lag_s"] == 0
    assert vitals.document()["files"]["not_captured"] == [{"path": "pipe", "reason": "is a pipe"}]
    vitals.files((2.0, {}))
    clock.now += 3
    assert (vitals.files_lag_s(), sample(vitals, "files_lag_seconds")) == (5, 5)
    assert sample(vitals, "files_not_captured") == 0


def test_an_outage_is_borne_as_long_as_the_limit(clock: Clock) -> None:
    vitals = capturing(clock)
    vitals.stage("waiting for the domain controller or the store")
    vitals.troubled(DirectoryUnreachableError("nobody answers"))
    clock.now += 59
    assert vitals.trouble() == ""
    clock.now += 2
    assert "nobody answers" in vitals.trouble()


def test_nobody_says_that_all_is_durable_who_does_not_know_it(clock: Clock) -> None:
    vitals, durable = capturing(clock), "everything the domain controller has is durable"
    assert vitals.document()["reason"] == durable
    clock.now += 7
    vitals.polled(Usn(130), durable=False)
    vitals.troubled(StoreFullError("the disk is full"))
    assert (vitals.document()["healthy"], vitals.document()["reason"]) == (
        True,
        "what the domain controller writes is not durable yet, for 7 s; the last error: the disk is full",
    )
    vitals.stage("waiting for the domain controller or the store")
    assert "waiting" in vitals.document()["reason"]
    vitals.stage(CAPTURING)
    vitals.polled(Usn(130), durable=True)
    assert vitals.document()["reason"] == durable


def test_a_dc_that_is_not_ours_is_never_healthy(clock: Clock) -> None:
    vitals = capturing(clock)
    vitals.troubled(RevertedError("the DC's USN is 5, the journal's is 9"))
    assert "reverted" in vitals.trouble()
    assert (sample(vitals, "lineage", verdict="reverted"), sample(vitals, "lineage", verdict="same")) == (1, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_it_is_served(clock: Clock, host: str) -> None:
    vitals, address = capturing(clock), f"{host}:{free_port()}"
    with served(address, vitals):
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as answer:
            assert json.load(answer)["durable"]["seq"] == 5
        clock.now += 100
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://{address}/healthz", timeout=10)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{address}/healthz", timeout=10)


def test_whoever_hangs_up_before_the_answer_costs_no_traceback(
    clock: Clock, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vitals, port = capturing(clock), free_port()
    gone, document = threading.Event(), vitals.document()

    def late() -> object:
        gone.wait(10)
        return document

    monkeypatch.setattr(AgentHealth, "document", lambda _: late())
    with served(f"127.0.0.1:{port}", vitals):
        for _ in range(5):
            gone.clear()
            with socket.create_connection(("127.0.0.1", port)) as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no goodbye
                caller.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                time.sleep(0.1)
            gone.set()
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert json.load(answer)["durable"]["seq"] == 5
    assert "Traceback" not in capfd.readouterr().err


def test_a_hangup_ends_the_wait_it_meets_or_the_next_one() -> None:
    def interrupted(_seconds: float) -> None:
        signal.raise_signal(signal.SIGHUP)

    pause = Pause(interrupted)
    with heeded(pause), pytest.raises(Reloaded):
        pause(1)
    slept: list[float] = []
    pause = Pause(slept.append)
    with heeded(pause):
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(Reloaded):
            pause(1)
        pause(2)
    assert slept == [2]
