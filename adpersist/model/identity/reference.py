"""References from one object to another, held by the target's identity instead of its name.

A name changes when its target, or anything above it, is renamed; the GUID never does. A reference is kept as the bytes
the directory itself accepts in place of a DN ([MS-ADTS] 3.1.1.3.1.2.4): ``<GUID=...>``, and for DN-with-binary or
DN-with-string values ([MS-ADTS] 3.1.1.2.2.2.3) ``B:32:...:<GUID=...>``.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NewType

from adpersist.model.identity.ids import Guid, guid_from_text, guid_text

Ref = NewType("Ref", bytes)

REFERENCE_SYNTAXES: Final = frozenset({"2.5.5.1", "2.5.5.7", "2.5.5.14"})
"""attributeSyntax of Object(DS-DN), Object(DN-Binary), Object(DN-String), [MS-ADTS] 3.1.1.2.2.2."""

_BLANK: Final = b"<GUID=00000000-0000-0000-0000-000000000000>"
_PLAIN_BYTES: Final = len(_BLANK)
_PLACES: Final = (12, 10, 8, 6, 17, 15, 22, 20, 25, 27, 30, 32, 34, 36, 38, 40)
"""Where the digits of each byte of a GUID stand in a plain reference ([MS-DTYP] 2.3.4.2, 2.3.4.3)."""
_MANY: Final = 8
"""So many references are worth being turned together: a group has thousands of members."""

_REMEMBERED: Final = 8192
"""A link is asked for its target some ten times in a restore; two megabytes."""

_GUID: Final = re.compile(rb"<GUID=([0-9a-fA-F-]{36})>\Z")
_LABELLED: Final = frozenset({b"B:", b"S:"})
"""How values begin that have something before the DN."""
_PLAIN: Final = re.compile(rb"<GUID=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>")
_ALL_PLAIN: Final = re.compile(rb"(?:" + _PLAIN.pattern.replace(b"(", b"(?:", 1) + rb")*+")


def ref(target: Guid, prefix: bytes = b"") -> Ref:
    """A reference to ``target``; ``prefix`` is the part before the DN (``B:32:...:``), empty for a plain one."""
    return Ref(prefix + b"<GUID=" + guid_text(target).encode() + b">")


def plain(value: bytes) -> bytes:
    """A reference without its prefix; what is no reference by GUID comes back as something that is none either."""
    return value[-_PLAIN_BYTES:]


def redirected(value: bytes, guids: Mapping[Guid, Guid]) -> bytes:
    """The value with another target, where ``guids`` names one for it."""
    found = _GUID.search(value)
    if found is None or (new := guids.get(guid_from_text(found[1].decode()))) is None:
        return value
    return ref(new, value[: found.start()])


def target_of(value: bytes) -> Guid | None:
    """Whom the value refers to; None when it is no reference by GUID (a DN the directory could not resolve)."""
    if not value.endswith(b">"):
        return None  # the rule by far, and a third of the time
    return _target(value)


@lru_cache(_REMEMBERED)
def _target(value: bytes) -> Guid | None:
    found = _GUID.search(value)
    if found is None or (found.start() and value[:2] not in _LABELLED):
        return None  # a text that ends like one is none
    return guid_from_text(found[1].decode())


def refs(targets: bytes) -> list[Ref]:
    """Plain references to objects whose objectGUIDs lie one behind the other.

    Raises:
        ValueError: The last one is cut off.
    """
    count, rest = divmod(len(targets), 16)
    if rest:
        raise ValueError("a row of GUIDs has a broken one")
    if count < _MANY:
        return [ref(Guid(targets[at : at + 16])) for at in range(0, len(targets), 16)]
    digits, text = targets.hex().encode(), bytearray(_BLANK * count)
    for byte, place in enumerate(_PLACES):
        text[place::_PLAIN_BYTES] = digits[2 * byte :: 32]
        text[place + 1 :: _PLAIN_BYTES] = digits[2 * byte + 1 :: 32]
    whole = bytes(text)
    return [Ref(whole[at : at + _PLAIN_BYTES]) for at in range(0, len(whole), _PLAIN_BYTES)]


def targets(references: Iterable[bytes]) -> tuple[bytes, list[bytes]]:
    """The objectGUIDs that plain references name, one behind the other, so that :func:`refs` makes the same bytes
    again; and all other values."""
    plain: list[bytes] = []
    other: list[bytes] = []
    for each in references:
        (plain if len(each) == _PLAIN_BYTES else other).append(each)
    text = b"".join(plain)
    if len(plain) < _MANY or not _ALL_PLAIN.fullmatch(text):
        found = [(each, _PLAIN.fullmatch(each)) for each in plain]
        other += [each for each, match in found if match is None]
        return b"".join(guid_from_text(match[1].decode()) for _, match in found if match is not None), other
    digits = bytearray(32 * len(plain))
    for byte, place in enumerate(_PLACES):
        digits[2 * byte :: 32] = text[place::_PLAIN_BYTES]
        digits[2 * byte + 1 :: 32] = text[place + 1 :: _PLAIN_BYTES]
    return bytes.fromhex(digits.decode()), other
