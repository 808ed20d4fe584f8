"""Checkpoints while the agent captures: written beside it, so that no change waits for one."""

import time
from collections.abc import Callable
from threading import Thread

from adpersist.agent.checkpoints import CheckpointPolicy
from adpersist.errors import AdpersistError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.state.fold import stream_objects
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

log = logger("bounds")


class CheckpointThread:
    """Writes a checkpoint whenever the policy says so, one at a time, in a thread with a journal of its own.

    The process may end at any moment: a checkpoint counts only once it is whole and the head names it.
    """

    def __init__(self, policy: CheckpointPolicy, opened: Callable[[], Journal]) -> None:
        self._policy = policy
        self._opened = opened
        self._thread: Thread | None = None

    def tend(self, journal: Journal) -> None:
        """Call after every look; returns at once. Raises: StoreError."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            journal.refresh()
        if self._policy.due(journal):
            self._thread = Thread(target=self._write, args=(journal.head.seq,), name="checkpoint", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until the checkpoint that is being written is done."""
        if self._thread is not None:
            self._thread.join()

    def _write(self, seq: Seq) -> None:
        began = time.monotonic()
        try:
            journal = self._opened()
            try:
                made = journal.write_checkpoint(seq, stream_objects(journal, seq), now=time.time())
            finally:
                journal.close()
        except AdpersistError as error:
            # capture must not end over it; the journal is as before, and after the next look it is tried again
            log.warning("checkpoint.failed", seq=seq, error=error.message)
            return
        finally:
            give_back()
        log.info("checkpoint.written", seq=made.seq, objects=made.objects, took_s=round(time.monotonic() - began, 3))
