"""Kerberos that also seals what follows: the security layer of GSSAPI ([RFC4752]), for connections without TLS.

A server that insists on signing, as Samba and Windows do by default, takes Kerberos no other way: within TLS it refuses
it. The ticket proves the server too, so that no certificate is needed. ldap3 logs in by Kerberos and has no layer.
"""

import socket
from typing import Any, Final

from ldap3.protocol.sasl.sasl import send_sasl_negotiation

from adpersist.errors import LoginRefusedError

_CONFIDENTIALITY: Final = 4
"""The layer that signs and encrypts, [RFC4752] 3.3."""
_LARGEST_BYTES: Final = 0xFFFFFF
"""What we take at once: all that three bytes can say."""
_LENGTH_BYTES: Final = 4
_SEALED_BYTES: Final = 64 * 1024
"""Sent at once before sealing; the server says how much it takes, and it is never less than this in practice."""
_CHUNK_BYTES: Final = 256 * 1024


class GssapiSocket:
    """A socket on which everything is sealed, for ldap3 and for reading alike.

    Args:
        peer: The connected socket.
        context: A complete security context of gssapi.
        most_bytes: What the server takes in one piece, sealed.
        failure: What the context raises.
    """

    def __init__(
        self,
        peer: socket.socket,
        context: Any,  # noqa: ANN401 - an optional package
        most_bytes: int,
        failure: type[Exception],
    ) -> None:
        self._peer = peer
        self._context = context
        self._failure = failure
        self._most_bytes = min(context.get_wrap_size_limit(most_bytes), _SEALED_BYTES)
        self._arrived = bytearray()
        self._open = b""

    def sendall(self, data: bytes) -> None:
        """As :meth:`socket.socket.sendall`."""
        for at in range(0, len(data), self._most_bytes):
            sealed = self._context.wrap(data[at : at + self._most_bytes], True).message
            self._peer.sendall(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As :meth:`socket.socket.recv`; flags are refused, since nobody can look ahead of a seal."""
        if flags:
            raise ValueError("a sealed socket takes no flags")
        while not self._open:
            found = self._piece()
            if found is None:
                arrived = self._peer.recv(_CHUNK_BYTES)
                if not arrived:
                    return b""
                self._arrived += arrived
            else:
                self._open = self._unsealed(found)
        data, self._open = self._open[:size], self._open[size:]
        return data

    def _unsealed(self, piece: bytes) -> bytes:
        try:
            message: bytes = self._context.unwrap(piece).message
        except self._failure as error:
            raise ConnectionResetError(f"a seal of Kerberos does not hold: {error}") from error
        return message

    def _piece(self) -> bytes | None:
        """One sealed piece that is all there."""
        end = _LENGTH_BYTES + int.from_bytes(self._arrived[:_LENGTH_BYTES], "big")
        if len(self._arrived) < max(end, _LENGTH_BYTES + 1):
            return None
        found = bytes(self._arrived[_LENGTH_BYTES:end])
        del self._arrived[:end]
        return found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a socket has
        return getattr(self._peer, name)


def log_in(connection: Any, host: str) -> None:  # noqa: ANN401 - ldap3 ships no types
    """Bind as the holder of the process's tickets; from then on the connection's socket is :class:`GssapiSocket`.

    Raises:
        ImportError: The package gssapi is not installed.
        LoginRefusedError: The server offers no sealing.
    """
    import gssapi  # optional
    from gssapi.raw.misc import GSSError

    context = gssapi.SecurityContext(
        name=gssapi.Name(f"ldap@{host}", gssapi.NameType.hostbased_service),
        mech=gssapi.MechType.kerberos,
        flags=gssapi.RequirementFlag.mutual_authentication
        | gssapi.RequirementFlag.integrity
        | gssapi.RequirementFlag.confidentiality
        | gssapi.RequirementFlag.out_of_sequence_detection,
        usage="initiate",
    )
    token = b""
    while not context.complete:
        result = send_sasl_negotiation(connection, None, context.step(token or None) or b"")
        token = result.get("saslCreds") or b""
        if result["description"] not in ("success", "saslBindInProgress"):
            return  # the connection says why
    result = send_sasl_negotiation(connection, None, b"") if not token else result
    offer = context.unwrap(result["saslCreds"]).message
    if not offer[0] & _CONFIDENTIALITY:
        raise LoginRefusedError(f"{host} takes Kerberos, and offers no encryption with it")
    answer = bytes([_CONFIDENTIALITY]) + _LARGEST_BYTES.to_bytes(3, "big")
    send_sasl_negotiation(connection, None, context.wrap(answer, False).message)
    connection.bound = connection.result["result"] == 0
    if connection.bound:
        connection.socket = GssapiSocket(connection.socket, context, int.from_bytes(offer[1:4], "big"), GSSError)
