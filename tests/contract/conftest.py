"""Where the contract suite's journals lie: this process's memory, a SQLite file, a real Azurite."""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from adpersist.stores import memory
from adpersist.stores.azure import access
from adpersist.stores.port import Store
from adpersist.stores.registry import open_adapter, open_store, parts
from adpersist.stores.retrying import RetryingStore
from tests.contract.azurite_process import shared_azurite
from tests.faults import FaultyStore

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


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of the test run's own Azurite."""
    ours = tmp_path_factory.getbasetemp()
    with shared_azurite(ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) as address:
        yield address


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
