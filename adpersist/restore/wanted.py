"""What a restore aims at, and what the journal knows that helps it get there."""

import gc
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from adpersist.capture.capture import SECRET
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.errors import AdpersistError, ConfigError, ExitCode, PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, Guid, Seq
from adpersist.model.journal.commit import BESIDE, Commit, CommitKind
from adpersist.model.journal.head import Head, Phase
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.spilled_row import Spill
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.replicated import MachinePassword
from adpersist.reading.find import NoSuchObjectError, find
from adpersist.restore.conflicts.unseen_writes import Recorded
from adpersist.restore.live_state import ImageState, LiveState
from adpersist.restore.one_attribute import require_living, require_no_name, require_told
from adpersist.restore.plan.collisions import renamed
from adpersist.restore.plan.machines.own_passwords import OwnPasswords
from adpersist.restore.plan.scope import EVERYTHING, RestoreScope, subtrees
from adpersist.state.fold import fold, fold_on
from adpersist.state.state import State
from adpersist.system.files.spill_file import SpillFile
from adpersist.system.memory import give_back, keep_little

_LOOKS: Final = frozenset({CommitKind.LOOK, CommitKind.FILES})


class NothingToRestoreError(AdpersistError):
    """The journal never finished its first look: restoring to it would delete what it has not seen."""

    exit_code = ExitCode.REVERTED


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedState:
    """What a restore aims at.

    Attributes:
        target: The commit restored to.
        is_newest: Nothing was captured after it.
        state: The directory at that commit.
        spill: Where its values lie, and those of what is compared with it go.
        known: Every object the journal ever heard of, for telling local writes from old ones.
        head: The journal's head when this was read.
        captured: Unix seconds of the last look in the journal: what the DC wrote later is news to it.
        given: Every objectSid the journal ever saw: its RID is never handed out again.
        recorded: Reads the stamps of some objects; goes through the journal's commits once more.
        base: What the DC is known to have had when it was told of the newest commit it remembers.
        own_passwords: Of the DC's own account, those that somebody may have a ticket under, the newest first.
        begun: What a restore that was killed on this DC had found there before it wrote; None: none has written.
        scope: How much of the state is wanted.
    """

    target: Seq
    is_newest: bool
    state: State
    spill: Spill
    known: frozenset[Guid]
    head: Head
    captured: float
    given: frozenset[bytes]
    recorded: Callable[[Collection[Guid]], Recorded]
    base: ImageState | None = None
    own_passwords: tuple[MachinePassword, ...] = ()
    begun: tuple[Conflict, ...] | None = None
    scope: RestoreScope = EVERYTHING

    @property
    def holds_secrets(self) -> bool:
        """It was captured by a session that sees passwords: krbtgt's is in every domain."""
        return any(SECRET in item.values for item in self.state.values())

    @property
    def last_given_rid(self) -> int:
        """The RID the DC gave out last, as far as the journal knows; 0 when it does not."""
        return self.head.position.rid_next if self.head.position else 0


def newest_settled(journal: Journal) -> Seq:
    """The last commit at which the directory was as the journal says: not one in the middle of a look."""
    return journal.head.seq if journal.head.settled else journal.resolve(None, now=time.time())


def healing_point(journal: Journal) -> Seq | None:
    """What a DC that was put back is healed to where the journal was repaired and no look came after that: the newest
    point that can be told, on which it goes on, or where a restore was going. None: as ever.

    Raises:
        NothingToRestoreError: No point can be told.
    """
    head = journal.head
    if head.complete or not head.lost:
        return None
    if head.phase is Phase.RESTORING:
        return head.target
    base = head.timelines[-1].base if head.timelines else BEFORE_FIRST
    if base == BEFORE_FIRST:
        raise NothingToRestoreError(
            "the journal lost so much that no state of the directory can be told from it any more",
            hint="A copy of its store may have it. If the domain controller is to be gone on with as it is now: name "
            "an empty place under `[store] url`, and begin anew there with `adpersist init --supersede`.",
        )
    return base


