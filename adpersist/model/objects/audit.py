"""Who wrote, as Samba's audit log says; what of it is sealed with the changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from adpersist.model.objects.change import Change

_PASSWORDS: Final = frozenset({"unicodepwd", "userpassword", "cleartextpassword"})
"""Over LDAP by the first two ([MS-ADTS] 3.1.1.3.1.5), over SAMR and kpasswd by the last; stored under the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One write that was carried out.

    Attributes:
        time: Unix seconds, when it ended.
        dn: The object's, as it was asked for; before it was renamed.
        operation: Add, Modify, Delete or Rename.
        attributes: In lower case.
        sid: Who; empty where the DC itself, or root on its machine, wrote.
        account: DOMAIN\\name that signed in; empty where the log does not say.
        address: Where from, without a port; empty: this machine, or a service that tells the log of none (kpasswd).
        service: What was spoken and how it was signed in to (``LDAP, krb5``); empty where the log does not say.
    """

    time: float
    dn: str
    operation: str
    attributes: frozenset[str]
    sid: str
    account: str = ""
    address: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit log said when a look was made durable.

    Attributes:
        since: Unix seconds from which on no part of the log is missing; None: it had no line.
        through: Of its newest line; None: it had none.
        trouble: Why it could not be read; empty: it could.
        lines: The writes that may have made what the look found, oldest first.
    """

    since: float | None
    through: float | None
    trouble: str = ""
    lines: tuple[AuditLine, ...] = ()


def attributes_of(changes: Iterable[Change]) -> frozenset[str]:
    """Every attribute and link attribute that changes tell of, as a line may call them."""
    return as_asked_for(
        name
        for change in changes
        for names in (change.values, change.added, change.removed, change.stamps, change.link_stamps)
        for name in names
    )


def as_asked_for(names: Iterable[str]) -> frozenset[str]:
    """Attributes as a line may call them, in lower case: a password is set by another name than it is stored under."""
    found = frozenset(name.casefold() for name in names)
    return found | _PASSWORDS if found & _PASSWORDS else found
