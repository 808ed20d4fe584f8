"""Permissions as sentences: who may do what with an object, and what came and went between two descriptors. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from adpersist.reading.text.descriptor import (
    CONTAINER_INHERIT,
    DENIED,
    INHERIT_ONLY,
    INHERITED,
    NO_PROPAGATE,
    Ace,
    entries,
    owner,
)

Document = dict[str, Any]
Name = Callable[[str], str | None]
"""Of a SID or a GUID; None: nobody knows."""

_ALL: Final = 0xF01FF
_GENERIC_ALL: Final = 0x1000_0000
_CONTROL: Final = 0x100
_RIGHTS: Final[Mapping[int, str]] = {
    0x1: "create objects below",
    0x2: "delete objects below",
    0x4: "list what is below",
    0x8: "write what is checked",
    0x10: "read",
    0x20: "write",
    0x40: "delete it with all below",
    0x80: "see that it is there",
    _CONTROL: "use the right",
    0x10000: "delete it",
    0x20000: "read its permissions",
    0x40000: "change its permissions",
    0x80000: "take ownership",
    0x2000_0000: "execute",
    0x4000_0000: "write everything",
    0x8000_0000: "read everything",
}
"""[MS-ADTS] 5.1.3.2."""
_SPECIFIC: Final = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | _CONTROL
"""Rights that an object type limits."""
_WELL_KNOWN: Final[Mapping[str, str]] = {
    "S-1-1-0": "Everyone",
    "S-1-3-0": "Creator Owner",
    "S-1-5-7": "Anonymous",
    "S-1-5-9": "Enterprise Domain Controllers",
    "S-1-5-10": "the object itself",
    "S-1-5-11": "Authenticated Users",
    "S-1-5-18": "SYSTEM",
    "S-1-5-32-544": "Administrators",
    "S-1-5-32-548": "Account Operators",
    "S-1-5-32-550": "Print Operators",
    "S-1-5-32-554": "Pre-Windows 2000 Compatible Access",
    "S-1-5-32-557": "Incoming Forest Trust Builders",
    "S-1-5-32-560": "Windows Authorization Access Group",
    "S-1-5-32-561": "Terminal Server License Servers",
}
"""[MS-DTYP] 2.4.2.4: those that have no object with a better name in every domain."""


def permissions(old: bytes | None, new: bytes, account: Name, type_name: Name) -> Document:
    """The entries of a descriptor in their order, each as a sentence, and how they differ from an earlier one.

    Args:
        old: The earlier one; None: there was none, and nothing is compared.
        new: The one that is told.
        account: Names a SID.
        type_name: Names the GUID of an attribute, a class, a set of attributes or a right.

    Raises:
        ValueError: One of them is no descriptor.
    """
    now = list(entries(new))
    was = list(entries(old)) if old is not None else now
    gone, came = Counter(was) - Counter(now), Counter(now) - Counter(was)
    told = []
    for each in now:
        sign = "+" if came[each] > 0 else ""
        came[each] -= bool(sign)
        told.append(_document(each, sign, account, type_name))
    return {
        "owner": _holder(owner(new), account),
        "owner_was": _holder(owner(old), account) if old is not None and owner(old) != owner(new) else None,
        "entries": told,
        "gone": [_document(each, "-", account, type_name) for each in gone.elements()],
    }


def _document(ace: Ace, sign: str, account: Name, type_name: Name) -> Document:
    return {
        "sign": sign,
        "sid": ace.trustee,
        "name": account(ace.trustee) or _WELL_KNOWN.get(ace.trustee),
        "allows": ace.kind != DENIED,
        "inherited": bool(ace.flags & INHERITED),
        "mask": ace.mask,
        "text": sentence(ace, account, type_name),
    }


def sentence(ace: Ace, account: Name, type_name: Name) -> str:
    """`Domain Admins may do everything, here and below`."""
    holder = account(ace.trustee) or _WELL_KNOWN.get(ace.trustee) or ace.trustee
    may = "may not" if ace.kind == DENIED else "may"
    came = " (from above)" if ace.flags & INHERITED else ""
    return f"{holder} {may} {_what(ace, type_name)}{_where(ace, type_name)}{came}"


def _what(ace: Ace, type_name: Name) -> str:
    if not ace.object_type and (ace.mask & _GENERIC_ALL or ace.mask & _ALL == _ALL):
        return "do everything"
    limit = type_name(ace.object_type) or ace.object_type if ace.object_type else ""
    told = []
    for bit, words in _RIGHTS.items():
        if not ace.mask & bit:
            continue
        if bit == _CONTROL:
            told.append(f"{words} {limit}" if limit else "use every extended right, reset the password too")
        elif limit and bit & _SPECIFIC:
            told.append(f"{words}: {limit}" if bit & 0x3 else f"{words} {limit}")
        else:
            told.append(f"{words} everything" if bit in (0x10, 0x20) else words)
    return ", ".join(told) or "do nothing"


def _where(ace: Ace, type_name: Name) -> str:
    if not ace.flags & CONTAINER_INHERIT:
        return ""
    kind = type_name(ace.inherited_type) or ace.inherited_type if ace.inherited_type else ""
    reach = "one level below" if ace.flags & NO_PROPAGATE else "below"
    only = f"for every {kind} {reach}" if kind else f"for all {reach}"
    return f", {only}" if ace.flags & INHERIT_ONLY else f", here and {only}"


def _holder(sid: str | None, account: Name) -> Document | None:
    return None if sid is None else {"sid": sid, "name": account(sid) or _WELL_KNOWN.get(sid)}
