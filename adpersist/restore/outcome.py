"""What a restore did, and what it could not do."""

from dataclasses import dataclass, field

from adpersist.model.identity.ids import Guid
from adpersist.model.journal.account import Account
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.model.plan.step import Create, Modify, Move, Step
from adpersist.restore.files.files_back import FilesOutcome
from adpersist.restore.plan.identities.evictions import KEPT, RENAMED, evicted_copy
from adpersist.restore.plan.limitations import Limitation
from adpersist.state.differences import Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step the DC refused, with its own words."""

    step: Step
    reason: str


@dataclass(slots=True, kw_only=True)
class Renamed:
    """Somebody who was written to on the reverted DC, stays, and goes on under another name.

    Attributes:
        dn: The DN so far.
        now: The DN from now on.
        account: The account name from now on; empty: it has none, or kept it.
    """

    dn: str
    now: str
    account: str = ""


@dataclass(slots=True, kw_only=True)
class RestoreOutcome:
    """What a restore did.

    Attributes:
        lost: Gaps there were at the start.
        applied: Steps carried out, over all rounds.
        rounds: How often was planned.
        refusals: What the DC refused in the last round, and in the last of what waited until no other was left.
        aside: What it refused to receive as a replica, and why.
        left: Differences that remain; empty means proven equal.
        conflicts: Local writes found at the start.
        notes: What is not as the journal has it, and cannot be.
        files: What became of SYSVOL and the local databases; None: they were left alone.
        restart_for: What is not as it should be until the DC is restarted, for people; empty: it need not be.
        account: What the restore says of itself, once it has ended one way or the other.
    """

    lost: list[Gap] = field(default_factory=list)
    applied: list[Step] = field(default_factory=list)
    rounds: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    aside: dict[Guid, str] = field(default_factory=dict)
    left: list[Difference] = field(default_factory=list)
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Limitation, ...] = ()
    restart_for: tuple[str, ...] = ()
    account: Account = field(default_factory=Account)
    files: FilesOutcome | None = None

    @property
    def restart_needed(self) -> bool:
        """The DC must be restarted."""
        return bool(self.restart_for)

    @property
    def renamed(self) -> list[Renamed]:
        """Who made way for a lost one and stays, in order of the steps."""
        copied = {evicted_copy(each.guid): each.dn for each in self.conflicts}
        found: dict[Guid, Renamed] = {}
        for step in self.applied:
            if step.reason not in (KEPT, RENAMED):
                continue
            known = found.setdefault(step.guid, Renamed(dn=copied.get(step.guid, step.dn), now=step.dn))
            if isinstance(step, Move):
                known.now = f"{step.rdn},{step.parent_dn}"
            if isinstance(step, Create | Modify):
                known.account = b"".join(step.values.get("sAMAccountName", ())).decode(errors="replace")
        return list(found.values())

    @property
    def lines(self) -> list[Difference]:
        """What is left, of the directory and then beside it."""
        return [*self.left, *(self.files.lines if self.files is not None else ())]

    @property
    def differs(self) -> bool:
        """Something is left, of the directory or beside it."""
        return bool(self.lines)
