"""Moving a journal to another store, so that at no moment two heads go on.

Everything is laid in the new place first, where it does not count. Then the old head says where the journal went, and
from there on refuses to be written; then, in one step, the new place gets the head with which the journal goes on.
Killed between the two nobody goes on: the same command finishes the move, or :meth:`JournalMove.undo` gives it up.
"""

import os
from dataclasses import replace
from typing import Final

from adpersist.errors import AdpersistError, CopyRefusedError, FencedError, MovedError
from adpersist.journal.appending.appender import Appender, Draft, Patience
from adpersist.journal.format.head import OpenHead, microseconds, open_head, seal_head
from adpersist.journal.format.unfinished import begun_copy
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.upkeep.copy import Copied, JournalCopy, Progress
from adpersist.model.journal.head import Head, Moved, Writer
from adpersist.stores.port import Store

PATIENCE: Final = Patience()


class JournalMove:
    """One journal on its way from one store to another.

    Args:
        source: Where the journal lies.
        target: Where it is to go on; its location is what the old head will say.
        keys: The journal's key-encryption key.
        expected: The journal's id.
        writer: Who moves it; whoever holds the journal is fenced.
        forgets: As of :class:`JournalCopy`.
        randomness: For nonces.
        patience: How long an unknown outcome is looked into.
    """

    def __init__(
        self,
        source: Store,
        target: Store,
        keys: KeyEncryption,
        *,
        expected: str | None,
        writer: Writer,
        forgets: bool,
        randomness: Randomness = os.urandom,
        patience: Patience = PATIENCE,
    ) -> None:
        self._source = source
        self._target = target
        self._keys = keys
        self._writer = writer
        self._randomness = randomness
        self._patience = patience
        self._copy = JournalCopy(source, target, keys, expected=expected, forgets=forgets)

    def run(self, *, now: float, progress: Progress | None = None) -> Copied:
        """Move the journal, or finish a move that was cut off; a move that is done stays as it is.

        Raises:
            MovedError: The journal was moved, or is being moved, to another place.
            FencedError: Somebody wrote to the new place, or took the move back, meanwhile.
            CopyRefusedError, IntegrityError, StoreError: As :meth:`JournalCopy.run`.
        """
        tip = self._copy.open_source()
        begun = self._begun(tip.head)
        if begun is None:
            self._copy.prepare(progress)
        elif self._arrived(tip, begun):
            return Copied(seq=tip.head.seq, changed=False)
        moved = begun or Moved(to=self._target.location, time=microseconds(now) / 1_000_000, arrived=False)
        tip = self._taken(tip, moved).tip
        arrived = replace(tip.head, moved=replace(moved, arrived=True))
        return self._copy.arrive(tip, seal_head(arrived, tip.keyring, tip.journal, self._randomness), progress)

    def undo(self, *, sure: bool) -> bool:
        """Have the journal go on where it was; False: it was not moved.

        Like a move it takes the old head first, then writes to the new place, so that a move which is still at work
        finds one of the two changed; and it lets go of the old head only where no other move took that meanwhile.

        Args:
            sure: Also where nothing tells whether the journal arrived in the new place, which is lost then.

        Raises:
            CopyRefusedError: It goes on in the new place; or that cannot be seen, and ``sure`` was not said.
            FencedError: The move is still at work.
            MovedError: It was moved to another place than this one.
            StoreError: Nothing was taken back.
        """
        tip = self._copy.open_source()
        begun = self._begun(tip.head)
        if begun is None:
            return False
        end = self._taken(tip, begun)
        taken = end.tip.stored
        try:
            gone = self._shut(end.tip, begun)
        except (CopyRefusedError, FencedError):
            raise
        except AdpersistError as error:
            if not sure:
                raise CopyRefusedError(
                    f"nothing tells whether the journal goes on in {self._target.location}: {error.message}",
                    hint="Where that store is lost, or was never written: the same command with --yes.",
                ) from error
            gone = False
        if gone:
            raise CopyRefusedError(
                f"the journal goes on in {self._target.location}",
                hint="Move it back from there: `adpersist copy --config FILE --to URL --move`, FILE a configuration "
                "whose `[store] url` names that one.",
            )

        def freed(base: OpenHead) -> Draft:
            if base.stored != taken:
                raise FencedError("the journal is being moved again", hint="Look at `adpersist status` first.")
            return self._rewritten(base, None)

        end.append(freed, left_behind=True)
        return True

    def _begun(self, head: Head) -> Moved | None:
        """What the old head says of this move; None: nothing yet."""
        if head.gone_to not in {None, self._target.location}:
            raise MovedError(str(head.gone_to))
        return head.moved if head.gone_to is not None else None

    def _taken(self, tip: OpenHead, moved: Moved) -> Appender:
        """The old head says where the journal goes, in this process's name: whoever held it or moves it finds that."""

        def left(base: OpenHead) -> Draft:
            return self._rewritten(base, self._begun(base.head) or moved)

        end = Appender(self._source, self._keys, tip, randomness=self._randomness, patience=self._patience)
        end.append(left, left_behind=True)
        return end

    def _rewritten(self, base: OpenHead, moved: Moved | None) -> Draft:
        head = replace(base.head, writer=self._writer, moved=moved)
        return Draft(head=head, keyring=base.keyring, tolerant=True)

    def _shut(self, tip: OpenHead, begun: Moved) -> bool:
        """Whether the journal goes on in the new place; else whoever is at work there is fenced."""
        if self._arrived(tip, begun):
            return True
        self._target.clear(onto=self._target.head())
        return self._arrived(tip, begun)

    def _arrived(self, tip: OpenHead, begun: Moved) -> bool:
        """The new place has the head the journal arrived with, or a later one.

        Raises:
            CopyRefusedError: What is there went on by itself.
            NoJournalError: Not even a copy that was begun is there: so it was lost.
        """
        stored = self._target.head()
        if begun_copy(stored.body) is not None:
            return False
        found = open_head(stored, self._keys, tip.keyring)
        there = found.head.moved
        if there is not None and ((there.arrived and there.to == begun.to) or there.time > begun.time):
            return True
        self._copy.require_copy(tip, found)
        return False
