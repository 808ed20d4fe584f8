"""How this process fares: what the health endpoint and the metrics say."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from adpersist import __version__
from adpersist.errors import AdpersistError, RevertedError, WrongDirectoryError
from adpersist.journal.upkeep.check import Finding
from adpersist.model.files.file_state import path_text
from adpersist.model.identity.ids import Usn, guid_text
from adpersist.model.journal.commit import Commit
from adpersist.model.journal.head import Head
from adpersist.model.journal.lineage import Lineage, Verdict

CAPTURING: Final = "capturing"
_LISTED: Final = 20


class AgentHealth:
    """Written by the process's own thread, read by those that serve it.

    Args:
        max_lag_s: The DC's changes may wait so long; beyond it the process is not healthy.
        clock: Seconds that never go back.
    """

    def __init__(self, *, max_lag_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_lag_s = max_lag_s
        self._clock = clock
        self._began = clock()
        self._stage = "starting"
        self._lineage: Lineage | None = None
        self._head: Head | None = None
        self._durable_time: float | None = None
        self._restored: Commit | None = None
        self._drifted: int | None = None
        self._files: tuple[float, Mapping[str, str]] | None = None
        self._files_told = self._began
        self._sure: float | None = None
        self._usn = Usn(0)
        self._pending = True
        self._error: AdpersistError | None = None
        self._key_missed: AdpersistError | None = None
        self._damage: Finding | None = None
        self.registry = CollectorRegistry()
        self._declare()

    # What happens.

    def stage(self, what: str) -> None:
        """What the process is doing, for people; :data:`CAPTURING` is the only healthy one."""
        self._stage = what

    def judged(self, lineage: Lineage) -> None:
        """A verdict on the DC."""
        self._lineage = lineage
        for verdict in Verdict:
            self._verdict.labels(verdict).set(verdict is lineage.verdict)

    def found(self, head: Head, durable_time: float | None, restored: Commit | None = None) -> None:
        """The journal as it was opened, and how the last restore in it ended."""
        self._head, self._durable_time, self._restored = head, durable_time, restored

    def looked(self, head: Head, changes: int) -> None:
        """A look ended; everything in it is durable."""
        before = self._head.seq if self._head else 0
        if head.seq > before:
            self._durable_time = head.time
            self._commits.inc(head.seq - before)
            self._changes.inc(changes)
        self._head = head

    def polled(self, usn: Usn, *, durable: bool) -> None:
        """The DC told its USN; ``durable``: everything up to it is in the store."""
        self._usn, self._pending = usn, not durable
        if durable:
            self._sure = self._clock()

    def files(self, behind: tuple[float, Mapping[str, str]] | None) -> None:
        """How SYSVOL and the local databases stand.

        Args:
            behind: For how many seconds something there may not be durable, and by path what cannot be captured and
                why; None: they are not captured.
        """
        self._files, self._files_told = behind, self._clock()

    def scrubbed(self, drifted: int) -> None:
        """All of the directory was compared; so many objects differed that no look for changes had told of."""
        self._drifted = drifted

    def key_missed(self, error: AdpersistError | None) -> None:
        """What keeps the next start from opening the journal; None: the key is where it belongs."""
        if error is not None and self._key_missed is None:
            self.troubled(error)
        self._key_missed = error

    def damaged(self, finding: Finding | None) -> None:
        """What is wrong with the journal, as the last check of all of it found; None: nothing."""
        self._damage = finding

    def sent(self, size: int) -> None:
        """The store took so many bytes of commits."""
        self._bytes.inc(size)

    def store_retried(self) -> None:
        """The store did not answer, and is tried again."""
        self._retries.inc()

    def reconnected(self) -> None:
        """Connecting to the DC and the store began anew."""
        self._reconnects.inc()

    def troubled(self, error: AdpersistError) -> None:
        """Something went wrong, whether waiting mends it or not."""
        self._error = error
        self._errors.labels(type(error).__name__.removesuffix("Error")).set_to_current_time()
        if isinstance(error, WrongDirectoryError):
            self.judged(Lineage(verdict=Verdict.REPLACED, evidence=error.message))
        elif isinstance(error, RevertedError):
            self.judged(Lineage(verdict=Verdict.REVERTED, evidence=error.message))

    # What is asked.

    def lag_s(self) -> float:
        """Seconds since everything the DC had was known to be durable."""
        return self._clock() - (self._began if self._sure is None else self._sure)

    def lag_usn(self) -> int:
        """USNs the DC was ahead when it was last asked; some may be bookkeeping that no feed reports."""
        position = self._head.position if self._head else None
        return max(self._usn - position.usn, 0) if position and self._pending else 0

    def trouble(self) -> str:
        """Why the process is not healthy; empty when it is."""
        if self._lineage is not None and self._lineage.verdict is not Verdict.SAME:
            return f"the domain controller is {self._lineage.verdict}: {self._lineage.evidence}"
        if self._key_missed is not None:
            return f"it captures with the key that it has in memory, and no other start can: {self._key_missed.message}"
        if self._damage is not None:
            return f"the journal is damaged, first {self._damage.part} {self._damage.first}: {self._damage.message}"
        words = f"; the last error: {self._error.message}" if self._error else ""
        if self._stage != CAPTURING and (self._sure is None or self.lag_s() > self.max_lag_s):
            return f"{self._stage}{words}"
        if self.lag_s() > self.max_lag_s:
            return f"nothing was durable for {self.lag_s():.0f} s, the limit is {self.max_lag_s:g} s{words}"
        return ""

    def _well(self) -> str:
        """How it stands where nobody needs to be called."""
        if self._stage == CAPTURING and not self._pending:
            return "everything the domain controller has is durable"
        words = f"; the last error: {self._error.message}" if self._error else ""
        what = "what the domain controller writes is not durable yet" if self._stage == CAPTURING else self._stage
        return f"{what}, for {self.lag_s():.0f} s{words}"

    def document(self) -> Mapping[str, Any]:
        """Everything, for machines."""
        head, position, trouble = self._head, self._head.position if self._head else None, self.trouble()
        return {
            "healthy": not trouble,
            "reason": trouble or self._well(),
            "stage": self._stage,
            "lineage": str(self._lineage.verdict) if self._lineage else None,
            "evidence": self._lineage.evidence if self._lineage else None,
            "lag": {"usn": self.lag_usn(), "seconds": round(self.lag_s(), 3)},
            "durable": {"seq": head.seq, "usn": position.usn if position else 0, "time": self._durable_time}
            if head
            else None,
            "restored": self._last_restore(),
            "server": guid_text(head.identity.server) if head else None,
            "files": {"left": head.files_left, **self._file_standing()} if head else None,
            "scrub": {"time": head.scrubbed or None, "drifted": self._drifted} if head else None,
            "quarantined": [{"dn": each.dn, "reason": each.reason, "time": each.time} for each in head.quarantined]
            if head
            else [],
            "last_error": {
                "kind": type(self._error).__name__.removesuffix("Error"),
                "message": self._error.message,
                "hint": self._error.hint,
            }
            if self._error
            else None,
        }

    def files_lag_s(self) -> float:
        """Seconds since something beside the directory was written that may not be durable."""
        if self._files is None:
            return 0.0
        return self._files[0] + (self._clock() - self._files_told if self._files[0] else 0.0)

    def _file_standing(self) -> Mapping[str, Any]:
        if self._files is None:
            return {"lag_s": None, "not_captured": []}
        named = [{"path": path_text(path), "reason": reason} for path, reason in sorted(self._files[1].items())]
        return {"lag_s": round(self.files_lag_s(), 3), "not_captured": named[:_LISTED]}

    def _last_restore(self) -> Mapping[str, Any] | None:
        """How the last restore ended, and the first of what it could not bring back."""
        if self._restored is None:
            return None
        return {
            "seq": self._restored.seq,
            "to": self._restored.target,
            "time": self._restored.time,
            "left": self._restored.left_count,
            "differences": [
                {"dn": each.dn, "attribute": each.attribute, "kind": each.kind, "reason": each.reason}
                for each in self._restored.left[:_LISTED]
            ],
        }

    def _declare(self) -> None:
        def gauge(name: str, words: str, value: Callable[[], float]) -> None:
            Gauge(f"adpersist_{name}", words, registry=self.registry).set_function(value)

        def counter(name: str, words: str) -> Counter:
            return Counter(f"adpersist_{name}", words, registry=self.registry)

        gauge("healthy", "1 when /healthz answers 200.", lambda: not self.trouble())
        gauge("lag_seconds", "Seconds since everything the DC had was known to be durable.", self.lag_s)
        gauge("lag_usns", "USNs the DC was ahead of the journal when it was last asked.", self.lag_usn)
        gauge("durable_seq", "Number of the last commit.", lambda: self._head.seq if self._head else 0)
        gauge("durable_usn", "The DC's USN up to which everything is durable.", self._durable_usn)
        gauge("durable_timestamp_seconds", "When the last commit was made.", lambda: self._durable_time or 0)
        gauge(
            "timeline", "Counts the restores in the journal, from 1.", lambda: self._head.timeline if self._head else 0
        )
        gauge("restores", "Restores in the journal.", lambda: len(self._head.timelines) if self._head else 0)
        gauge(
            "scrub_timestamp_seconds",
            "When all of the directory was compared with the journal last.",
            lambda: self._head.scrubbed if self._head else 0,
        )
        gauge("scrub_drifted", "Objects the last scrub of this process found to differ.", lambda: self._drifted or 0)
        gauge(
            "quarantined_objects",
            "Objects that could not be read when they were looked at last.",
            lambda: len(self._head.quarantined) if self._head else 0,
        )
        gauge(
            "restore_differences",
            "What the last restore could not bring back.",
            lambda: self._restored.left_now(self._files_left()) if self._restored else 0,
        )
        gauge(
            "files_lag_seconds",
            "Seconds since something was written in SYSVOL or a local database that may not be durable.",
            self.files_lag_s,
        )
        gauge(
            "files_not_captured",
            "Paths of SYSVOL that cannot be captured.",
            lambda: len(self._files[1]) if self._files else 0,
        )
        gauge(
            "files_left",
            "Files of SYSVOL and entries of local databases that a guard still has to put back.",
            self._files_left,
        )
        self._commits = counter("commits", "Commits this process made durable.")
        self._changes = counter("changes", "Changes this process made durable.")
        self._bytes = counter("bytes", "Bytes of commits this process sent to the store.")
        self._retries = counter("store_retries", "Calls of the store that were tried again.")
        self._reconnects = counter("reconnects", "Times the DC and the store were connected anew.")
        self._verdict = Gauge("adpersist_lineage", "1 for the last verdict.", ["verdict"], registry=self.registry)
        self._errors = Gauge(
            "adpersist_last_error_timestamp_seconds", "When an error of a kind was last met.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        Gauge("adpersist_build_info", "Always 1.", ["version"], registry=self.registry).labels(__version__).set(1)

    def _files_left(self) -> int:
        return self._head.files_left if self._head else 0

    def _durable_usn(self) -> int:
        return self._head.position.usn if self._head and self._head.position else 0
