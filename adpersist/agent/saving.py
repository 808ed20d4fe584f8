"""Checkpoints while the agent captures: written beside it, so that no change waits for one."""

import time
from collections.abc import Callable
from threading import Thread

from adpersist.agent.bounds import Policy
from adpersist.errors import AdpersistError
from adpersist.journal.writer import Journal
from adpersist.model.ids import Seq
from adpersist.replay.state import State
from adpersist.telemetry import logger

log = logger("bounds")


class Saver:
    """Writes a checkpoint whenever the policy says so, one at a time, in a thread with a journal of its own.

    The process may end at any moment: a checkpoint counts only once it is whole and the head names it.
    """

    def __init__(self, policy: Policy, opened: Callable[[], Journal]) -> None:
        self._policy = policy
        self._opened = opened
        self._thread: Thread | None = None

    def tend(self, journal: Journal, state: State) -> None:
        """Call after every look, with the state at the head; returns at once. Raises: StoreError."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            journal.refresh()
        if self._policy.due(journal):
            # the objects are immutable, so this is a snapshot and costs a pointer an object
            snapshot, seq = State(state.everything()), journal.head.seq
            self._thread = Thread(target=self._write, args=(seq, snapshot), name="checkpoint", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until the checkpoint that is being written is done."""
        if self._thread is not None:
            self._thread.join()

    def _write(self, seq: Seq, state: State) -> None:
        began = time.monotonic()
        try:
            journal = self._opened()
            try:
                made = journal.write_checkpoint(seq, state.everything(), now=time.time())
            finally:
                journal.close()
        except AdpersistError as error:
            # capture must not end over it; the journal is as before, and after the next look it is tried again
            log.warning("checkpoint.failed", seq=seq, error=error.message)
            return
        log.info("checkpoint.written", seq=made.seq, objects=made.objects, took_s=round(time.monotonic() - began, 3))
