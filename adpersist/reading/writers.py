"""Which DC, and where Samba's audit log says so which person, wrote a change."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.directory_time import unix_seconds
from adpersist.reading.audit_log import AuditLog, Line, who

_OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    "created": frozenset({"Add"}),
    "moved": frozenset({"Rename"}),
    "deleted": frozenset({"Delete"}),
}
"""What the log calls a kind of change that is no change of attributes."""

Written = tuple[str, Stamp]
"""An attribute or link that changed, and the stamp it got."""

Names = Callable[[Collection[str]], Mapping[str, str]]
"""Account names by SID, of these."""


class Writers:
    """Those of one journal.

    Args:
        names: Names of DCs by the invocationID of their database.
        own: invocationIDs of the journal's own DC.
        audit_log: Samba's, of that DC; None: it is not kept, or not known here.
    """

    def __init__(self, names: Mapping[Guid, str], own: Collection[Guid], audit_log: AuditLog | None) -> None:
        self.names = names
        self._own = own
        self._log = audit_log

    def dcs(self, stamps: Collection[Stamp]) -> list[str]:
        """Names of the DCs that wrote; the invocationID where nobody knows one."""
        return sorted({self.names.get(stamp.origin) or guid_text(stamp.origin) for stamp in stamps})

    def person(self, kind: str, dns: Collection[str], written: Sequence[Written], accounts: Names) -> dict[str, Any]:
        """`who` wrote a change, and where that is null `why`.

        Args:
            kind: Of the change.
            dns: Names the object had, before and after.
            written: What changed, with its stamps.
            accounts: As of then.
        """
        stamps = [stamp for _, stamp in written]
        where = f"written on {' and '.join(self.dcs(stamps))}; " if stamps else ""
        if self._log is None:
            why = f"{where}[capture] audit_log names no audit log of Samba, which knows the person"
            return {"who": None, "why": why}
        if not stamps:
            return {"who": None, "why": "no stamp of it is known by which a line of the audit log could be told"}
        if any(stamp.origin not in self._own for stamp in stamps):
            return {"who": None, "why": f"{where}by another database, whose audit log is not at hand"}
        found: list[Line] = []
        for second in sorted({unix_seconds(stamp.time) for stamp in stamps}):
            names = {name for name, stamp in written if unix_seconds(stamp.time) == second}
            lines = self._log.writes(dns, names, _OPERATIONS.get(kind, frozenset()), second=second)
            if not lines:
                return {"who": None, "why": self._log.why_nobody(second)}
            found += lines
        return {"who": who(found, accounts({line.sid for line in found}))}
