"""Who may go on when somebody else has the journal, or had it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from adpersist.errors import ConfigError, FencedError
from adpersist.journal.holder import (
    HeldElsewhereError,
    Role,
    VisitedError,
    give_way,
    handed_back,
    is_held,
    new_writer,
    require_silent,
    visiting,
    wait_for_visitor,
)
from adpersist.model.identity.ids import BEFORE_FIRST, Guid
from adpersist.model.journal.head import Head, Identity, Writer
from adpersist.system import machine
from adpersist.system.backoff import Backoff
from adpersist.system.files import lock_file
from adpersist.system.files.lock_file import DIRECTORY_VARIABLE
from adpersist.system.machine import machine_id

JOURNAL = "0123456789abcdef" * 2

SELF = new_writer(Role.AGENT)

HEAD = Head(
    seq=BEFORE_FIRST,
    digest=bytes(32),
    timeline=1,
    time=1000.0,
    identity=Identity(domain=Guid(bytes(16)), server=Guid(bytes(16)), dns_name="dc1"),
    writer=SELF,
)

VISITOR = f"""
import sys
from adpersist.journal.holder import visiting
with visiting({JOURNAL!r}) as writer:
    print(writer.id, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "run"
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(directory))
    return directory


class Visitor:
    """A process that has the journal."""

    def __init__(self, *launcher: str) -> None:
        self._process = subprocess.Popen(
            [*launcher, sys.executable, "-c", VISITOR],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self._process.stdout is not None
        self.writer = Writer(id=self._process.stdout.readline().strip(), host="here", pid=self._process.pid)

    def kill(self) -> Writer:
        """Have it die as a power cut would; what the head says of it from then on."""
        self._process.kill()
        self._process.wait()
        return self.writer

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def at_work(*launcher: str) -> Iterator[Visitor]:
    visitor = Visitor(*launcher)
    try:
        yield visitor
    finally:
        visitor.kill()
        visitor.close()


def done() -> Writer:
    """A visitor that ended without handing the journal back."""
    with visiting(JOURNAL) as writer:
        return writer


def elsewhere(writer: Writer) -> Writer:
    """The same on another machine, with the same host name and process id."""
    role, lock, random = writer.id.split("-")
    return replace(writer, id=f"{role}-{lock[::-1]}x-{random}")


def dead(role: Role) -> Writer:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return replace(new_writer(role), pid=child.pid)


def waits(holder: Writer, own: Writer = SELF) -> None:
    with lock_file.opened(JOURNAL) as lock:
        wait_for_visitor(holder, own, lock)


def takes_over(holder: Writer, *, same: bool) -> None:
    with lock_file.opened(JOURNAL) as lock:
        give_way(holder, SELF, lock, same=same)


def goes_on(holder: Writer, *, same: bool) -> None:
    waits(holder)
    takes_over(holder, same=same)


@pytest.mark.parametrize(
    ("holder", "same"),
    [
        pytest.param(SELF, False, id="commits of its own future: the DC tells what happened"),
        pytest.param(handed_back(new_writer(Role.VISITOR)), True, id="handed back"),
        pytest.param(handed_back(elsewhere(new_writer(Role.VISITOR))), True, id="handed back in another container"),
    ],
)
def test_an_agent_goes_on(holder: Writer, *, same: bool) -> None:
    goes_on(holder, same=same)


@pytest.mark.parametrize(
    ("holder", "same"),
    [
        pytest.param(new_writer(Role.AGENT), True, id="another agent here"),
        pytest.param(dead(Role.AGENT), True, id="another agent that died"),
        pytest.param(elsewhere(new_writer(Role.AGENT)), True, id="an agent elsewhere"),
        pytest.param(elsewhere(new_writer(Role.VISITOR)), True, id="a restore elsewhere"),
        pytest.param(
            handed_back(elsewhere(new_writer(Role.VISITOR))), False, id="a clone was restored and is right now"
        ),
        pytest.param(handed_back(new_writer(Role.VISITOR)), False, id="the same of a clone of this very boot"),
        pytest.param(Writer(id="0" * 32, host="old", pid=os.getpid()), True, id="the first version"),
        pytest.param(
            Writer(id="visitor-0123456789abcdef-0123456789abcdef", host="old", pid=os.getpid()),
            True,
            id="a version that went by process ids",
        ),
    ],
)
def test_an_agent_gives_way_and_names_the_winner(holder: Writer, *, same: bool) -> None:
    waits(holder)
    with pytest.raises(FencedError, match=str(holder.pid)):
        takes_over(holder, same=same)


def test_an_agent_gives_way_to_whoever_went_back_and_forth_on_a_clone_of_this_very_boot() -> None:
    with pytest.raises(FencedError):
        goes_on(handed_back(done()), same=False)


def test_a_command_that_works_is_waited_for() -> None:
    with at_work() as visitor:
        with pytest.raises(VisitedError, match=str(visitor.writer.pid)):
            waits(visitor.writer)
        waits(visitor.writer, own=visitor.writer)
        waits(handed_back(visitor.writer))


def test_whoever_waits_for_a_command_goes_on_when_that_ends() -> None:
    slept: list[float] = []
    with at_work() as visitor:

        def sleep(wait_s: float) -> None:
            slept.append(wait_s)
            visitor.kill()

        Backoff(sleep=sleep).call(lambda: goes_on(visitor.writer, same=False))
    assert slept == [0.5]


def test_a_command_that_was_killed_is_waited_for_no_more() -> None:
    with at_work() as visitor:
        goes_on(visitor.kill(), same=False)


def test_a_process_that_got_a_dead_commands_id_is_not_waited_for() -> None:
    holder = replace(done(), pid=os.getpid())
    goes_on(holder, same=False)


def test_of_two_commands_at_once_the_agent_waits_for_the_last() -> None:
    with at_work() as first, at_work() as second:
        last = second.kill()
        with pytest.raises(VisitedError):
            waits(last)
        first.kill()
        goes_on(last, same=False)


def test_a_command_in_a_container_with_a_run_of_its_own_is_elsewhere(runtime: Path) -> None:
    done()
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    own_run = f'mount -t tmpfs -o mode=700 none {runtime} && exec "$@"'
    with at_work("unshare", "--mount", *user, "sh", "-c", own_run, "sh") as visitor:
        waits(visitor.writer)
        with pytest.raises(FencedError):
            takes_over(visitor.writer, same=True)


def test_a_command_in_a_process_namespace_of_its_own_is_here_where_it_shares_the_run() -> None:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    with at_work("unshare", "--pid", "--fork", "--kill-child", *user) as visitor, pytest.raises(VisitedError):
        waits(visitor.writer)


def test_a_lock_file_is_its_users_alone(runtime: Path) -> None:
    done()
    (file,) = runtime.iterdir()
    assert [path.stat().st_mode & 0o7777 for path in (runtime, file)] == [0o700, 0o600]


def planted_link(runtime: Path) -> None:
    runtime.with_name("other").mkdir()
    runtime.symlink_to("other")


def planted_file(runtime: Path) -> None:
    runtime.write_bytes(b"")


def planted_link_for_the_file(runtime: Path) -> None:
    runtime.mkdir(mode=0o700)
    runtime.with_name("other").write_bytes(b"")
    (runtime / f"{JOURNAL}.lock").symlink_to("../other")


def open_for_all(runtime: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)


@pytest.mark.parametrize("plant", [planted_link, planted_file, planted_link_for_the_file, open_for_all])
def test_what_somebody_else_put_there_is_refused(runtime: Path, plant: Callable[[Path], None]) -> None:
    plant(runtime)
    with pytest.raises(ConfigError, match="cannot be trusted"):
        done()


def test_a_foreign_owner_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        runtime.mkdir(mode=0o700)
        os.chown(runtime, 65534, 65534)
    else:
        monkeypatch.setenv(DIRECTORY_VARIABLE, "/etc")
    with pytest.raises(ConfigError, match="belongs to user"):
        done()


def test_where_no_lock_file_can_be_made_a_command_works_and_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "not" / "there"))
    with visiting(JOURNAL) as writer:
        waits(writer)
        with pytest.raises(FencedError):
            takes_over(writer, same=True)


