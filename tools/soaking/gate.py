"""What lies between adpersist and its store: it can be cut, and put together again."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

_CHUNK: Final = 65536


class FileGate:
    """A SQLite file that somebody else locks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite://{path}"

    @contextmanager
    def cut(self) -> Iterator[None]:
        """The store is away in this block."""
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                other.execute("ROLLBACK")


class LineGate:
    """A TCP port in front of Azurite."""

    def __init__(self, upstream: str, table: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._open = threading.Event()
        self._open.set()
        self._lines: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        self.url = f"azurite://127.0.0.1:{self._listening.getsockname()[1]}/{table}"

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Every line breaks, and new ones break at once, in this block."""
        self._open.clear()
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self._open.set()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            if not self._open.is_set():
                client.close()
                continue
            server = socket.create_connection(self._upstream)
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        self._lines.add(source)
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                sink.sendall(chunk)
        for line in (source, sink):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._lines.discard(source)
