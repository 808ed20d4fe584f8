"""Where the console listens: on loopback, and under names that are exactly its own."""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from adpersist.errors import ConfigError

_HTTP: Final = 80
"""The port that no browser says, [RFC9110] 4.2.1."""
_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A loopback address.

    Attributes:
        host: A literal address, written as browsers do.
        port: 0: whichever is free.
    """

    host: str
    port: int

    @classmethod
    def of(cls, listen: str) -> "Address":
        """Of ``127.0.0.1:9390``, ``localhost:9390`` or ``[::1]:9390``.

        Raises:
            ConfigError: It is no address, or others could reach it.
        """
        host, colon, port = listen.rpartition(":")
        plain = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
        if not (colon and port.isascii() and port.isdigit() and int(port) < 65_536):
            raise ConfigError(f"{listen!r} is no address to listen on", hint="Say --listen 127.0.0.1:9390.")
        try:
            address = ipaddress.ip_address(plain)
        except ValueError as error:
            raise ConfigError(f"{host!r} is no address", hint="Say --listen 127.0.0.1:9390.") from error
        if not address.is_loopback:
            raise ConfigError(
                f"{host} can be reached by others, and the console is for this machine alone",
                hint="Listen on 127.0.0.1, and come through SSH: ssh -L 9390:127.0.0.1:9390 root@dc1",
            )
        return cls(host=address.compressed, port=int(port))

    def bound(self) -> socket.socket:
        """A socket that listens.

        Raises:
            ConfigError: The address is taken, or not there.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self.host, self.port))
            made.listen(64)
        except OSError as error:
            made.close()
            raise ConfigError(
                f"cannot listen on {self.host}:{self.port}: {error.strerror}",
                hint="Is another console running? --listen 127.0.0.1:0 takes any free port.",
            ) from error
        return made

    def is_taken(self) -> bool:
        """Somebody listens there."""
        try:
            with socket.create_connection((self.host, self.port), _PATIENCE_S):
                return True
        except OSError:
            return False

    def netloc(self, port: int) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    def names(self, port: int) -> frozenset[str]:
        """What a Host header may say, exactly: a browser that was led here by another name says that one."""
        own = {self.netloc(port), f"localhost:{port}"}
        return frozenset(own | {name.removesuffix(f":{port}") for name in own} if port == _HTTP else own)
