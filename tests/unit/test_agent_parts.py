"""The agent's small parts: witnesses, containers first, the service manager, moments."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from adpersist.agent.polling import PollingPace
from adpersist.agent.service import is_scrub_due
from adpersist.capture.look import containers_first
from adpersist.directory.lineage.witnesses import MOST_WITNESSES, choose_witnesses, merge_witnesses
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Witness
from adpersist.model.objects.change import Change, Kind, Stamp
from adpersist.model.objects.stamps import Written
from adpersist.reading.rfc3339 import rfc3339
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.system.sd_notify import notify

HERE = Guid(b"\1" * 16)


def guid(number: int) -> Guid:
    return Guid(bytes([number]) * 16)


def written(usn: int) -> Written:
    return Written(attid=1, stamp=Stamp(version=1, time=usn, origin=HERE, usn=Usn(usn)), local_usn=Usn(usn))


def test_the_newest_write_of_each_object_is_called() -> None:
    stamps = {guid(1): {"cn": written(5), "mail": written(9)}, guid(2): {"cn": written(7)}, guid(3): {}}
    assert [(each.guid, each.attribute) for each in choose_witnesses(stamps)] == [(guid(2), "cn"), (guid(1), "mail")]


DAY, NOW = 86_400.0, 1_800_000_000.0


@pytest.mark.parametrize(
    ("scrubbed", "every", "due"),
    [
        (NOW - 6.9 * DAY, "weekly", False),
        (NOW - 7 * DAY, "weekly", True),
        (NOW - DAY, "daily", True),
        (NOW - 29 * DAY, "monthly", False),
        (0.0, "weekly", True),
        (0.0, "off", False),
        (NOW + 365 * DAY, "off", False),
    ],
)
def test_all_is_compared_once_in_so_long(scrubbed: float, every: str, due: bool) -> None:
    assert is_scrub_due(scrubbed, every, now=NOW) == due


def test_a_scrub_under_a_clock_that_stood_ahead_does_not_put_off_the_next_until_then() -> None:
    assert is_scrub_due(NOW + 365 * DAY, "weekly", now=NOW)


def test_no_more_than_so_many_are_called_and_the_newest_stay() -> None:
    stamps = {guid(number): {"cn": written(number)} for number in range(1, MOST_WITNESSES + 5)}
    assert [each.guid for each in choose_witnesses(stamps)] == [guid(number) for number in range(5, MOST_WITNESSES + 5)]


def test_old_witnesses_stay_while_there_is_room_and_no_object_is_called_twice() -> None:
    def called(number: int, *, seq: int, attribute: str = "cn") -> Witness:
        return Witness(seq=Seq(seq), guid=guid(number), attribute=attribute, attid=1, stamp=written(number).stamp)

    def old(number: int) -> Witness:
        return called(number, seq=number)

    new = [called(2, seq=0, attribute="mail"), called(30, seq=0)]
    merged = merge_witnesses([old(1), old(2), old(3)], new)
    assert [each.guid for each in merged] == [guid(1), guid(3), guid(2), guid(30)]
    assert [each.seq for each in merged] == [1, 3, 0, 0]
    assert [each.guid for each in merge_witnesses([old(number) for number in range(1, MOST_WITNESSES + 1)], new)][
        -2:
    ] == [
        guid(2),
        guid(30),
    ]
    assert len(merge_witnesses([old(number) for number in range(1, MOST_WITNESSES + 1)], new)) == MOST_WITNESSES


def made(number: int, above: int | None) -> Change:
    parent = guid(above) if above else None
    return Change(kind=Kind.CREATED, guid=guid(number), nc="DC=x", parent=parent, rdn=f"CN={number}")


def test_no_object_stands_before_its_container_in_a_commit() -> None:
    changes = [made(4, 1), made(1, 2), made(2, 3), made(3, None)]
    assert [change.guid for change in containers_first(changes, FingerprintIndex())] == [
        guid(3),
        guid(2),
        guid(1),
        guid(4),
    ]


def test_containers_the_journal_holds_already_count_too() -> None:
    traces = FingerprintIndex()
    traces.apply([made(1, None), made(2, 1), made(3, 2), made(4, None)])
    changes = [made(5, 3), made(6, 4), Change(kind=Kind.CHANGED, guid=guid(2), nc="DC=x", values={"l": (b"here",)})]
    assert [change.guid for change in containers_first(changes, traces)] == [guid(6), guid(2), guid(5)]


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_an_abstract_socket_is_told_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"adpersist-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        notify("WATCHDOG=1")
        assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "/nobody/listens/here", "@nobody-listens-here", "/" + "x" * 300])
def test_a_service_manager_that_does_not_listen_stops_nobody(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_moments_are_rfc_3339_in_utc() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_798_761_599.5) == "2026-12-31T23:59:59.500Z"


def test_rests_are_short_after_a_change_and_grow_to_the_longest_when_nothing_follows() -> None:
    now = [100.0]
    pace = PollingPace(0.5, 0.25, clock=lambda: now[0])
    assert pace.after_look(0.0) == pytest.approx(0.05)
    rests = []
    while now[0] < 110:
        rests.append(pace.after_nothing())
        now[0] += rests[-1]
    assert rests == sorted(rests)
    assert rests[0] == pytest.approx(0.05)
    assert rests[-1] == 0.5


def test_a_look_that_kept_the_directory_busy_is_followed_by_a_rest_that_leaves_it_its_share() -> None:
    assert PollingPace(0.1, 0.25).after_look(2.0) == pytest.approx(6.0)
