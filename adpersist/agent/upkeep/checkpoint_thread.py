"""Checkpoints, and what is too old, while the agent captures: tended beside it, so that no change waits for either."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Final

from adpersist.agent.upkeep.checkpoints import CheckpointPolicy, RetentionPolicy
from adpersist.errors import AdpersistError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.state.fold import stream_objects
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

log = logger("bounds")

_FIRST_WAIT_S: Final = 60.0
_LONGEST_WAIT_S: Final = 3600.0


class CheckpointThread:
    """Writes a checkpoint, or prunes, whenever a policy says so, one at a time, in a thread with a journal of its own.

    The process may end at any moment: a checkpoint counts only once it is whole and the head names it.
    """

    def __init__(
        self,
        policy: CheckpointPolicy,
        retention: RetentionPolicy,
        opened: Callable[[], Journal],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._retention = retention
        self._opened = opened
        self._clock = clock
        self._thread: Thread | None = None
        self._failures = 0
        self._not_before = 0.0

    def tend(self, journal: Journal) -> None:
        """Call after every look; returns at once. Raises: StoreError."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            journal.refresh()
        if self._clock() >= self._not_before and self._policy.due(journal):
            self._begin(Thread(target=self._write, args=(journal.head.seq,), name="checkpoint", daemon=True))
        elif self._retention.due():
            self._begin(Thread(target=self._prune, name="prune", daemon=True))

    def wait(self) -> None:
        """Until what is being done is done."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self, thread: Thread) -> None:
        self._thread = thread
        thread.start()

    def _prune(self) -> None:
        try:
            journal = self._opened()
            try:
                before = journal.head.pruned
                plan = self._retention.tend(journal, now=time.time())
            finally:
                journal.close()
        except AdpersistError as error:
            # capture must not end over it; a later look into it may do
            log.warning("prune.failed", error=error.message)
            return
        if plan is not None:
            log.info("journal.pruned", through=plan.through, commits=plan.through - before)

    def _write(self, seq: Seq) -> None:
        began = time.monotonic()
        try:
            journal = self._opened()
            try:
                made = journal.write_checkpoint(seq, stream_objects(journal, seq), now=time.time())
            finally:
                journal.close()
        except AdpersistError as error:
            # capture must not end over it; the journal is as before, and every try reads all of it
            wait_s = min(_FIRST_WAIT_S * 2**self._failures, _LONGEST_WAIT_S)
            self._failures, self._not_before = self._failures + 1, self._clock() + wait_s
            log.warning("checkpoint.failed", seq=seq, error=error.message, wait_s=wait_s)
            return
        finally:
            give_back()
        self._failures, self._not_before = 0, 0.0
        log.info("checkpoint.written", seq=made.seq, objects=made.objects, took_s=round(time.monotonic() - began, 3))
