"""Passwords that a machine changes by itself and holds the other copy of: taken back, it could not log in. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from adpersist.restore.plan.limitations import Limitation
from adpersist.state.differences import Gap, is_trust_account
from adpersist.state.state import State

_SECRETS: Final = frozenset({*SECRET_ATTRIBUTES, "pwdLastSet"})
_CLASSES: Final = frozenset({b"computer", b"trustedDomain"})
_ASKED_FOR: Final = b"msDS-GroupManagedServiceAccount"
"""Hosts ask the DC for its password whenever they need it."""


def without_machine_secrets(gaps: Iterable[Gap], want: State) -> tuple[list[Gap], list[Limitation]]:
    """The gaps without the secrets of machines and trusts that live here and there, and whose those are.

    Who has none here was a tombstone a moment ago, or was made: there is nothing to keep, and the other end knows the
    last one there was.
    """
    closing: list[Gap] = []
    notes: list[Limitation] = []
    for gap in gaps:
        kept = _SECRETS & gap.values.keys()
        has_any = gap.is_live and gap.have is not None and not gap.have.values.keys().isdisjoint(SECRET_ATTRIBUTES)
        if not (kept and has_any and gap.want is not None and gap.wanted_live and _has_another_end(gap.want)):
            closing.append(gap)
            continue
        what = "keeps the password it has now, which the machine knows; --keep nothing takes that back, too"
        notes.append(Limitation(guid=gap.guid, dn=want.dn(gap.guid), what=what))
        narrowed = replace(gap, values={name: found for name, found in gap.values.items() if name not in kept})
        if narrowed.is_open:
            closing.append(narrowed)
    return closing, notes


def _has_another_end(item: ObjectState) -> bool:
    classes = item.values.get("objectClass", ())
    return (not _CLASSES.isdisjoint(classes) and _ASKED_FOR not in classes) or is_trust_account(item)
