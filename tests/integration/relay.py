"""A Unix socket in front of a DC's, whose clients do not notice that the DC behind it was put back and started again.

So a machine looks from inside that was suspended and resumed from a snapshot: no connection ever broke.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_CHUNK: Final = 65536
_PATIENCE_S: Final = 60.0


@contextmanager
def relayed(target: Path, place: Path) -> Iterator[Path]:
    """A socket that leads to ``target`` for as long as the block lasts."""
    path = place / "relay"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=_serve, args=(listening, target), daemon=True).start()
        try:
            yield path
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, target: Path) -> None:
    with suppress(OSError):  # the end of the block
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_relay, args=(client, target), daemon=True).start()


def _relay(client: socket.socket, target: Path) -> None:
    server: socket.socket | None = None
    with client, suppress(OSError):
        while True:
            readable, _, _ = select.select([client, *([server] if server else [])], [], [])
            if server in readable:
                assert server is not None
                answer = _received(server)
                if answer:
                    client.sendall(answer)
                else:
                    server.close()
                    server = None
            if client in readable:
                question = client.recv(_CHUNK)
                if not question:
                    return
                server = server or _reached(target)
                server.sendall(question)


def _received(server: socket.socket) -> bytes:
    try:
        return server.recv(_CHUNK)
    except ConnectionError:
        return b""


def _reached(target: Path) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(target))
        except OSError:
            server.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return server
