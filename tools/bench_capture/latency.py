"""How long after the DC's own answer a change is durable, under steady writes and in a burst; and what idling costs."""

from __future__ import annotations

import random
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import ldap3

from adpersist.agent import connections
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.ldap.session import Session
from adpersist.directory.wire.controls import EXTENDED_DN, dirsync
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from tools.bench_capture.ground import Ground, Journaled, busy_s, processor_s
from tools.bench_store.figures import Figure, figure, percentile
from tools.samba_dc import SambaDC
from tools.samba_dc.programs import SYSTEM_PYTHON, run

RATE: Final = 5.0
"""Writes a second."""
BURST: Final = 2000
_TOUCH: Final = Path(__file__).parents[1] / "samba_dc" / "touch.py"
_BARE: Final = "bare poll loop, reads only"

Seen = dict[bytes, float]
"""When a value was met, in seconds of the monotonic clock."""


def person(dc: SambaDC, number: int) -> str:
    """DN of one of the users a domain was filled with."""
    return f"CN=Person {number:06d},OU=Unit{number // 500:03d},OU=People,{dc.base_dn}"


class Writer:
    """Somebody who writes a new description to a user again and again, and notes when the DC said yes."""

    def __init__(self, dc: SambaDC, users: int) -> None:
        self.acknowledged: Seen = {}
        server = ldap3.Server(dc.ldapi_url_quoted, get_info=ldap3.NONE)
        self._ldap: Any = ldap3.Connection(server, check_names=False)
        self._ldap.open()
        self._dns = [person(dc, number) for number in range(users)]

    def write(self, seconds: float) -> Seen:
        """Write for so long, at an even rate; what was written."""
        written: Seen = {}
        began = time.monotonic()
        for turn in range(int(seconds * RATE)):
            time.sleep(max(0.0, began + turn / RATE - time.monotonic()))
            token = b"%032x" % random.getrandbits(128)
            self._ldap.modify(random.choice(self._dns), {"description": [(ldap3.MODIFY_REPLACE, [token])]})
            assert self._ldap.result["result"] == 0, self._ldap.result
            written[token] = time.monotonic()
        return written


@contextmanager
def watched(journaled: Journaled) -> Iterator[Seen]:
    """Notes when values are durable, as another process sees it: by the file's own change counter."""
    seen: Seen = {}

    def follow(stop: threading.Event) -> None:
        journal = connections.journal(journaled.config, None)
        last = journal.head.seq
        with closing(sqlite3.connect(journaled.place / "journal.db")) as counter:
            version = None
            while not stop.is_set():
                (found,) = counter.execute("PRAGMA data_version").fetchone()
                now = time.monotonic()
                if found != version:
                    version, last = found, _note(journal, last, seen, now)
                time.sleep(0.002)
        journal.close()

    with _running(follow):
        yield seen


def _note(journal: Journal, last: Seq, seen: Seen, now: float) -> Seq:
    head = journal.refresh().seq
    for commit in journal.commits(after=last):
        for change in commit.changes:
            for values in change.values.values():
                seen.update(dict.fromkeys(values, now))
    return head


@contextmanager
def bare(dc: SambaDC, interval_s: float) -> Iterator[Seen]:
    """Notes when values are seen by a loop that only reads: the USN, and the feed when it moved."""
    seen: Seen = {}

    def follow(stop: threading.Event) -> None:
        session = Session.open(dc.ldapi_url)
        contexts = session.root_dse().contexts
        cookies = _read(session, dict.fromkeys(contexts, b""), {})
        usn = session.usn()
        while not stop.is_set():
            if (now := session.usn()) != usn:
                usn = now
                cookies = _read(session, cookies, seen)
            time.sleep(interval_s)
        session.close()

    with _running(follow):
        yield seen


def _read(session: Session, cookies: Mapping[str, bytes], seen: Seen) -> dict[str, bytes]:
    after = {}
    for nc, cookie in cookies.items():
        page = session.dirsync(nc, attributes=["*", *SECRET_ATTRIBUTES], controls=[dirsync(cookie), EXTENDED_DN])
        for entry in page:
            if cookie:
                seen.update(dict.fromkeys(entry.attributes.get("description", ()), time.monotonic()))
        after[nc] = page.ending()[1]
    return after


