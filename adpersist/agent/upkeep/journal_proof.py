"""The whole journal, proven now and then beside the capture: a lost or changed commit shows before it is needed."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Final

from adpersist.errors import AdpersistError
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import CheckReport, Finding
from adpersist.model.journal.head import Head, Identity
from adpersist.system.memory import give_back
from adpersist.telemetry import logger

log = logger("bounds")

_FIRST_WAIT_S: Final = 3600.0
"""It reads all there is: not at each of many starts in a row."""


Check = Callable[[Identity], CheckReport]


class JournalProof:
    """Checks the journal in a thread, one check at a time.

    Args:
        check: Proves all of a DC's journal, over a store of its own.
        clock: Seconds that never go back.
    """

    def __init__(self, check: Check, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._check = check
        self._clock = clock
        self._due = clock() + _FIRST_WAIT_S
        self._thread: Thread | None = None
        self._found: Finding | None = None
        self._checked: object = None

    def tend(self, journal: Journal, *, every_s: float | None) -> Finding | None:
        """Call at any time; returns at once.

        Args:
            journal: What is checked; after a repair at once, if something was wrong.
            every_s: How long a check is good for; None: it is not checked.

        Returns:
            What is wrong first, as far as it is known.
        """
        if every_s is None or self.is_at_it:
            return self._found
        is_repaired = self._found is not None and _repairs(journal.head) != self._checked
        if is_repaired or self._clock() >= self._due:
            self._due, self._checked = self._clock() + every_s, _repairs(journal.head)
            self._thread = Thread(target=self._prove, args=(journal.head.identity,), name="proof", daemon=True)
            self._thread.start()
        return self._found

    @property
    def is_at_it(self) -> bool:
        """A check is under way."""
        return self._thread is not None and self._thread.is_alive()

    def _prove(self, identity: Identity) -> None:
        began = time.monotonic()
        try:
            report = self._check(identity)
        except AdpersistError as error:
            log.warning("proof.failed", error=error.message)  # capture says for itself what it cannot reach
            return
        finally:
            give_back()
        self._found = next(iter(report.findings), None)
        told = {"commits": report.commits, "bytes": report.size, "took_s": round(time.monotonic() - began, 3)}
        if self._found is None:
            log.info("journal.proven", **told)
        else:
            log.warning(
                "journal.damaged", findings=len(report.findings), first=str(self._found.part), seq=self._found.first,
                reason=self._found.message, hint="`adpersist check` lists all of it, and what can still be restored.",
                **told,
            )  # fmt: skip


def _repairs(head: Head) -> object:
    """What a repair changes."""
    return head.lost, head.checkpoints
