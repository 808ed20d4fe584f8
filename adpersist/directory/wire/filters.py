"""Search filters, from their text ([RFC4515] 3) to the bytes a request carries ([RFC4511] 4.5.1.7).

Of the grammar, extensible matches are left out: nothing here asks for them.
"""

import re
from typing import Final

from adpersist.directory.wire.ber import SEQUENCE, octets, tlv

_AND: Final = 0xA0
_OR: Final = 0xA1
_NOT: Final = 0xA2
_EQUAL: Final = 0xA3
_SUBSTRINGS: Final = 0xA4
_PRESENT: Final = 0x87
_COMPARED: Final = {"=": _EQUAL, ">=": 0xA5, "<=": 0xA6, "~=": 0xA8}
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82

_ITEM: Final = re.compile(r"(?P<name>[A-Za-z0-9.;-]+)(?P<kind>[><~]?=)(?P<value>[^()]*)")
_ESCAPED: Final = re.compile(rb"\\([0-9a-fA-F]{2})")


def compile_filter(text: str) -> bytes:
    """The BER of a filter.

    Raises:
        ValueError: The text is no filter, or one with an extensible match.
    """
    compiled, at = _filter(text, 0)
    if at != len(text):
        raise ValueError(f"{text[at:]!r} follows the filter")
    return compiled


def _filter(text: str, at: int) -> tuple[bytes, int]:
    if text[at : at + 1] != "(":
        raise ValueError(f"no filter at character {at} of {text!r}")
    at += 1
    mark = text[at : at + 1]
    if mark == "!":
        inner, at = _filter(text, at + 1)
        compiled = tlv(_NOT, inner)
    elif mark in ("&", "|"):
        parts, at = [], at + 1
        while text[at : at + 1] == "(":
            part, at = _filter(text, at)
            parts.append(part)
        compiled = tlv(_AND if mark == "&" else _OR, *parts)
    else:
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError(f"no comparison at character {at} of {text!r}")
        compiled, at = _item(found["name"].encode(), found["kind"], found["value"]), found.end()
    if text[at : at + 1] != ")":
        raise ValueError(f"a filter is not closed at character {at} of {text!r}")
    return compiled, at + 1


def _item(name: bytes, kind: str, value: str) -> bytes:
    if kind == "=" and value == "*":
        return tlv(_PRESENT, name)
    if kind == "=" and "*" in value:
        return tlv(_SUBSTRINGS, octets(name), tlv(SEQUENCE, *_pieces(value.split("*"))))
    return tlv(_COMPARED[kind], octets(name), octets(_unescaped(value)))


def _pieces(pieces: list[str]) -> list[bytes]:
    last = len(pieces) - 1
    return [
        tlv(_INITIAL if number == 0 else _FINAL if number == last else _ANY, _unescaped(piece))
        for number, piece in enumerate(pieces)
        if piece
    ]


def _unescaped(value: str) -> bytes:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), value.encode(errors="surrogateescape"))
