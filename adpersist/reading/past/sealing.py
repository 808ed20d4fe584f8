"""Secrets, replaced by digests as soon as they are decoded: it can be told that one changed, and never what it was."""

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from adpersist.model.objects.change import Change, Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.attribute_row import AttributeRow
from adpersist.state.journal_schema import JournalSchema

_SEALED: Final = b"\0sealed\0"
_STRUCTURE: Final = frozenset({"objectClass", "isDeleted", "isRecycled"})
"""Say what an object is, and are no secret in any schema."""


def is_sealed(value: bytes) -> bool:
    """The value stands for a secret."""
    return value.startswith(_SEALED)


class Sealing:
    """Digests under a key that dies with it.

    Args:
        facts: What the schema says.
        once_secret: Attributes that it called secret once.
    """

    def __init__(self, facts: JournalSchema, once_secret: Collection[str] = ()) -> None:
        self._key = os.urandom(32)
        self._once_secret = frozenset(once_secret) - _STRUCTURE
        self.learn(facts)

    def learn(self, facts: JournalSchema) -> None:
        """The schema says something else from now on."""
        self._facts = facts
        self._secret: dict[str, bool] = dict.fromkeys(self._once_secret, True)

    def item(self, item: ObjectState) -> ObjectState:
        """An object without its secrets."""
        values = self.values(item.values)
        return item if values is item.values else replace(item, values=values)

    def change(self, change: Change) -> Change:
        """A change without its secrets."""
        values = self.values(change.values)
        return change if values is change.values else replace(change, values=values)

    def values(self, values: Mapping[str, Values]) -> Mapping[str, Values]:
        """Values without secrets among them; the same where there is none."""
        digests = {
            name: tuple(map(self._digest, values[name])) for name in values if self._is_secret(name) and values[name]
        }
        if not digests:
            return values
        row = values.replacing(digests) if isinstance(values, AttributeRow) else None
        return row if row is not None else {**values, **digests}

    def _is_secret(self, name: str) -> bool:
        known = self._secret.get(name)
        if known is None:
            known = self._secret[name] = name not in _STRUCTURE and self._facts.is_secret(name)
        return known

    def _digest(self, value: bytes) -> bytes:
        if is_sealed(value):
            return value
        return _SEALED + hashlib.blake2b(value, key=self._key, digest_size=16).digest()
