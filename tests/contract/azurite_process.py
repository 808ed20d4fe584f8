"""A real Azurite, the tables of Azure on this machine: a test's own, or one for all workers of a test run."""

import fcntl
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tools.samba_dc import free_port

AZURITE: Final = Path(__file__).parents[2] / ".cache" / "azurite" / "node_modules" / ".bin" / "azurite-table"


@contextmanager
def azurite_at(place: Path, port: int) -> Iterator[str]:
    """``host:port`` of an Azurite that keeps its data in a directory: every five seconds, and at its end."""
    process = _started(place, port, "--location", str(place))
    try:
        yield f"127.0.0.1:{port}"
    finally:
        _end(process)


@contextmanager
def shared_azurite(place: Path) -> Iterator[str]:
    """``host:port`` of an Azurite that keeps all in memory; the first to come starts it, the last to leave ends it.

    Args:
        place: A directory that all who share it name.
    """
    door, address = place / "azurite.door", place / "azurite.address"
    with (place / "azurite.users").open("w") as users:
        with _alone(door):
            if not address.exists():
                port = free_port()
                process = _started(place, port, "--inMemoryPersistence")
                address.write_text(f"127.0.0.1:{port} {process}")
            fcntl.flock(users, fcntl.LOCK_SH)
        told, process_id = address.read_text().split()
        try:
            yield told
        finally:
            with _alone(door):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # somebody is still here
                else:
                    _end(int(process_id))
                    address.unlink()


@contextmanager
def _alone(door: Path) -> Iterator[None]:
    with door.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _started(place: Path, port: int, *options: str) -> int:
    """Its process, which answers."""
    if not AZURITE.exists():
        pytest.fail("Azurite is not installed: run `tools/setup --azurite`", pytrace=False)
    log = place / "azurite.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AZURITE, "--tableHost", "127.0.0.1", "--tablePort", str(port), "--silent", "--disableTelemetry", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"azurite-table ended with {process.returncode}: {log.read_text()}", pytrace=False)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if line.recv(1):
                    return process.pid
        except OSError:
            time.sleep(0.1)
    process.kill()
    pytest.fail(f"azurite-table did not answer within 60 s: {log.read_text()}", pytrace=False)


def _end(process: int) -> None:
    """By SIGINT, the only signal it saves on, and the only way not to leave its temporary files in a mess."""
    ended = os.pidfd_open(process)
    signal.pidfd_send_signal(ended, signal.SIGINT)
    if not select.select([ended], [], [], 20)[0]:
        os.killpg(process, signal.SIGKILL)
    os.close(ended)
    with suppress(ChildProcessError):  # another worker's
        os.waitpid(process, 0)
