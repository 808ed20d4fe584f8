"""Each way of protecting a domain on the same day: a run of it, people who come later, a revert, and the way back."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tools.bench_peers.accounts import Account, accounts
from tools.bench_restore.stand import Stand
from tools.samba_dc import Golden, SambaDC, free_address, join
from tools.samba_dc.filling import fill
from tools.samba_dc.layout import SERVICES, Domain, with_hosts
from tools.samba_dc.programs import run

_LATER: Final = "Later"
_SOONER: Final = "Sooner"
_FIRST: Final = 20
"""Whom somebody makes on a reverted DC before it hears of its partner: with USNs and RIDs that it used before."""
_RUN_TIMEOUT_S: Final = 3600.0
_WAIT_S: Final = 60.0
"""How long a reverted DC's partner gets to send what is lost."""
_PATIENCE_S: Final = 300.0
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What one way did.

    Attributes:
        name: The way, as people know it.
        run_s: Seconds that one run takes; None: it goes on all the time.
        run_mb: Megabytes that one leaves.
        came: People who came after the last run, or before the revert where it goes on all the time.
        back: How many of them are there afterwards, as who they were.
        open_s: Seconds from the revert until the domain is served again as well as this way can.
        kept: How many of all who were there before are who they were: GUID, SID, password, key version number.
        of: Of how many.
        host: The DC is who it was, by the same measure.
        remark: What else somebody has to do or to know.
    """

    name: str
    run_s: float | None
    run_mb: float | None
    came: int
    back: int
    open_s: float
    kept: int
    of: int
    host: bool
    remark: str = ""

    def document(self) -> dict[str, object]:
        """For machines."""
        return asdict(self)


@dataclass(slots=True)
class Day:
    """A DC, and who was there before the revert.

    Attributes:
        before: Everybody, at the last moment.
        later: Those of them who came last.
    """

    dc: SambaDC
    before: Mapping[str, Account] = field(default_factory=dict)
    later: frozenset[str] = frozenset()

    def people_come(self, newcomers: int) -> None:
        """While the DC does not run."""
        old = accounts(self.dc.sam_ldb, self.dc.base_dn)
        fill(self.dc.private_dir, self.dc.base_dn, newcomers, tree=_LATER)
        self.before = accounts(self.dc.sam_ldb, self.dc.base_dn)
        self.later = frozenset(self.before.keys() - old.keys())

    def told(self, name: str, after: SambaDC, open_s: float, *, run_s: float | None, run_mb: float | None,
             remark: str = "") -> Peer:  # fmt: skip
        """What is there by now."""
        found = accounts(after.sam_ldb, after.base_dn)
        same = {each for each, account in self.before.items() if found.get(each) == account}
        host = f"{self.dc.names.hostname.upper()}$"
        return Peer(
            name=name,
            run_s=run_s,
            run_mb=run_mb,
            came=len(self.later),
            back=len(same & self.later),
            open_s=open_s,
            kept=len(same - self.later),
            of=len(self.before) - len(self.later),
            host=host in same,
            remark=remark,
        )


def adpersist(golden: Golden, place: Path, newcomers: int) -> Peer:
    """The agent, then `guard`."""
    place.mkdir()
    stand = Stand(place=place, dc=SambaDC(golden, place / "dc", address=free_address()))
    stand.begin()
    day = Day(stand.dc)
    day.people_come(newcomers)
    stand.dc.start()
    stand.adpersist("agent", "--once")
    stand.dc.stop()
    day.before = accounts(stand.dc.sam_ldb, stand.dc.base_dn)
    size = stand.journal.stat().st_size / _MEGABYTE
    stand.keep()
    began = time.monotonic()
    with stand.reverted() as dc:
        stand.adpersist("guard")
        open_s = time.monotonic() - began
        return day.told("adpersist", dc, open_s, run_s=None, run_mb=size, remark="the journal, with the first look")


def backup(golden: Golden, place: Path, newcomers: int, *, how: str) -> Peer:
    """`samba-tool domain backup` by cron, people after its last run, and `backup restore` on the reverted machine."""
    place.mkdir()
    # an online backup fetches SYSVOL as a client does
    dc = SambaDC(golden, place / "dc", address=free_address(), services=(*SERVICES, "s3fs", "winbindd"))
    day = Day(dc)
    with dc:
        dc.start()
        archive, run_s = _backed_up(dc, place / "archive", how)
        dc.stop()
        day.people_come(newcomers)
        began = time.monotonic()
        dc.revert()
    restored = place / "restored"
    words = ["samba-tool", "domain", "backup", "restore", f"--backup-file={archive}", f"--targetdir={restored}"]
    run([*words, "--newservername=DC9", f"--host-ip={dc.address}"], timeout_s=_RUN_TIMEOUT_S)
    shutil.copytree(dc.private_dir / "tls", restored / "private" / "tls", dirs_exist_ok=True)  # in no backup
    names = Domain(realm=dc.names.realm, domain=dc.names.domain, hostname="dc9")
    again = Golden.seal(restored, place / "again", names, admin_password=dc.admin_password)
    with SambaDC(again, place / "dc9", address=dc.address) as other:
        other.start()
        open_s = time.monotonic() - began
        size = archive.stat().st_size / _MEGABYTE
        return day.told(
            f"samba-tool domain backup {how}",
            other,
            open_s,
            run_s=run_s,
            run_mb=size,
            remark="a DC of another name, the only one; all others are to be joined again",
        )


def _backed_up(dc: SambaDC, target: Path, how: str) -> tuple[Path, float]:
    target.mkdir()
    words = ["samba-tool", "domain", "backup", how, f"--targetdir={target}", f"--configfile={dc.smb_conf}"]
    if how == "online":
        words += [f"--server={dc.names.fqdn}", f"--username={dc.admin_user}", f"--password={dc.admin_password}"]
    hosts = target / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in dc.host_entries.items()))
    began = time.monotonic()
    run(with_hosts(hosts, words), timeout_s=_RUN_TIMEOUT_S, env={"KRB5_CONFIG": str(dc.krb5_conf)})
    took = time.monotonic() - began
    (archive,) = target.glob("*.tar.bz2")
    return archive, took


def second_dc(golden: Golden, place: Path, newcomers: int) -> Iterator[Peer]:
    """Replication: what the partner sends a reverted DC; and what a DC is that was joined anew in its place."""
    place.mkdir()
    with _two(golden, place) as (first, second):
        day = Day(first)
        first.stop()
        day.people_come(newcomers)
        first.start()
        _until(lambda: day.later <= accounts(second.sam_ldb, second.base_dn).keys())
        began = time.monotonic()
        first.stop()
        first.revert()
        known = accounts(first.sam_ldb, first.base_dn).keys()
        fill(first.private_dir, first.base_dn, _FIRST, tree=_SOONER)
        sooner = accounts(first.sam_ldb, first.base_dn)
        first.start()
        open_s = time.monotonic() - began
        time.sleep(_WAIT_S)
        told = accounts(second.sam_ldb, second.base_dn)
        unheard = [each for each in sooner.keys() - known if told.get(each) != sooner[each]]
        sids = Counter(account.sid for account in {**told, **sooner}.values())
        twice = sum(count > 1 for count in sids.values())
        yield day.told("a second DC, the first reverted", first, open_s, run_s=None, run_mb=None,
                       remark=f"looked at {_WAIT_S:g} s later: of {_FIRST} made on the reverted DC at once the second "
                              f"has {_FIRST - len(unheard)}, and {twice} SIDs are given twice")  # fmt: skip
        began = time.monotonic()
        first.stop()
        shutil.rmtree(first.directory)
        host = first.names.hostname
        dead = [
            "samba-tool",
            "domain",
            "demote",
            f"--remove-other-dead-server={host}",
            f"--configfile={second.smb_conf}",
        ]
        run([*dead, "-H", f"tdb://{second.sam_ldb}"], timeout_s=_RUN_TIMEOUT_S)
        with join(second, place / "anew", hostname=host, address=free_address()) as anew:
            _until(lambda: day.later <= accounts(anew.sam_ldb, anew.base_dn).keys())
            open_s = time.monotonic() - began
            yield day.told("the same, demoted and joined anew", anew, open_s, run_s=None, run_mb=None,
                           remark="only while one DC was not reverted; by hand")  # fmt: skip


@contextmanager
def _two(golden: Golden, place: Path) -> Iterator[tuple[SambaDC, SambaDC]]:
    with SambaDC(golden, place / "dc", address=free_address()) as first:
        first.start()
        with join(first, place / "second", address=free_address()) as second:
            first.stop()
            first.golden = first.take_golden(place / "image")  # with a partner: it is reverted to that
            first.start()
            yield first, second


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("replication did not bring it")
        time.sleep(1)
