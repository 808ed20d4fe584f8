"""USN rollback: what partners take for read of a DC that was put back, and never ask for; how it reaches them."""

import time
from collections.abc import Collection
from typing import Final

from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.stamps import EVER
from adpersist.model.plan.engine import Engine
from adpersist.restore.convergence.as_replica import say_again
from adpersist.restore.convergence.convergence import Convergence
from adpersist.restore.live_state import LiveState
from adpersist.restore.new_invocation import partners_of
from adpersist.restore.plan.identities.reused_usns import ReusedUsns
from adpersist.restore.plan.replicated_updates import ReplicatedUpdates, replicated_since
from adpersist.restore.progress import Progress
from adpersist.restore.wanted import WantedState
from adpersist.state.state import State

_EVERY: Final = Usn(2**63 - 1)
"""A partner that reaches the DC while it is healed reads on under the old invocationID until that is restarted."""


class UsnRollback:
    """Stands by from before a restore writes to after its proof.

    With one partner only what the DC itself wrote is in question. With more each also learns from the DC how far it
    has read the others, and takes that for read.

    Args:
        dc: The DC.
        convergence: The restore's, after a look.
        partners: invocationIDs of the others.
        fresh: The invocationID the DC goes on under.
        closed: No partner reaches the DC meanwhile.
    """

    def __init__(
        self,
        dc: DomainController,
        convergence: Convergence,
        partners: frozenset[Guid],
        fresh: Guid,
        *,
        closed: bool,
    ) -> None:
        self._dc = dc
        self._convergence = convergence
        self._closed = closed
        self._fresh = fresh
        self._handed_out = dc.usn()
        self._partners = partners
        self._third = _is_third(partners)
        # of a closed DC they know what it had before
        self._before = self._replicated() if closed and self._third else ReplicatedUpdates()

    def reused(self) -> ReusedUsns | None:
        """USNs of which partners may believe to have seen what was lost; None: there are no partners.

        Asked for under the new invocationID.
        """
        if not self._partners:
            return None
        everybody = self._third and not self._closed
        return ReusedUsns(
            partners=frozenset() if everybody else self._partners,
            through=self._handed_out if self._closed else _EVERY,
            own=self._dc.own_stamp(),
        )

    def say_again(self) -> None:
        """Have the DC say as its own of today what it heard from one partner, and another takes for read.

        Raises:
            DirectoryUnreachableError: The DC went away.
        """
        if self._third:
            self._convergence.say_again(self._before if self._closed else self._replicated())

    def _replicated(self) -> ReplicatedUpdates:
        return self._convergence.replicated(self._partners, self._fresh)


def _is_third(partners: Collection[Guid]) -> bool:
    """One of them may hear from the DC what another wrote."""
    return len(partners) > 1


def tell_partners(
    dc: DomainController, capture: Capture, wanted: WantedState, engine: Engine, progress: Progress
) -> bool:
    """Say again what a restore did not that was killed once it had ended.

    Nobody knows any more what the DC had before: it is all that others ever wrote, but for what was said already.

    Args:
        dc: The DC, which goes on under the invocationID it was given then.
        capture: Holds the journal.
        wanted: The journal's newest state.
        engine: By which way to write.
        progress: Told how far it has come.

    Returns:
        The DC has partners.

    Raises:
        RevertedError, FencedError, StoreError, DirectoryError: Do it again.
    """
    partners = partners_of(dc, capture.head, wanted.state)
    capture.look()
    if _is_third(partners):
        have = LiveState(dc, like=wanted.state).refresh()
        updates = replicated_since(
            EVER, dc.each_written(Usn(EVER + 1)), have, State(), wanted.state, partners=partners, fresh=dc.invocation()
        )
        if updates:
            say_again(dc, have, updates, engine, progress)
        capture.look()
    capture.journal.note_partners_told(now=time.time())
    return bool(partners)
