"""Which DC, and where Samba's audit log says so which person, wrote a change."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from adpersist.audit.log import AuditLog
from adpersist.audit.rows import SOCKET
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.model.journal.commit import Commit
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.reading.rfc3339 import rfc3339

_OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    "created": frozenset({"Add"}),
    "moved": frozenset({"Rename"}),
    "deleted": frozenset({"Delete"}),
}
"""What the log calls a kind of change that is no change of attributes."""
_PAST_THE_DC: Final = (
    "there is no such line in the audit log: it was written on this machine, past the domain controller, or followed "
    "from another write"
)
_RENAMED: Final = "there is no such line in the audit log: Samba logs no renames and moves"
"""Measured with 4.17: `ldb_rename` passes the module that logs."""
_SYSTEM: Final = "S-1-5-18"
_WITH_ADDRESSES: Final = ("LDAP", "DCE/RPC", SOCKET)
"""Services that tell the log of every address there is. kpasswd and DNS, which are only asked over the network, tell of
none."""

Written = tuple[str, Stamp]
"""An attribute or link that changed, and the stamp it got."""

Names = Callable[[Collection[str]], Mapping[str, str]]
"""Account names by SID, of these."""


class SealedLog:
    """What was sealed of the audit log with the changes, gathered while the journal is read.

    Attributes:
        lines: All of them.
    """

    def __init__(self) -> None:
        self.lines = AuditLog()
        self._of: dict[Seq, Audited] = {}
        self._unbroken: dict[float, float] = {}

    def take(self, commit: Commit) -> None:
        """Take the next commit in."""
        audited = commit.audited
        if audited is None:
            return
        self.lines.add(audited.lines)
        self._of[commit.seq] = Audited(since=audited.since, through=audited.through, trouble=audited.trouble)
        if audited.since is not None and audited.through is not None:
            self._unbroken[audited.since] = max(audited.through, self._unbroken.get(audited.since, 0))

    def why_nobody(self, seq: Seq, second: int) -> str | None:
        """Why there is no line of a write; None: nobody asked the log when it was captured.

        Args:
            seq: The commit that tells of it.
            second: Unix seconds of the write.
        """
        audited = self.asked(seq)
        if audited is None:
            return None
        if self.is_whole(second):
            return _PAST_THE_DC
        if audited.trouble:
            return f"the audit log could not be read when this was captured: {audited.trouble}"
        if audited.since is None or audited.through is None:
            return "the audit log was empty when this was captured"
        if second < audited.since:
            return f"the audit log is whole from {rfc3339(audited.since)} on only"
        return (
            f"there is no such line in the audit log, whose last one then was of {rfc3339(audited.through)}: it was "
            "written on this machine, past the domain controller, followed from another write, or nothing was logged "
            "any more"
        )

    def asked(self, seq: Seq) -> Audited | None:
        """What the log said of itself when a commit was made; None: nobody asked it."""
        return self._of.get(seq)

    def is_whole(self, second: int) -> bool:
        """No part of the log around a second is missing. Unix seconds."""
        return any(since <= second <= through for since, through in self._unbroken.items())


class Writers:
    """Those of one journal.

    Args:
        names: Names of DCs by the invocationID of their database.
        own: invocationIDs of the journal's own DC.
        audit_log: Samba's, of that DC, for what was not sealed; None: it is not kept, or not known here.
        sealed: What of it is in the journal.
    """

    def __init__(
        self, names: Mapping[Guid, str], own: Collection[Guid], audit_log: AuditLog | None, sealed: SealedLog
    ) -> None:
        self.names = names
        self._own = own
        self._log = audit_log
        self._sealed = sealed

    def dcs(self, stamps: Collection[Stamp]) -> list[str]:
        """Names of the DCs that wrote; the invocationID where nobody knows one."""
        return sorted({self.names.get(stamp.origin) or guid_text(stamp.origin) for stamp in stamps})

    def person(
        self, kind: str, dns: Collection[str], written: Sequence[Written], accounts: Names, seq: Seq
    ) -> dict[str, Any]:
        """`who` wrote a change, and where that is null `why`.

        Args:
            kind: Of the change.
            dns: Names the object had, before and after.
            written: What changed, with its stamps.
            accounts: As of then.
            seq: The commit that tells of it.
        """
        stamps = [stamp for _, stamp in written]
        where = f"written on {' and '.join(self.dcs(stamps))}; " if stamps else ""
        if self._log is None and self._sealed.why_nobody(seq, 0) is None:
            why = f"{where}[capture] audit_log names no audit log of Samba, which knows the person"
            return {"who": None, "why": why}
        if not stamps:
            return {"who": None, "why": "no stamp of it is known by which a line of the audit log could be told"}
        if any(stamp.origin not in self._own for stamp in stamps):
            return {"who": None, "why": f"{where}by another database, whose audit log is not at hand"}
        found: list[AuditLine] = []
        for second in sorted({unix_seconds(stamp.time) for stamp in stamps}):
            names = {name for name, stamp in written if unix_seconds(stamp.time) == second}
            lines = self._lines(dns, names, _OPERATIONS.get(kind, frozenset()), seq, second)
            if not lines:
                renamed = kind == "moved" and "name" in names
                return {"who": None, "why": _RENAMED if renamed else self._why_nobody(seq, second)}
            found += lines
        return {"who": who(found, accounts({line.sid for line in found}))}

    def _lines(
        self, dns: Collection[str], names: Collection[str], operations: Collection[str], seq: Seq, second: int
    ) -> list[AuditLine]:
        audited = self._sealed.asked(seq)
        through = audited.through if audited is not None else None
        sealed = self._sealed.lines.writes(dns, names, operations, second=second, through=through)
        if sealed or self._log is None:
            return sealed
        return self._log.writes(dns, names, operations, second=second)

    def _why_nobody(self, seq: Seq, second: int) -> str:
        return self._sealed.why_nobody(seq, second) or why_nobody(self._log or AuditLog(), second)


def why_nobody(log: AuditLog, since: float) -> str:
    """Why there is no line of a write on this DC in a log."""
    if log.begins is None:
        return "the audit log is empty"
    if since < log.begins:
        return f"the audit log reaches back to {rfc3339(log.begins)} only"
    return _PAST_THE_DC


def who(lines: Sequence[AuditLine], name_of: Mapping[str, str]) -> dict[str, Any]:
    """The last write's, which made the value what it is; whoever wrote in the same second before is told, too.

    Args:
        lines: At least one.
        name_of: Account names by SID, as of then.
    """
    *earlier, last = (_person(line, name_of) for line in lines)
    others = [each for number, each in enumerate(earlier) if each != last and each not in earlier[:number]]
    return {**last, **({"also": others} if others else {})}


def _person(line: AuditLine, name_of: Mapping[str, str]) -> dict[str, Any]:
    sid = line.sid or _SYSTEM
    return {
        "sid": sid,
        "name": "SYSTEM" if sid == _SYSTEM else name_of.get(sid) or line.account or None,
        "address": line.address or None,
        # all of Samba's services in a process share SYSTEM's session, with whoever comes to the privileged socket
        "service": line.service or None if sid != _SYSTEM else None,
        "how": _how(line, sid),
    }


def _how(line: AuditLine, sid: str) -> str:
    if line.address:
        return "over the network"
    if sid == _SYSTEM or line.service.startswith(_WITH_ADDRESSES):
        return "on this machine"
    return "over the network" if line.service else "from where is not logged"
