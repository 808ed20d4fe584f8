"""Carries out steps many at a time, in transactions of the DC's own database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from adpersist.directory.ldap.operations import REFUSALS, WriteResult
from adpersist.directory.samba.database import Database
from adpersist.directory.write.receiving import receive, some_of
from adpersist.directory.write.step_writes import single_write
from adpersist.directory.write.target import StepExecutor, Target
from adpersist.errors import DirectoryUnreachableError
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.replicated import Aside, Replica
from adpersist.model.plan.step import Delete, EnableFeature, ReloadSchema, Step
from adpersist.telemetry import logger

_MOST_STEPS: Final = 400
"""In one transaction: the DC's own writers wait for its end, half a second; larger ones gain little."""
_MOST_DELETES: Final = 40
"""Each copies what those before it changed of the indexes: fewer at once take less time, and a commit more of it."""
_DESCRIPTORS_AT_ONCE: Final = 1000

log = logger("directory")


class TransactionalTarget:
    """Implements :class:`adpersist.directory.write.target.Target`; a batch lands whole or not at all.

    Args:
        database: The DC's database.
        server: The running DC, for what it must do itself.
        instead: Carries out steps when Samba's code has given up at the database; None: nobody does.
    """

    def __init__(self, database: Database, server: Target, instead: Target | None = None) -> None:
        self._database = database
        self._carrier = StepExecutor(database)
        self._server = server
        self._instead = instead

    @property
    def pid(self) -> int:
        """Process id of the worker that writes to the database."""
        return self._database.pid

    def apply(self, steps: Sequence[Step]) -> Iterator[WriteResult]:
        at = 0
        while at < len(steps):
            try:
                verdicts = self._some(steps[at : at + _MOST_STEPS])
            except DirectoryUnreachableError as error:
                if self._instead is None:
                    raise
                # nothing of an unfinished transaction is done, and each step is safe to repeat
                log.warning("engine.left", reason=error.message)
                yield from self._instead.apply(steps[at:])
                return
            yield from verdicts
            at += len(verdicts)

    def _some(self, steps: Sequence[Step]) -> list[WriteResult]:
        """Carry out the first steps, at least one."""
        batch = _together(steps)
        verdicts: list[WriteResult] = [None] * self._transact(batch)
        if len(verdicts) < max(len(batch), 1):
            verdicts.append(self._alone(steps[len(verdicts)]))
        return verdicts

    def hand_down(self, rights: Mapping[str, Sequence[tuple[Guid, bytes]]]) -> None:
        """Write access rights that follow from those of containers above, before those are written.

        Samba would work out all of them in one transaction, and hold as much of the database in memory.

        Args:
            rights: Descriptors by naming context. What is refused is left to Samba.
        """
        for nc, descriptors in rights.items():
            for some in some_of(descriptors, _DESCRIPTORS_AT_ONCE):
                try:
                    self._database.hand_down(nc, some)
                except REFUSALS as error:
                    log.warning("rights.left_to_samba", error=error.message)
                    return

    def make_ready(self) -> None:
        """Soon something is to be received: what that takes is loaded meanwhile. Raises: DirectoryUnreachableError."""
        self._database.make_ready()

    def rest(self) -> None:
        """Nothing is to be written for a while: it takes no memory meanwhile."""
        self._database.rest()

    def receive(self, replica: Replica, told: Callable[[int, int], None], *, goes_on: bool) -> list[Aside]:
        """Have the database take what it lacks as a replica does: see :func:`~.receiving.receive`."""
        return receive(self._database, replica, told, goes_on=goes_on)

    def _transact(self, batch: Sequence[Step]) -> int:
        """How many steps, from the first, are done. A refused one undoes all, so those before it are done again."""
        good = len(batch)
        while good:
            run = _Run(self._database, self._carrier)
            try:
                with self._database.transaction(batched=not isinstance(batch[0], Delete)):
                    for step in batch[:good]:
                        run.carry_out(step)
                    run.settle()
            except REFUSALS:
                # a commit that is refused does not say whose fault it is
                good = run.done if run.done < good else good // 2
            else:
                return good
        return 0

    def _alone(self, step: Step) -> WriteResult:
        if _is_the_servers(step):
            (verdict,) = self._server.apply([step])
            if verdict is not None or isinstance(step, EnableFeature):
                return verdict
        return self._carrier.attempt(step)


class _Run:
    """Steps of one transaction: what is one write is sent, and the next one made while Samba is at it.

    Attributes:
        done: Steps whose writes were taken.
    """

    def __init__(self, database: Database, carrier: StepExecutor) -> None:
        self._database = database
        self._carrier = carrier
        self.done = 0

    def carry_out(self, step: Step) -> None:
        """Carry out one step; a refusal may show later. Raises: WriteRefusedError, NoSuchEntryError."""
        write = single_write(step)
        if write is not None:
            self._database.send(write)
        else:
            self.settle()
            self._carrier.carry_out(step)
            self.done += 1

    def settle(self) -> None:
        """Wait for what was sent. Raises: WriteRefusedError, NoSuchEntryError."""
        for verdict in self._database.verdicts():
            if verdict is not None:
                raise verdict
            self.done += 1


def _together(steps: Sequence[Step]) -> Sequence[Step]:
    """Those before the first that cannot be part of a transaction, or not of the same one.

    Deletes have theirs: of an object that once had a link Samba takes that away once more, and passes over that it is
    gone (see :meth:`Database.transaction`).
    """
    kind = isinstance(steps[0], Delete)
    ends = (at for at, step in enumerate(steps) if _is_the_servers(step) or isinstance(step, Delete) is not kind)
    return steps[: min(next(ends, len(steps)), _MOST_DELETES if kind else len(steps))]


def _is_the_servers(step: Step) -> bool:
    """The DC must hear of it: what it keeps in memory changes."""
    return isinstance(step, ReloadSchema | EnableFeature)
