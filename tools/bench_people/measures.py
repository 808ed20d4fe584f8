"""The measurements, on one stand; each begins with the image and the journal of the first look."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adpersist.agent import connections
from adpersist.directory.domain_controller import DomainController
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from tools.bench_boot.__main__ import opening_s
from tools.bench_capture.ground import Journaled
from tools.bench_capture.latency import RATE, Writer, latencies_ms, settle, watched
from tools.bench_people.crowd import DELETED, EVERYONE, MOVED, deed
from tools.bench_restore.measures import answer_s
from tools.bench_restore.stand import LOST, Stand
from tools.bench_store.figures import Figure, figure
from tools.samba_dc import SambaDC
from tools.samba_dc.filling import fill
from tools.samba_dc.programs import environment

_MEGABYTE: Final = 1_000_000
_PIECE: Final = 40_000
"""USNs whose objects one DirSync of the rival's asks for: Samba breaks a longer answer off."""
_TURNS: Final = 10
_APART_S: Final = 5.0


def first_look(stand: Stand) -> Iterator[Figure]:
    """The look at everything that a journal begins with; the stand is made by it."""
    with stand.dc as dc:
        dc.prepare()
        dc.start()
        _ldapsearch_s(dc, stand.place)  # the kernel has read the database, then
        plain = [_ldapsearch_s(dc, stand.place)]
        dc.stop()
    ran = stand.begin()
    yield figure("first look, the whole command", [ran.took_s], "s", goal="<= 1.2 x",
                 reached=lambda value: value <= 1.2 * plain[0],
                 against="ldapsearch, DirSync to LDIF", baselines=plain)  # fmt: skip
    yield _peak("first look", ran.peak_bytes, 160)
    size = stand.journal.stat().st_size / _MEGABYTE
    yield figure("the journal's file after it", [size], "MB")


def _ldapsearch_s(dc: SambaDC, place: Path) -> float:
    """Seconds a C client takes to have everything as LDIF, in pieces that Samba answers."""
    seen = DomainController.connect(dc.ldapi_url)
    usn, contexts = seen.usn(), seen.dse.contexts
    seen.close()
    began = time.monotonic()
    with (place / "all.ldif").open("wb") as out:
        for context in contexts:
            for first in range(0, usn + 1, _PIECE):
                words = [
                    *("ldapsearch", "-LLL", "-x", "-H", dc.ldapi_url_quoted, "-b", context),
                    *("-D", dc.admin_user, "-w", dc.admin_password),
                    *("-E", "!dirSync=2147483648/0", "-E", "!extendedDn=1"),
                    f"(&(uSNChanged>={first})(uSNChanged<={first + _PIECE - 1}))",
                    *("*", *SECRET_ATTRIBUTES),
                ]
                subprocess.run(words, env=environment(), stdout=out, check=True)
    return time.monotonic() - began


