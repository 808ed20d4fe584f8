"""Carries out steps over LDAP without waiting for each answer, so that the DC never waits for the next request."""

from collections.abc import Iterator, Sequence
from typing import Final

from adpersist.directory.ldap.operations import WriteRequest, WriteResult
from adpersist.directory.ldap.session import SentWrite, Session
from adpersist.directory.write.step_writes import single_write
from adpersist.directory.write.target import StepExecutor
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.model.plan.step import Create, Link, Modify, Step

_MOST: Final = 32
"""Sent before the first answer is taken; a request is much shorter than what sockets hold, an answer even more so."""


class PipelinedTarget:
    """Implements :class:`adpersist.directory.write.target.Target`.

    Args:
        session: A privileged one. Samba carries out what comes on one connection in its order; what is sent together
            does not depend on that, but for names that one object gives up and another takes.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._carrier = StepExecutor(session)

    def apply(self, steps: Sequence[Step]) -> Iterator[WriteResult]:
        at = 0
        begun: list[SentWrite] = []
        while at < len(steps):
            begun = begun or self._all(_from(steps, at))
            if not begun:
                yield self._carrier.attempt(steps[at])
                at += 1
                continue
            at += len(begun)
            following = _from(steps, at)  # made while the server is busy
            verdicts = [self._verdict(each) for each in begun]
            # what comes after a refusal may need what takes its place
            begun = self._all(following) if not any(verdicts) else []
            yield from verdicts

    def _all(self, writes: Sequence[WriteRequest]) -> list[SentWrite]:
        return [self._begin(write) for write in writes]

    def _begin(self, write: WriteRequest) -> SentWrite:
        return self._session.begin(write)

    def _verdict(self, begun: SentWrite) -> WriteResult:
        return self._session.verdict(begun)


def _from(steps: Sequence[Step], at: int) -> list[WriteRequest]:
    return list(independent_writes(steps[at : at + _MOST]))


def independent_writes(steps: Sequence[Step]) -> Iterator[WriteRequest]:
    """The writes of the steps from the first on of which none needs another one done."""
    touched: set[Guid] = set()
    made: list[str] = []
    for step in steps:
        write = single_write(step)
        if write is None or step.guid in touched or not touched.isdisjoint(_needed(step)):
            return
        if isinstance(step, Create):
            if any(step.dn.endswith(f",{container}") for container in made):
                return
            made.append(step.dn)
        touched.add(step.guid)
        yield write


def _needed(step: Step) -> Iterator[Guid]:
    """Whom the step refers to."""
    if isinstance(step, Create | Modify):
        values = [value for found in step.values.values() for value in found]
    elif isinstance(step, Link):
        values = [ref for refs in step.added.values() for ref in refs]
    else:
        return
    yield from (target for value in values if (target := target_of(value)) is not None)