def wanted_state(journal: Journal, target: Seq | None = None, *, dc: DomainController | None = None) -> WantedState:
    """Fold the journal to a commit; None: where an unfinished restore was going, or the newest.

    Args:
        journal: Opened to read.
        target: The commit.
        dc: The DC to be brought there, if only what it wrote since its newest memory is to be looked at.

    Raises:
        NothingToRestoreError: No whole look is in the journal.
        IntegrityError: The journal is damaged; nothing of it is used.
    """
    head = journal.head
    if not head.complete and not (head.lost and target is not None):  # after a repair an older point still is whole
        raise NothingToRestoreError(
            "the journal never finished its first look, so it does not know the whole directory",
            hint="Let `adpersist agent --once` finish; there is nothing to restore yet.",
        )
    if target is not None and not journal.is_settled(target):
        raise PointError(
            f"at commit {target} a look at the directory was half in the journal: what it had not seen yet would be "
            "taken for deleted",
            hint="`adpersist log --json` says which commits are settled; a time, @mark or usn:N always finds one.",
        )
    if target is None:
        target = head.target if head.phase is Phase.RESTORING and head.target is not None else newest_settled(journal)
    keep_little()  # a journal is read now, and a directory looked at
    spill = SpillFile()
    machine = dc.machine if dc is not None else None
    heard = _Heard(next((each.time for each in head.checkpoints if each.seq == head.pruned), 0.0), machine)
    base = _base(journal, dc, heard, spill) if dc is not None else None
    state: State | None = None
    if base is not None:
        with suppress(PointError):  # it remembers a timeline that was left, or a time after the target
            state = fold_on(journal, base[1].state, base[0], target, progress=heard.of, spill=spill)
    if state is None:
        state = fold(journal, target, progress=heard.of, spill=spill)
    for after, through in heard.missing(head.pruned, head.seq):
        for commit in journal.commits(after=after, through=through):
            heard.of(commit)
    give_back()
    gc.freeze()  # millions of values, none of which has cycles, and which stay: not to be walked again and again
    return WantedState(
        target=target,
        is_newest=heard.last_look <= target or _is_gone_on_from(head, target, heard.last_look),
        state=state,
        spill=spill,
        known=frozenset(heard.guids.union(state, state.gone)),
        head=head,
        captured=heard.captured,
        given=frozenset(heard.sids),
        recorded=lambda guids: _recorded(journal, head, guids),
        base=base[1] if base is not None else None,
        own_passwords=heard.own_passwords.lately(state.get(machine), time.time()) if machine is not None else (),
        begun=_begun(journal, dc) if dc is not None else None,
    )


def within_scope(
    dc: DomainController,
    wanted: WantedState,
    names: Sequence[str],
    *,
    below: bool = False,
    attribute: str = "",
    rename: str = "",
) -> WantedState:
    """The same, limited to what a person means: objects of the point restored to, else of the DC's.

    Args:
        names: What the objects are called; none: all of them.
        below: What lies below them, too.
        attribute: The only one of them; empty: all.
        rename: What the object is to be called from now on; empty: as it was.

    Raises:
        NoSuchObjectError, AmbiguousObjectError.
        ConfigError: Below what is not said, there is no one object to be called so, no such attribute to restore, or
            nobody who has it.
    """
    if below and not names:
        raise ConfigError("--subtree says that what lies below an object counts, too", hint="Name that with --object.")
    if attribute:
        require_told(attribute, dc.schema, wanted.state)
    if rename and (len(names) != 1 or attribute):
        raise ConfigError("--rename says what one object is to be called", hint="Give it with one --object alone.")
    here = _Here(dc)
    roots = {_root(wanted.state, here, name): name for name in names}
    if rename:
        ((root, name),) = roots.items()
        if not wanted.state.is_live(root):
            raise ConfigError(f"{name} does not live at that point, so it has no other name there")
        wanted.state.put(renamed(wanted.state[root], rename, LiveState(dc).refresh()))
    if attribute:
        for root, name in roots.items():
            _require_living(wanted.state, dc, here, root, name, below=below)
        known = dc.schema.meant(attribute)
        require_no_name(known.name if known else attribute, _meant(wanted.state, here, frozenset(roots), below=below))
    return replace(wanted, scope=RestoreScope(roots=frozenset(roots), below=below, attribute=attribute))


def _require_living(want: State, dc: DomainController, here: "_Here", root: Guid, name: str, *, below: bool) -> None:
    """Somebody of those meant lives there and here. Raises: ConfigError."""
    lives = root in dc.living([root])
    if below and not (lives and want.is_live(root)):  # of what lies below, something may: the directory is looked at
        have = here.state()
        if any(want.is_live(guid) and have.is_live(guid) for guid in subtrees(frozenset({root}), want, have)):
            return
    require_living(name, there=want.is_live(root), here=lives)


def _meant(want: State, here: "_Here", roots: frozenset[Guid], *, below: bool) -> Iterator[Iterator[ObjectState]]:
    """The living objects that a restore is limited to, as they are at the point; then on the DC, which is looked at."""

    def those(state: State) -> Iterator[ObjectState]:
        guids = (subtrees(roots, state) if below else roots) if roots else state
        return (state[guid] for guid in guids if state.is_live(guid))

    yield those(want)
    yield those(here.state())


class _Here:
    """The DC's objects, looked at where that is needed, and once."""

    def __init__(self, dc: DomainController) -> None:
        self._dc = dc
        self._state: State | None = None

    def state(self) -> State:
        if self._state is None:
            self._state = LiveState(self._dc).refresh()
        return self._state