def one_change(stand: Stand, people: int) -> Iterator[Figure]:
    """How long after the DC's yes one change is durable, and what the agent holds on to."""
    with stand.reverted() as dc, _agent(stand) as (journaled, pid), watched(journaled) as seen:
        settle(journaled)
        writer = Writer(dc, people // 2)
        times: list[float] = []
        for _ in range(_TURNS):
            time.sleep(_APART_S)  # an agent rests after a look, so as not to keep the DC busy
            times += latencies_ms(writer.write(1 / RATE), seen)
        answers = [1000 * answer_s(dc) for _ in range(3)]
        steady = _resident(pid)
    middle = statistics.median(times)
    yield figure("one change, from the DC's yes to durable", times, "ms",
                 goal="<= 1.3 x" if answers[0] > 100 else "p50 < 100 ms",
                 reached=lambda _: middle <= (1.3 * statistics.median(answers) if answers[0] > 100 else 100),
                 against="the DC's answer to one DirSync of each context", baselines=answers)  # fmt: skip
    yield figure("the agent afterwards", [steady / _MEGABYTE], "MB", goal="< 110 MB", reached=lambda value: value < 110)


def deeds(stand: Stand, first: float | None, chosen: str) -> Iterator[Figure]:
    """A large deed: captured, lost and healed, and taken back on the living DC."""
    name, words, beyond, most = {
        "rights": ("one right at the root", ("rights",), 2.0, 200),
        "move": ("an OU renamed and moved", ("move", MOVED, "Elsewhere"), 1.5, 200),
        "delete": ("an OU deleted", ("delete", DELETED), 1.5, 200),
    }[chosen]
    with stand.reverted() as dc:
        before = _number(stand)
        theirs = deed(dc.private_dir, dc.base_dn, *words)
        captured = stand.adpersist("agent", "--once")
        base = first if chosen == "rights" and first else theirs.took_s
        yield figure(f"{name}: `agent --once`", [captured.took_s], "s", goal=f"<= {beyond} x",
                     reached=lambda value: value <= beyond * base,
                     against="one full look" if base is first else "Samba's own time", baselines=[base])  # fmt: skip
        yield _peak(f"{name}: captured", captured.peak_bytes, most)
        kept = stand.kept.with_suffix(".deed")
        dc.stop()
        kept.write_bytes(stand.journal.read_bytes())
    stand.put_back()
    stand.journal.write_bytes(kept.read_bytes())
    with stand.dc as dc:
        dc.start()
        healed = stand.adpersist("guard")
        yield figure(f"{name}: lost, and healed by guard", [healed.took_s], "s",
                     goal="<= 1.5 x", reached=lambda value: value <= 1.5 * theirs.took_s,
                     against="Samba's own time", baselines=[theirs.took_s])  # fmt: skip
        yield _peak(f"{name}: healed", healed.peak_bytes, 300, samba=theirs.peak_bytes)
        stand.adpersist("verify")
        back = stand.adpersist("restore", "--to", str(before), "--yes", codes=(0, 2))
        yield figure(f"{name}: taken back by restore --to", [back.took_s], "s", against="Samba's own time",
                     baselines=[theirs.took_s])  # fmt: skip
        yield _peak(f"{name}: taken back", back.peak_bytes, 300, samba=theirs.peak_bytes)
        kept.unlink()


def group(stand: Stand, people: int) -> Iterator[Figure]:
    """How much the agent grows by membership changes of a large group."""
    with stand.reverted() as dc, _agent(stand) as (journaled, pid):
        settle(journaled)
        deed(dc.private_dir, dc.base_dn, "members", EVERYONE, str(people // 100))
        time.sleep(10)
        before = _resident(pid)
        took = deed(dc.private_dir, dc.base_dn, "members", EVERYONE, str(people // 10)).took_s
        time.sleep(10)
        grown = (_resident(pid) - before) / _MEGABYTE
    yield figure(f"{people // 10:,} membership changes in a group of {people // 2:,}: Samba's own time", [took], "s")
    yield figure("the agent grows by", [grown], "MB", goal="< 20 MB", reached=lambda value: value < 20)


def losses(stand: Stand, lost: int) -> Iterator[Figure]:
    """Some people lost among many."""
    with stand.reverted() as dc:
        dc.stop()
        theirs = time.monotonic()
        fill(dc.private_dir, dc.base_dn, lost, tree=LOST)
        theirs = time.monotonic() - theirs
        dc.start()
        stand.adpersist("agent", "--once")
        dc.stop()
    kept = stand.journal.read_bytes()
    stand.put_back()
    stand.journal.write_bytes(kept)
    with stand.dc as dc:
        dc.start()
        look_s = _ldapsearch_s(dc, stand.place)
        healed = stand.adpersist("guard")
        stand.adpersist("verify")
    limit = theirs + look_s + 3
    yield figure(f"{lost:,} lost: guard", [healed.took_s], "s", goal="under 3 s beyond",
                 reached=lambda value: value <= limit,
                 against="Samba makes them, and one look", baselines=[theirs + look_s])  # fmt: skip
    yield _peak(f"{lost:,} lost: healed", healed.peak_bytes, 200)


def boots(stand: Stand) -> Iterator[Figure]:
    """A boot where nothing is lost."""
    stand.put_back()
    plain = opening_s(stand, stand.dc.command())
    stand.put_back()
    words = [sys.executable, "-m", "adpersist", "boot", "--config", str(stand.config), "--"]
    booted = opening_s(stand, [*words, *stand.dc.command()])
    stand.put_back()
    with stand.dc as dc:
        dc.start()
        look_s = _ldapsearch_s(dc, stand.place)
    yield figure("boot to open, nothing lost", [booted], "s", goal="within 2 s and one look",
                 reached=lambda value: value <= plain + look_s + 2,
                 against="the DC's own start", baselines=[plain])  # fmt: skip
    yield figure("one look", [look_s], "s")


@contextmanager
def _agent(stand: Stand) -> Iterator[tuple[Journaled, int]]:
    journaled = Journaled(path=stand.config, place=stand.place)
    with journaled.agent() as process:
        yield journaled, process.pid


def _number(stand: Stand) -> int:
    journal = connections.journal(Journaled(path=stand.config, place=stand.place).config, None)
    number = int(journal.head.seq)
    journal.close()
    return number


def _peak(name: str, size: int, goal: int, *, samba: int = 0) -> Figure:
    """Memory; ``samba``: what its own code took for the same, in bytes."""
    return figure(f"{name}: all processes at their peak", [size / _MEGABYTE], "MB", goal=f"< {goal} MB",
                  reached=lambda value: value < goal, against="Samba's own code" if samba else "",
                  baselines=[samba / _MEGABYTE] if samba else ())  # fmt: skip


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel says nothing of VmRSS")
