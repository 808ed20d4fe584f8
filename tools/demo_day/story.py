"""What happens, from a new domain to the second revert, and everything that is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

from tools import day
from tools.day import Diary, Hands, Login
from tools.demo_day import files, judges, logins
from tools.demo_day.judges import Judges
from tools.demo_day.losses import Losses, count
from tools.demo_day.product import REVERTED, Answer, Product
from tools.demo_day.proofs import Proof, proof
from tools.demo_day.view import view
from tools.samba_dc import Dump, Golden, ProgramError, SambaDC, dump, free_address, samba_version

RESTORE: Final = "noticing the revert and restoring (guard)"
"""The time people ask for first."""

_EARLY: Final = Login("hugo", day.first_password("hugo"), "logged in before the day")
_SECOND: Final = Login("second", "Second.revert.3", "joined between the two reverts")


@dataclass(slots=True)
class Story:
    """What is known so far.

    Attributes:
        proofs: In the order they were made.
        times: Seconds, by what they were spent on.
        losses: What the first revert took and what came back.
        status: What `adpersist status` said on the reverted DC.
        guard: What `adpersist guard` said it did.
    """

    proofs: list[Proof] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    status: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Every proof holds and everything that was lost came back."""
        return bool(self.proofs) and all(each.holds for each in self.proofs) and self.losses.lost == self.losses.back

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Measure what happens inside."""
        began = time.monotonic()
        yield
        self.times[what] = time.monotonic() - began


class Stage:
    """The DC, adpersist, and a directory for both.

    Args:
        place: Empty; short, for the Unix sockets of the DC.
        tell: Called with a line about what happens next.
    """

    def __init__(self, place: Path, *, hires: int, tell: Callable[[str], None]) -> None:
        self._place = place
        self._hires = hires
        self._tell = tell
        self._tickets = place / "ticket"
        self._early_tickets = place / "early"
        self._keytab = place / "service.keytab"
        self._said_of_sysvol: CompletedProcess[str] | None = None
        self.story = Story()

    def play(self) -> Story:
        """All of it.

        Raises:
            HarnessError: Samba or one of its tools did not do what the demo counts on.
            ProductError: adpersist did not.
        """
        golden = self._found()
        with (
            SambaDC(golden, self._place / "dc", address=free_address()) as dc,
            Product(self._place / "adpersist") as product,
        ):
            self._golden = dump(golden, deleted=True)
            diary = self._day(dc, product)
            before = self._die(dc, product, "before")
            self._come_back(dc, product)
            after = self._judge(dc, before, diary)
            self._again(dc, product, after)
        return self.story

    def _found(self) -> Golden:
        self._tell(f"Provisioning a domain controller of Samba {samba_version()} and filling it with a small company")
        with self.story.timed("provisioning"):
            empty = Golden.provision(self._place / "empty", realm="CORP.EXAMPLE", domain="CORP")
            with SambaDC(empty, self._place / "founding", address=free_address()) as dc:
                dc.start()
                day.found(dc)
                dc.stop()
                return dc.take_golden(self._place / "golden")

    def _day(self, dc: SambaDC, product: Product) -> Diary:
        dc.start()
        self._tell("adpersist init, adpersist agent")
        with self.story.timed("first look"):
            product.init(dc.ldapi_url)
            product.start_agent()
            product.wait_durable()
        logins.keep_ticket(dc, _EARLY, self._early_tickets)
        self._tell("A day in the directory")
        with self.story.timed("the day"):
            hands = Hands(dc)
            hands.log_in_over_smb("hugo")
            diary = day.live(dc, hires=self._hires, tell=lambda event: self._tell(f"  {event}"))
            logins.keep_ticket(dc, diary.logins[0], self._tickets)
            logins.keep_service_ticket(dc, diary.service, self._tickets)
            logins.keep_keytab(dc, diary.service, self._keytab)
        with self.story.timed("until the last change was durable"):
            hands.log_in_over_smb("ada", "bruno")
            durable = product.wait_durable()["durable"]
            product.wait_durable_files()
        self._tell(f"All of it is durable: commit {durable['seq']}, USN {durable['usn']}")
        return diary

    def _die(self, dc: SambaDC, product: Product, name: str) -> Path:
        self._said_of_sysvol = files.sysvolcheck(dc)
        self._tell("kill -9 of the DC and of the agent; the machine is put back to its golden image")
        dc.kill()
        product.kill_agent()
        snapshot = dc.snapshot(self._place / name)
        with self.story.timed("putting the image back and starting"):
            dc.revert()
            dc.start()
        return snapshot

    def _come_back(self, dc: SambaDC, product: Product) -> None:
        story = self.story
        story.status = product.run("status").expect(REVERTED).document
        self._tell(f"adpersist status: {story.status['lineage']} ({story.status['evidence']})")
        refuses = product.agent_refuses()
        unchanged = product.run("status").document["durable"] == story.status["durable"]
        problems = [] if refuses and unchanged else ["the agent captured the reverted state over the journal"]
        story.proofs.append(proof("the agent refuses to capture a reverted DC", "adpersist agent", problems))
        self._tell("adpersist guard --on-revert restore")
        answer = product.run("guard", "--on-revert", "restore")
        story.times[RESTORE] = answer.took_s
        story.guard = answer.document
        story.proofs += [_guarded(answer), _verified(product)]

    def _judge(self, dc: SambaDC, before: Path, diary: Diary) -> Dump:
        self._tell("Proofs: the databases, while people log in")
        with self.story.timed("proofs"):
            # Logins leave traces (lastLogonTimestamp), so the judges look at how the restore left the database.
            dc.stop()
            after = dc.snapshot(self._place / "after")
            work = Judges(before, after)
            dc.start()
            outside = [
                logins.old_ticket_works(dc, self._tickets),
                *logins.service_accepts(dc, diary.service, self._keytab, self._early_tickets, self._tickets),
                *logins.passwords_work(dc, diary),
                logins.withdrawn_refused(dc, diary),
                logins.service_works(dc, diary.logins[0], diary.service, self._place / "tickets"),
            ]
            old, new = dump(before, deleted=True), dump(after, deleted=True)
            self.story.losses = count(view(self._golden), view(old), view(new))
            self.story.proofs += [
                judges.raw_equal(old, new),
                files.sysvol_equal(before, after),
                files.numbers_equal(before, after),
                files.same_verdict(self._said_of_sysvol, files.sysvolcheck(dc)),
                judges.still_deleted(self._golden, old, new),
                *outside,
                _fresh_account(dc, old, new),
                *work.verdicts(),
            ]
        return new

    def _again(self, dc: SambaDC, product: Product, first: Dump) -> None:
        """The second revert: new changes, the same golden image, the same end."""
        claim = "a second revert ends like the first"
        if not all(each.holds for each in self.story.proofs):
            self.story.proofs.append(proof(claim, "nobody", ["not tried: the first did not end well"]))
            return
        self._tell("Once more: the agent goes on, more changes, the machine dies and is put back a second time")
        with self.story.timed("second revert, all of it"):
            product.start_agent()
            hands = Hands(dc)
            hands.tool("user", "create", _SECOND.user, _SECOND.password)
            hands.tool("group", "addmembers", "staff", _SECOND.user)
            hands.tool("user", "delete", "ines")
            product.wait_durable()
            before = self._die(dc, product, "before2")
            answer = product.run("guard", "--on-revert", "restore")
            proofs = [_guarded(answer), _verified(product)]
            dc.stop()
            snapshot = dc.snapshot(self._place / "after2")
            after = dump(snapshot, deleted=True)
            dc.start()
            old = dump(before, deleted=True)
            proofs += [judges.raw_equal(old, after), files.sysvol_equal(before, snapshot)]
            proofs.append(files.numbers_equal(before, snapshot))
            proofs += logins.passwords_work(dc, Diary(logins=[_SECOND]))
            proofs.append(_fresh_account(dc, first, old, after))
        problems = [f"{each.claim}: {each.detail}" for each in proofs if not each.holds]
        detail = f"{len(proofs)} of the proofs above"
        self.story.proofs.append(proof(claim, "the same", problems, detail=detail))


def _guarded(answer: Answer) -> Proof:
    problems = [f"exit code {answer.code}: {answer.stderr}"] if answer.code else []
    done = answer.document.get("restored") or {}
    detail = f"{done.get('lost', 0)} objects differed, {done.get('steps', 0)} steps"
    return proof("the revert was noticed and undone", "adpersist guard", problems, detail=detail)


def _verified(product: Product) -> Proof:
    answer = product.run("verify")
    found = [f"{each['dn']}: {each['kind']} {each['attribute']}" for each in answer.document.get("differences", [])]
    if answer.code and not found:
        found = [f"exit code {answer.code}: {answer.stderr}"]
    return proof("DC and journal agree", "adpersist verify", found)


def _fresh_account(dc: SambaDC, *known: Dump) -> Proof:
    """A new account gets a SID that nobody has or ever had."""
    claim, by = "a new account gets a SID that nobody ever had", "samba-tool user create"
    hands, name = Hands(dc), f"newcomer{len(known)}"
    try:
        hands.tool("user", "create", name, "Newcomer.4")
        sid = hands.sid(name)
    except ProgramError as refused:
        return proof(claim, by, [str(refused)])
    return proof(claim, by, judges.fresh_sid(sid, judges.sids(*known)), detail=sid)
