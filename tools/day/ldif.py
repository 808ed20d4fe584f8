"""LDIF (RFC 2849) for any value and any name: everything is base64, so that nothing needs to be asked about it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final

Value = str | bytes
Values = Value | Sequence[Value]

_SPECIAL: Final = ',+"\\<>;='


def rdn_value(name: str) -> str:
    """A name as it stands in a DN (RFC 4514 2.4)."""
    escaped = "".join(f"\\{character}" if character in _SPECIAL else character for character in name)
    return f"\\{escaped}" if escaped.startswith(("#", " ")) else escaped


def add(dn: str, attributes: Mapping[str, Values]) -> str:
    """A record that adds an entry."""
    return _record(dn, "add", [line for name, values in attributes.items() for line in _lines(name, values)])


def replace(dn: str, attributes: Mapping[str, Values]) -> str:
    """A record that replaces attributes; an empty sequence clears one."""
    return _modify(dn, [("replace", name, values) for name, values in attributes.items()])


def change(dn: str, attribute: str, *, gone: Values = (), come: Values = ()) -> str:
    """A record that takes values away from an attribute and adds others."""
    parts = [("delete", gone), ("add", come)]
    return _modify(dn, [(verb, attribute, values) for verb, values in parts if values])


def delete(dn: str) -> str:
    """A record that deletes an entry."""
    return _record(dn, "delete", [])


def move(dn: str, rdn: str, parent_dn: str) -> str:
    """A record that renames an entry and puts it below another one."""
    return _record(dn, "moddn", [_line("newrdn", rdn), "deleteoldrdn: 1", _line("newsuperior", parent_dn)])


def password(words: str) -> bytes:
    """A password as unicodePwd takes it, [MS-ADTS] 3.1.1.3.1.5.1."""
    return f'"{words}"'.encode("utf-16-le")


def _modify(dn: str, parts: Sequence[tuple[str, str, Values]]) -> str:
    lines: list[str] = []
    for verb, name, values in parts:
        lines += [f"{verb}: {name}", *_lines(name, values), "-"]
    return _record(dn, "modify", lines)


def _record(dn: str, changetype: str, lines: Sequence[str]) -> str:
    return "\n".join([_line("dn", dn), f"changetype: {changetype}", *lines]) + "\n\n"


def _lines(name: str, values: Values) -> list[str]:
    return [_line(name, value) for value in ([values] if isinstance(values, str | bytes) else values)]


def _line(name: str, value: Value) -> str:
    return f"{name}:: {b64encode(value.encode() if isinstance(value, str) else value).decode()}"
