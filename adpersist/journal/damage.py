"""How a journal can be wrong, and the error that says where."""

from enum import StrEnum
from typing import Final

from adpersist.errors import IntegrityError
from adpersist.model.identity.ids import Seq


class Damage(StrEnum):
    """Classes of damage, as ``check`` reports them."""

    GAP = "gap"
    """Something is missing: a commit, or a part of a checkpoint."""

    CORRUPT = "corrupt"
    """Bytes changed by accident: the frame's own checksum is wrong."""

    FORGED = "forged"
    """Whole in itself and yet not ours, or not in its place: made without the key, moved, repeated or replaced."""

    NEWER = "newer"
    """Sealed with our key, in a format that this adpersist does not know: whole, and to be read by a newer one."""

    STORE_BEHIND = "store-behind"
    """Everything is in order, and older than what is known to have been written: the store was rolled back."""

    STRAY = "stray"
    """Frames lie behind the head, where the next commit is to go: a copy that was cut off, or a failover."""


_GO_ON: Final = "`adpersist check` says what is still restorable, `adpersist check --repair` goes on without the rest"

_HINTS: Final = {
    Damage.GAP: f"{_GO_ON}; a copy of the store may have it.",
    Damage.CORRUPT: f"{_GO_ON}; look at the store's disk.",
    Damage.FORGED: f"Somebody may have written to the store: keep it as evidence. {_GO_ON}.",
    Damage.NEWER: "A newer adpersist writes this journal: install that version here. Nothing is to be repaired.",
    Damage.STORE_BEHIND: "The store was put back to an older state: bring its newest state back, from a copy. If what "
    "it lost is given up: `adpersist agent --once --accept-store-behind`.",
    Damage.STRAY: "`adpersist check --repair` takes up what follows, and removes the rest.",
}


_HEAD_HINT: Final = "Run `adpersist check`: it says how far `adpersist check --repair-head` can bring it back."


class DamagedError(IntegrityError):
    """The journal is not what was written.

    Attributes:
        seq: The first commit that is wrong; None when it is the head.
        damage: In which way.
    """

    def __init__(self, message: str, *, seq: Seq | None, damage: Damage) -> None:
        place = "the head" if seq is None else f"commit {seq}"
        is_rebuilt = seq is None and damage not in (Damage.STORE_BEHIND, Damage.NEWER)
        hint = _HEAD_HINT if is_rebuilt else _HINTS[damage]
        what = "was written by a newer adpersist" if damage is Damage.NEWER else f"is damaged ({damage})"
        super().__init__(f"{place} {what}: {message}", hint=hint)
        self.seq = seq
        self.damage = damage


class NewerFormatError(ValueError):
    """Bytes in a format that no adpersist up to this one writes: a newer one did, if their seal holds."""


def damage_of(error: Exception) -> Damage:
    """What is wrong with bytes that were sealed with our key and cannot be read."""
    return Damage.NEWER if isinstance(error, NewerFormatError) else Damage.FORGED


class DamagedCheckpointError(DamagedError):
    """It is a checkpoint that is not what was written: the commits before it may still tell the same state."""
