"""Moves the head: one append after another, each settled before the next begins."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from adpersist.errors import (
    FencedError,
    MovedError,
    NoJournalError,
    OutcomeUnknownError,
    PrunedMeanwhileError,
    StoreError,
    StoreUnreachableError,
)
from adpersist.journal.appending.settlement import AppendOutcome, Attempt, require_here, settle_append
from adpersist.journal.appending.spare_head import SparedFacts, spared_facts, standing_head
from adpersist.journal.damage import Damage, DamagedCheckpointError, DamagedError
from adpersist.journal.format.head import OpenHead, open_head, seal_head
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.keys.keyring import Keyring
from adpersist.model.journal.head import Head, Writer
from adpersist.stores.limits import room_for_spare
from adpersist.stores.port import Frame, Store, StoredHead

_STALE_PAUSES_S: Final = (0.2, 1.0, 3.0)
"""A head that went back is read so often again before it counts: Cosmos DB may answer with an older one."""

MAX_TRIES: Final = 32
"""How often an append gives way to marks before it gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an unknown outcome is looked into.

    Attributes:
        pauses_s: Seconds to wait before each further look at the head. Few: a store as users get it has been patient
            for half a minute by itself before it says that it does not know.
        sleep: Waits that long.
    """

    pauses_s: Sequence[float] = (0.1, 2.0)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An append as it would look on one certain base.

    Attributes:
        frames: None, or one.
        head: The head it makes.
        keyring: The data keys that head names.
        tolerant: See :class:`~adpersist.journal.appending.settlement.Attempt`.
    """

    frames: tuple[Frame, ...] = ()
    head: Head
    keyring: Keyring
    tolerant: bool


Drafting = Callable[[OpenHead], Draft | None]
"""Builds a draft on a base; None: on this base there is nothing to append."""


