"""Does this DC answer? The smallest questions LDAP and the KDC reply to, written out in BER by hand.

An open port is not an answer: the kernel accepts connections for a process that has not come round to serve them.
"""

from __future__ import annotations

import secrets
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 2.0
_REPLY_BYTES: Final = 4096

_ROUND: Final = 32
"""Addresses of one process: many more than it has DCs at a time, as one that is handed out is not served at once."""
_round: deque[str] = deque()


def _tlv(tag: int, *parts: bytes) -> bytes:
    """One BER element; its content stays below 128 bytes, so that the length is one byte (X.690 8.1.3.4)."""
    content = b"".join(parts)
    assert len(content) < 0x80
    return bytes([tag, len(content)]) + content


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(4, "big").lstrip(b"\0") or b"\0")


def _root_dse_search() -> bytes:
    """LDAP SearchRequest for the rootDSE's highestCommittedUSN, RFC 4511 4.5.1."""
    search = _tlv(
        0x63,
        _tlv(0x04),  # baseObject
        _tlv(0x0A, b"\0"),  # scope: baseObject
        _tlv(0x0A, b"\0"),  # derefAliases: never
        _integer(0),
        _integer(0),
        _tlv(0x01, b"\0"),  # typesOnly: false
        _tlv(0x87, b"objectClass"),  # present
        _tlv(0x30, _tlv(0x04, b"highestCommittedUSN")),
    )
    return _tlv(0x30, _integer(1), search)


def _ticket_request(realm: str) -> bytes:
    """Kerberos AS-REQ for krbtgt without preauthentication, RFC 4120 5.4.1, framed with its length for TCP, 7.2.2.

    The KDC's answer is an error, but one it has to think up.
    """
    name = realm.encode("ascii")[:24]

    def principal(kind: int, *parts: bytes) -> bytes:
        return _tlv(0x30, _tlv(0xA0, _integer(kind)), _tlv(0xA1, _tlv(0x30, *(_tlv(0x1B, part) for part in parts))))

    body = _tlv(
        0x30,
        _tlv(0xA0, _tlv(0x03, bytes(5))),  # kdc-options
        _tlv(0xA2, _tlv(0x1B, name)),
        _tlv(0xA3, principal(2, b"krbtgt")),
        _tlv(0xA5, _tlv(0x18, b"20370101000000Z")),  # till
        _tlv(0xA7, _integer(7)),  # nonce
        _tlv(0xA8, _tlv(0x30, _integer(18))),  # etype: aes256-cts
    )
    request = _tlv(0x6A, _tlv(0x30, _tlv(0xA1, _integer(5)), _tlv(0xA2, _integer(10)), _tlv(0xA4, body)))
    return len(request).to_bytes(4, "big") + request


def ldap_answers(address: str) -> bool:
    """Whether LDAP on TCP port 389 returns a search entry."""
    return _ask(lambda: socket.create_connection((address, 389), _PATIENCE_S), _root_dse_search(), b"\x64")


def ldapi_answers(path: Path) -> bool:
    """The same over a Unix socket."""

    def connect() -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(_PATIENCE_S)
        line.connect(str(path))
        return line

    return _ask(connect, _root_dse_search(), b"\x64")


def kdc_answers(address: str, realm: str) -> bool:
    """Whether the KDC on TCP port 88 returns a Kerberos message; an error message is an answer."""
    return _ask(lambda: socket.create_connection((address, 88), _PATIENCE_S), _ticket_request(realm), b"\x7e")


def port_open(address: str, port: int) -> bool:
    """Whether anything accepts TCP connections there."""
    try:
        with socket.create_connection((address, port), _PATIENCE_S):
            return True
    except OSError:
        return False


def free_address() -> str:
    """A loopback address that nothing serves LDAP on.

    They are drawn at random, so that test runs beside this one draw others; a process then goes round in its own, so
    that its DCs' certificates are there from the second round on.
    """
    while True:
        if len(_round) < _ROUND:
            address = f"127.{64 + secrets.randbelow(128)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        else:
            address = _round.popleft()
        if not port_open(address, 389):
            _round.append(address)
            return address


def free_port() -> int:
    """A port nobody listens on at 127.0.0.1, drawn at random, and from below those that outgoing connections take.

    The kernel would give out a port that it chose itself to the next who asks for any, before its first use.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _ask(connect: Callable[[], socket.socket], question: bytes, expected_tag: bytes) -> bool:
    try:
        with connect() as line:
            line.sendall(question)
            return expected_tag in line.recv(_REPLY_BYTES)[:16]
    except OSError:
        return False
