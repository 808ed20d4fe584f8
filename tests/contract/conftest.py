"""Where the contract suite's journals lie: this process's memory, a SQLite file, a real Azurite."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from adpersist.stores import memory
from adpersist.stores.azure import access
from adpersist.stores.port import Store
from adpersist.stores.registry import open_adapter, open_store, parts
from adpersist.stores.retrying import RetryingStore
from tests.faults import FaultyStore
from tools.samba_dc import free_port

REPOSITORY = Path(__file__).parents[2]
AZURITE = REPOSITORY / ".cache" / "azurite" / "node_modules" / ".bin" / "azurite-table"


ACCOUNT_VARIABLE = "ADPERSIST_VERIFY_ACCOUNT"
"""An account of the user's own in place of Azurite: set by tools/verify-azure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere journals can be opened, as often as one likes.

    Attributes:
        url: The store's.
        opener: How a store is made of it: as users get it, the adapter by itself, or wrapped in what cuts across.
    """

    url: str
    opener: Callable[[str, str], Store]

    def open(self, journal: str) -> Store:
        return self.opener(self.url, journal)

    def things(self) -> list[str]:
        """What lies there, past the store: journals in memory, files and directories, tables."""
        scheme, _, rest = self.url.partition("://")
        if scheme == "memory":
            return [journal for name, journal in memory._JOURNALS if name == rest]
        if scheme == "sqlite":
            return sorted(str(found) for found in Path(rest).parents[1].rglob("*"))
        table = rest.rpartition("/")[2]
        with _service(self.url) as service:
            return [found.name for found in service.list_tables() if found.name == table]


def _service(url: str) -> TableServiceClient:
    """The account of a table."""
    address = access.address(*parts(url))
    return TableServiceClient(address.endpoint, credential=access.Credentials(address, os.environ).current)


def as_users_get_it(url: str, journal: str) -> Store:
    return open_store(url, journal=journal)


def bare(url: str, journal: str) -> Store:
    return open_adapter(url, journal=journal)


def faultless(url: str, journal: str) -> Store:
    """Through every wrapper there is, with no fault planned."""
    return RetryingStore(FaultyStore(open_adapter(url, journal=journal), []))


_started: list[str] = []


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of an Azurite of our own: one a process, however many modules import this."""
    if _started:  # for another module, whose fixture was made first and is torn down last
        yield _started[0]
        return
    with azurite_at(tmp_path_factory.mktemp("azurite"), free_port(), in_memory=True) as address:
        _started.append(address)
        yield address
        _started.clear()


@contextmanager
def azurite_at(place: Path, port: int, *, in_memory: bool = False) -> Iterator[str]:
    """``host:port`` of an Azurite.

    It is ended by SIGINT, the only signal it saves on, and the only way not to leave its temporary files in a
    mess.

    Args:
        place: Where its log lies, and its data.
        port: On loopback.
        in_memory: It forgets everything at its end; else it writes all that it has into the place every five seconds.
    """
    if not AZURITE.exists():
        pytest.fail("Azurite is not installed: run `tools/setup --azurite`", pytrace=False)
    log = place / "azurite.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AZURITE, "--tableHost", "127.0.0.1", "--tablePort", str(port), "--silent", "--disableTelemetry",
             *(["--inMemoryPersistence"] if in_memory else ["--location", str(place)])],
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_it_answers(process, port, log)
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"azurite-table ended with {process.returncode}: {log.read_text()}", pytrace=False)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if line.recv(1):
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"azurite-table did not answer within 60 s: {log.read_text()}", pytrace=False)


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """``memory``, ``sqlite`` or ``azurite``, with ``bare`` or ``wrapped`` behind it or nothing."""
    scheme, _, how = kind.partition(" ")
    opener = {"": as_users_get_it, "bare": bare, "wrapped": faultless}[how]
    match scheme:
        case "memory":
            return Place(url=f"memory://{secrets.token_hex(8)}", opener=opener)
        case "sqlite":
            return Place(url=f"sqlite://{tmp_path / 'store' / 'journal.db'}", opener=opener)
        case _:
            table = f"t{secrets.token_hex(8)}"
            account = os.environ.get(ACCOUNT_VARIABLE)
            if account is None:
                return Place(url=f"azurite://{request.getfixturevalue('azurite')}/{table}", opener=opener)
            place = Place(url=f"{account}/{table}", opener=opener)
            request.addfinalizer(lambda: _drop(place.url))
            return place


def _drop(url: str) -> None:
    """Leave nothing behind in an account of somebody's own."""
    with _service(url) as service:
        service.delete_table(url.rpartition("/")[2])  # one that is not there is no error


@pytest.fixture(params=["memory", "memory wrapped", "sqlite", "sqlite bare", "azurite", "azurite bare"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "azurite"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that other processes see, and that outlives ours."""
    return _place(request.param, request, tmp_path)


@pytest.fixture
def journal() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def store(place: Place, journal: str) -> Iterator[Store]:
    """A store without a journal in it yet."""
    opened = place.open(journal)
    yield opened
    opened.close()