class Appender:
    """The journal's end, as this process last knew it.

    Attributes:
        tip: The head as last read or written.
        keys: Opens the heads this process reads.
        holder: Who this process is to the journal; None until it claims, and again after it was fenced.
    """

    def __init__(
        self, store: Store, keys: KeyEncryption, tip: OpenHead, *, randomness: Randomness, patience: Patience
    ) -> None:
        self._store = store
        self.keys = keys
        self._randomness = randomness
        self._patience = patience
        self._pending: Attempt | None = None
        self._spared: SparedFacts = ()
        self.tip = tip
        self.holder: Writer | None = None

    @property
    def is_held(self) -> bool:
        """By this process: what it adds beside the capture may have landed on top of another's claim."""
        return self.tip.head.writer == self.holder

    def append(self, drafting: Drafting, *, left_behind: bool = False) -> bool:
        """Append what ``drafting`` builds; False when it built nothing.

        Args:
            drafting: Builds it.
            left_behind: Also where the journal was moved away: what says so, or takes it back.

        Raises:
            MovedError: The journal goes on in another store.
            FencedError: Somebody else moved the head; the winner is named.
            OutcomeUnknownError: The store stopped answering in the middle of it. :meth:`refresh` finds out.
        """
        if self._pending is not None:
            raise OutcomeUnknownError("the last write was not settled yet")
        for _ in range(MAX_TRIES):
            if not left_behind:
                self.require_here()
            draft = drafting(self.tip)
            if draft is None:
                return False
            attempt = Attempt(base=self.tip, frames=draft.frames, head=draft.head, tolerant=draft.tolerant)
            body = seal_head(draft.head, draft.keyring, self.tip.journal, self._randomness)
            if self._send(attempt, body, draft.keyring):
                return True
        raise self.fenced("the journal's head moves faster than this process can follow")

    def refresh(self) -> Head:
        """Read the head again, and settle what is open; a holder that finds foreign commits is none any more."""
        found = self._open(self._newest())
        if self.holder is not None:
            attempt = self._pending or Attempt(base=self.tip, head=self.tip.head)
            moved = found.stored.token != attempt.base.stored.token
            if moved and self._settle(attempt, found) is AppendOutcome.FENCED:
                self.holder = None
        self._pending = None
        self.tip = found
        return found.head

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A commit or a checkpoint that a prune takes while it is being read is no damage.

        Raises:
            PrunedMeanwhileError: A prune went past it.
        """
        try:
            yield
        except DamagedError as error:
            if self._went(error):
                raise PrunedMeanwhileError(f"commit {error.seq} was pruned while it was being read") from error
            raise

    def _went(self, error: DamagedError) -> bool:
        """It is not there any more, and need not be."""
        if isinstance(error, DamagedCheckpointError):
            return all(each.seq != error.seq for each in self.refresh().checkpoints)
        return error.damage is Damage.GAP and error.seq is not None and error.seq <= self.refresh().pruned

    def require_here(self) -> None:
        """Raises:
        MovedError: The journal goes on in another store.
        """
        require_here(self.tip.head)

    def fenced(self, why: str) -> FencedError:
        """The error that names who holds the journal."""
        winner = self.tip.head.writer
        self.holder = None
        if self.tip.head.gone_to is not None:
            return MovedError(self.tip.head.gone_to)
        return FencedError(
            f"{why}: it is held by {winner.host}, process {winner.pid}",
            hint="One agent a journal: stop this one, or stop the other and start this one again.",
        )

    def _send(self, attempt: Attempt, body: bytes, keyring: Keyring) -> bool:
        """True: it is in the journal. False: the tip moved under it, try again on the new one."""
        base = attempt.base
        said = spared_facts(attempt.head, keyring)
        spare = said != self._spared and room_for_spare(attempt.frames, body)
        unknown: StoreError | None = None
        for pause in (*self._patience.pauses_s, None):
            try:
                stored = self._store.append(attempt.frames, onto=base.stored, head=body, spare=spare)
            except (FencedError, OutcomeUnknownError) as error:
                unknown = error if isinstance(error, OutcomeUnknownError) else unknown
                self._pending = attempt
                stored = self._look_again()
            except NoJournalError:
                standing_head(self._store)  # says whether the head alone is gone
                raise
            except StoreUnreachableError as error:
                if self._pending is None:
                    raise
                unknown = error
                stored = self._look_again()  # this one was not written, the one before may still be
            if stored.body == body:
                self._pending = None
                self._spared = said if spare else self._spared
                self.tip = replace(base, stored=stored, head=attempt.head, keyring=keyring)
                return True
            if stored.token != base.stored.token:
                return self._moved(attempt, stored)
            if pause is not None:  # not there, perhaps still on its way: the same bytes again, never other ones
                self._patience.sleep(pause)
        why = "" if unknown is None else f": {unknown.message}"
        raise OutcomeUnknownError(
            f"the store does not say whether the write was done{why}", hint="" if unknown is None else unknown.hint
        ) from unknown

    def _moved(self, attempt: Attempt, stored: StoredHead) -> bool:
        found = self._open(stored)
        outcome = self._settle(attempt, found)
        self._pending = None
        self.tip = found
        if outcome is AppendOutcome.FENCED:
            raise self.fenced("somebody else has written to the journal")
        return outcome is AppendOutcome.LANDED

    def _settle(self, attempt: Attempt, found: OpenHead) -> AppendOutcome:
        between = self._store.frames(after=attempt.base.head.seq, through=found.head.seq)
        return settle_append(attempt, found, between)

    def _newest(self) -> StoredHead:
        """The head; a service that answers with one older than it gave before may only be late."""
        for pause in _STALE_PAUSES_S:
            stored = standing_head(self._store)
            if stored.seq >= self.tip.head.seq:
                return stored
            self._patience.sleep(pause)
        return standing_head(self._store)

    def _look_again(self) -> StoredHead:
        for pause in self._patience.pauses_s:
            try:
                return standing_head(self._store)
            except StoreUnreachableError:
                self._patience.sleep(pause)
        try:
            return standing_head(self._store)
        except StoreUnreachableError as error:
            raise OutcomeUnknownError(f"the store went away during a write: {error.message}") from error

    def _open(self, stored: StoredHead) -> OpenHead:
        found = open_head(stored, self.keys, self.tip.keyring)
        if found.head.seq < self.tip.head.seq:
            raise DamagedError(
                f"it is at commit {found.head.seq}, and was at {self.tip.head.seq} before",
                seq=None,
                damage=Damage.STORE_BEHIND,
            )
        return found
