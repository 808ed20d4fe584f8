"""Distinguished names as text ([RFC4514]): where a component ends, and what is in it. Pure.

What the directory sends is taken as it is: a comma behind a backslash belongs to a value, whatever else may be wrong
with the name. A plus sign ends no component: Active Directory's have one attribute each ([MS-ADTS] 3.1.1.1.4).
"""

import re
from functools import lru_cache
from typing import Final

_COMPONENT: Final = re.compile(r"(?:[^\\,]|\\.?)*", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.?)", re.DOTALL)
"""Two hexadecimal digits of a byte, else the character itself ([RFC4514] 2.4)."""
_SPECIAL: Final = re.compile(r'["+,;<>\\=]')
_ODD: Final = "surrogateescape"
"""Bytes that are no characters go through unharmed."""


def first(dn: str) -> str:
    """The first component with its escapes: ``CN=Smith\\, Bob``."""
    return _component(dn, 0)


def parent(dn: str) -> str:
    """The name without its first component; empty when it has no other."""
    return dn[len(first(dn)) + 1 :]


def components(dn: str) -> list[str]:
    """Every component with its escapes, in their order; an empty name has none."""
    found: list[str] = []
    at = 0
    while dn and at <= len(dn):
        found.append(_component(dn, at))
        at += len(found[-1]) + 1
    return found


def depth(dn: str) -> int:
    """How many components a name has."""
    return len(components(dn))


def value_of(component: str) -> str:
    """What a component names, without escapes: ``Smith, Bob``."""
    return _plain(component.partition("=")[2])


def escaped(value: str) -> str:
    """A value as it stands in a component ([RFC4514] 2.4)."""
    text = _SPECIAL.sub(lambda found: f"\\{found[0]}", value).replace("\0", "\\00")
    if text[:1] in (" ", "#"):
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text.endswith(" ") and not text.endswith("\\ ") else text


def folded(component: str) -> str:
    """A component for comparing: without escapes, without blanks around it, in one case."""
    text = component.lstrip(" ")
    trimmed = text.rstrip(" ")
    if "\\" not in trimmed:
        return trimmed.casefold()
    escaped = len(trimmed) - len(trimmed.rstrip("\\"))
    # a blank behind a backslash is the value's own
    return _plain(text[: len(trimmed) + escaped % 2]).casefold()


def is_same_name(one: str, other: str) -> bool:
    """Two components name the same, letter for letter, whatever escapes they are written with: a directory keeps those
    that an object was made with, and writes its own when it renames."""
    return one == other or _named(one) == _named(other)


def _named(component: str) -> tuple[str, str]:
    return component.partition("=")[0].casefold(), value_of(component)


def comparable(dn: str) -> tuple[str, ...]:
    """A whole name for comparing, component by component."""
    return tuple(map(folded, components(dn)))


def unique_form(value: str) -> str:
    """A value as the directory compares it where there may be one of it: letter for letter in one case, so that ß is no
    ss ([MS-UCODEREF] 3.1.5.3), and blanks around it, and all but one between words, do not count ([RFC4518] 2.6.1).
    """
    upper = (value.upper() if value.isascii() else "".join(map(_upper, value))).strip(" ")
    return upper if "  " not in upper else " ".join(filter(None, upper.split(" ")))


def unique_name(component: str) -> str:
    """The same of a component, of which a container holds one."""
    kind, _, value = component.partition("=")
    return f"{kind.upper()}={unique_form(_plain(value))}"


@lru_cache(maxsize=32)  # a forest has few naming contexts
def dns_name(nc: str) -> str:
    """The DNS name of a domain's naming context: ``corp.example`` of ``DC=corp,DC=example`` ([RFC2247])."""
    return ".".join(value_of(each) for each in components(nc) if folded(each).startswith("dc="))


def _component(dn: str, at: int) -> str:
    found = _COMPONENT.match(dn, at)
    return found[0] if found else ""


def _upper(letter: str) -> str:
    upper = letter.upper()
    return upper if len(upper) == 1 else letter


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text.encode(errors=_ODD)).decode(errors=_ODD)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else found[2]
