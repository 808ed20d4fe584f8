"""What objects are, as numbers: the same number, the same values. Pure.

They are 64 bits under a key that is nowhere in the index: who has that alone cannot try by them what a value may be.
Each is of one object: that two have the same password is told by none. Numbers of an object's values, links and place
add up to one of all that it is.
"""

from hashlib import blake2b
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values

_BYTES: Final = 8
_LENGTH_BYTES: Final = 4
NONE: Final = 0
"""Of an attribute without a value."""


class Digests:
    """Under a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=_BYTES)

    def of_values(self, guid: Guid, name: str, values: Values) -> int:
        """Of an attribute's values, in whichever order."""
        return self._of(guid, b"V", name, *sorted(values)) if values else NONE

    def of_link(self, guid: Guid, name: str, value: bytes) -> int:
        """Of one link."""
        return self._of(guid, b"L", name, value)

    def of_place(self, guid: Guid, parent: int | None, rdn: str) -> int:
        """Of where an object is; the container by its number."""
        return self._of(guid, b"P", rdn, b"" if parent is None else b"%d" % parent)

    def _of(self, guid: Guid, kind: bytes, name: str, *values: bytes) -> int:
        found = self._keyed.copy()
        text = name.encode(errors="surrogatepass")
        found.update(b"".join((guid, kind, *(part for each in (text, *values) for part in (_length(each), each)))))
        return signed(int.from_bytes(found.digest(), "little"))


def added(numbers: list[int]) -> int:
    """The sum, in 64 bits."""
    return signed(sum(numbers))


def packed(numbers: list[int]) -> bytes:
    """As the index keeps several."""
    return b"".join(each.to_bytes(_BYTES, "little", signed=True) for each in numbers)


def unpacked(content: bytes) -> list[int]:
    """The same numbers."""
    return [int.from_bytes(content[at : at + _BYTES], "little", signed=True) for at in range(0, len(content), _BYTES)]


def signed(number: int) -> int:
    """Any number as 64 bits with a sign, as SQLite has them."""
    return (number + 2**63) % 2**64 - 2**63


def _length(value: bytes) -> bytes:
    return len(value).to_bytes(_LENGTH_BYTES, "little")