def test_only_who_handed_it_back_holds_it_no_more() -> None:
    assert is_held(SELF)
    assert not is_held(handed_back(SELF))


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the firmware says which machine this is."""
    place = tmp_path / "product_uuid"
    monkeypatch.setattr(machine, "_FIRMWARE", (tmp_path / "nothing here", place))
    return place


HERE, THERE = "4c4c4544-0042-3510-8054-b7c04f4a3132", "4c4c4544-0042-3510-8054-b7c04f4a3133"


def test_a_machine_is_known_by_its_firmware_whatever_case_it_writes_in(firmware: Path) -> None:
    found = []
    for said in (HERE, HERE.upper() + "\n", THERE):
        firmware.write_text(said)
        found.append(machine_id())
    assert found[0] == found[1] != found[2]
    assert re.fullmatch("[0-9a-f]{16}", found[0])


@pytest.mark.parametrize("said", ["", "Not Settable", "00000000-0000-0000-0000-000000000000", HERE[:20], "\xff"])
def test_firmware_that_says_nothing_tells_no_machine(firmware: Path, said: str) -> None:
    firmware.write_text(said)
    assert machine_id() == ""


@pytest.mark.parametrize(
    ("there", "silent_s", "beat_s", "waits"),
    [
        pytest.param(THERE, 10, 60, True, id="it lives"),
        pytest.param(THERE, -3600, 60, True, id="it lives, or this clock is behind"),
        pytest.param(THERE, 180, 60, False, id="it has been silent for long"),
        pytest.param(THERE, 10, inf, False, id="agents say nothing"),
        pytest.param(HERE, 10, 60, False, id="this machine, before it was put back"),
        pytest.param("", 10, 60, False, id="nobody knows which it was"),
    ],
)
def test_another_machine_is_waited_for_while_it_lives(
    firmware: Path, there: str, silent_s: float, beat_s: float, *, waits: bool
) -> None:
    firmware.write_text(there)
    holder = new_writer(Role.AGENT)
    firmware.write_text(HERE)
    for writer, held in ((holder, True), (handed_back(holder), False)):
        head = replace(HEAD, writer=writer, time=1e9 - silent_s)
        with pytest.raises(HeldElsewhereError, match=writer.host) if waits and held else nullcontext():
            require_silent(head, beat_s=beat_s, now=1e9)


def test_whoever_waits_for_another_machine_gets_the_journal_after_three_beats(firmware: Path) -> None:
    firmware.write_text(THERE)
    head = replace(HEAD, writer=new_writer(Role.AGENT), time=1e9)
    firmware.write_text(HERE)
    clock = [head.time]

    def sleep(wait_s: float) -> None:
        clock[0] += wait_s

    Backoff(budget_s=inf, sleep=sleep).call(lambda: require_silent(head, beat_s=60, now=clock[0]))
    assert clock[0] - head.time == 180


def test_a_machine_that_does_not_know_itself_takes_the_journal_over(firmware: Path) -> None:
    firmware.write_text(THERE)
    head = replace(HEAD, writer=new_writer(Role.AGENT), time=1e9)
    firmware.unlink()
    require_silent(head, beat_s=60, now=1e9)