@contextmanager
def _running(follow: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def latencies_ms(written: Seen, seen: Seen) -> list[float]:
    """Milliseconds from the DC's yes until each value was met; all of them were."""
    deadline = time.monotonic() + 30
    while not written.keys() <= seen.keys():
        assert time.monotonic() < deadline, f"{len(written.keys() - seen.keys())} changes were never seen"
        time.sleep(0.01)
    return [1000 * (seen[token] - acknowledged) for token, acknowledged in written.items()]


def steady(ground: Ground, users: int, runs: int, *, seconds: float) -> list[Figure]:
    """From the DC's yes to durable, under steady writes."""
    ours: list[list[float]] = []
    plain: list[list[float]] = []
    share = []
    with ground.domain(users) as domain:
        writer = Writer(domain.dc, users)
        journaled = domain.journal("latency")
        journaled.once()
        for _ in range(runs):
            with journaled.agent(), watched(journaled) as seen:
                settle(journaled)
                busy = busy_s(domain.dc)
                written = writer.write(seconds)
                share.append(100 * (busy_s(domain.dc) - busy) / seconds)
                ours.append(latencies_ms(written, seen))
            with bare(domain.dc, journaled.config.capture.interval_s) as seen:
                time.sleep(5)
                plain.append(latencies_ms(writer.write(seconds), seen))
    name = f"commit on the DC to durable, {RATE:g} changes/s, {users:,} users"
    halves, tails = ([percentile(each, share) for each in ours] for share in (0.5, 0.99))
    plain_halves, plain_tails = ([percentile(each, share) for each in plain] for share in (0.5, 0.99))
    return [
        figure(f"{name}: p50", halves, "ms", goal="< 150 ms", reached=lambda value: value < 150,
               against=_BARE, baselines=plain_halves),
        figure(f"{name}: p99", tails, "ms", goal="< 500 ms", reached=lambda value: value < 500,
               against=_BARE, baselines=plain_tails),
        figure("the DC's processor meanwhile, writes included", share, "%"),
    ]  # fmt: skip


def settle(journaled: Journaled) -> None:
    """Wait until an agent has caught up."""
    journal = connections.journal(journaled.config, None)
    head = journal.head
    deadline = time.monotonic() + 60
    while journal.refresh().writer == head.writer and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    journal.close()


def burst(ground: Ground, users: int, runs: int) -> list[Figure]:
    """Many changes in one transaction, against what the DC itself takes to tell them."""
    ours, plain = [], []
    with ground.domain(users) as domain:
        journaled = domain.journal("burst")
        journaled.once()
        session = Session.open(domain.dc.ldapi_url)
        contexts = session.root_dse().contexts
        cookies = _read(session, dict.fromkeys(contexts, b""), {})
        for turn in range(runs):
            with journaled.agent(), watched(journaled) as seen:
                settle(journaled)
                touch(domain.dc, f"burst {turn}")
                done = time.monotonic()
                wanted = {b"burst %d of %d" % (turn, number) for number in range(BURST)}
                while not wanted <= seen.keys():
                    assert time.monotonic() < done + 60, "the burst never became durable"
                    time.sleep(0.005)
                ours.append(max(seen[token] for token in wanted) - done)
            began = time.monotonic()
            cookies = _read(session, cookies, {})
            plain.append(time.monotonic() - began)
        session.close()
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, plain, strict=True))
    return [
        figure(
            f"a burst of {BURST:,} changes until durable", ours, "s",
            goal="<= 2 x", reached=lambda _: ratio <= 2, against="the DC's answer to one DirSync of them",
            baselines=plain,
        )
    ]  # fmt: skip


def touch(dc: SambaDC, mark: str) -> None:
    """Change so many users in one transaction; each has "MARK of N" then."""
    run([SYSTEM_PYTHON, str(_TOUCH), str(dc.private_dir), dc.base_dn, str(BURST), mark], timeout_s=600)


def idle(ground: Ground, users: int, *, seconds: float) -> list[Figure]:
    """What an agent costs while nothing happens."""
    with ground.domain(users) as domain:
        journaled = domain.journal("idle")
        journaled.once()
        with journaled.agent() as agent:
            time.sleep(15)  # the DC's own start is over by then
            before, writes = processor_s(agent.pid), _traces(journaled, domain.dc)
            time.sleep(seconds)
            used = processor_s(agent.pid) - before
            touched = sum(was != now for was, now in zip(writes, _traces(journaled, domain.dc), strict=True))
    return [
        figure(f"{seconds:g} s of rest: share of a core", [100 * used / seconds], "%",
               goal="< 0.5 %", reached=lambda value: value < 0.5),
        figure("the same: writes to the store or by the agent to the DC", [touched], "",
               goal="0", reached=lambda value: value == 0),
    ]  # fmt: skip


def _traces(journaled: Journaled, dc: SambaDC) -> tuple[object, object, object]:
    """What any write would leave behind: in the journal's files, and in the note the agent leaves in the directory."""
    files = [journaled.place / name for name in ("journal.db", "journal.db-wal")]
    controller = DomainController.connect(dc.ldapi_url)
    journal = connections.journal(journaled.config, None)
    note = controller.canary(journal.seed)
    journal.close()
    controller.close()
    marks = [(path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None for path in files]
    return marks[0], marks[1], note