def _root(want: State, here: _Here, name: str) -> Guid:
    """Whom a name means: who lives at that point, else who lives on the DC, else who once had it.

    Raises:
        NoSuchObjectError, AmbiguousObjectError.
    """
    if (root := _living(want, name) or _living(here.state(), name)) is not None:
        return root
    with suppress(NoSuchObjectError):
        return find(want, name)
    return find(here.state(), name)


def _living(state: State, name: str) -> Guid | None:
    with suppress(NoSuchObjectError):
        return find(state, name, (item for item in state.values() if not item.deleted))
    return None


def _recorded(journal: Journal, head: Head, guids: Collection[Guid]) -> Recorded:
    found: dict[Guid, dict[str, list[Stamp]]] = {}
    for commit in journal.commits(after=head.pruned, through=head.seq):
        for change in commit.changes:
            if change.guid in guids:
                known = found.setdefault(change.guid, {})
                for name, stamp in change.stamps.items():
                    known.setdefault(name, []).append(stamp)
                for name, links in change.link_stamps.items():
                    known.setdefault(name, []).extend(links.values())
    return found


def _is_gone_on_from(head: Head, target: Seq, last_look: Seq) -> bool:
    """A repair had the journal go on from there, and no look came since: what followed cannot be told any more."""
    return (
        not head.complete
        and bool(head.lost)
        and any(each.base == target and each.begins > last_look for each in head.timelines[-1:])
    )


class _Heard:
    """What the journal ever heard of, gathered while it is read for something else."""

    def __init__(self, captured: float, machine: Guid | None) -> None:
        self.guids = set[Guid]()
        self.sids = set[bytes]()
        self.own_passwords = OwnPasswords(machine)
        self.captured = captured
        self.last_look = self._last = BEFORE_FIRST
        self._seqs = set[Seq]()

    def of(self, commit: Commit) -> None:
        """Take a commit in."""
        self._seqs.add(commit.seq)
        self.guids.update(change.guid for change in commit.changes)
        self.sids.update(sid for change in commit.changes for sid in change.values.get("objectSid", ()))
        self.own_passwords.of(commit.seq, commit.changes)
        if commit.kind is CommitKind.LOOK:
            if commit.seq > self._last:
                # the last one's, not the latest: a clock that once stood ahead must not hide what was written since
                self._last, self.captured = commit.seq, commit.time
            self.last_look = max(self.last_look, commit.seq if commit.ends_look else BEFORE_FIRST)

    def missing(self, after: Seq, through: Seq) -> Iterator[tuple[Seq, Seq]]:
        """Runs of commits that were not taken in."""
        begin = after
        for seq in (*sorted(each for each in self._seqs if each > after), Seq(through + 1)):
            if seq > begin + 1:
                yield begin, Seq(seq - 1)
            begin = seq


def _begun(journal: Journal, dc: DomainController) -> tuple[Conflict, ...] | None:
    """The DC is told of a restore before its first step; one that was put back once more has forgotten."""
    if journal.head.phase is not Phase.RESTORING or (commit := _remembered(journal, dc)) is None:
        return None
    return commit.conflicts if commit.kind is CommitKind.RESTORE_BEGIN else None


def _remembered(journal: Journal, dc: DomainController) -> Commit | None:
    """The commit the DC was told of last; None when it can be read no more, or is not this journal's."""
    remembered = dc.canary(journal.seed)
    if remembered is None or not journal.head.pruned < remembered.seq <= journal.head.seq:
        return None
    for commit in journal.commits(after=Seq(remembered.seq - 1), through=remembered.seq):  # none, where it is lost
        return commit if Canary.of(journal.seed, commit.seq, commit.digest) == remembered else None
    return None


def _base(journal: Journal, dc: DomainController, heard: _Heard, spill: Spill) -> tuple[Seq, ImageState] | None:
    """The newest commit the DC remembers, and what that says it had: all its writes up to that look's USN.

    The DC was told of a commit after the commit was durable, and the note travels in its database: whatever image it
    was put back to, it holds everything that the commit had seen.
    """
    commit = _remembered(journal, dc)
    while commit is not None and commit.kind in BESIDE:
        before = Seq(commit.seq - 1)
        if before <= journal.head.pruned:
            return None
        commit = next(iter(journal.commits(after=Seq(before - 1), through=before)), None)
    # one of files says up to where the look before it reached
    if commit is None or commit.kind not in _LOOKS or not (commit.ends_look and commit.complete):
        return None
    try:
        state = fold(journal, commit.seq, progress=heard.of, spill=spill)
    except PointError:
        return None
    return commit.seq, ImageState(state=state, usn=commit.usn_to, invocation=dc.invocation())
