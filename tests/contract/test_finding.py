"""Which journals lie in a store: the same answer for a file, a directory, and a table in whatever order it answers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.data.tables import AccountSasPermissions, ResourceTypes, TableClient, generate_account_sas

from adpersist.errors import NoJournalError, StoreReadOnlyError
from adpersist.model.identity.ids import Seq
from adpersist.stores.azure import access
from adpersist.stores.azure.access import AZURITE_ACCOUNT, AZURITE_KEY
from adpersist.stores.azure.tables import AzureTableStore, journals_in
from adpersist.stores.finding import find_journals
from adpersist.stores.port import Frame
from tests.contract.conftest import Place

COUNT = 3


@pytest.fixture
def ids(place: Place) -> list[str]:
    """Journals with commits and checkpoints, ids in order."""
    names = sorted(secrets.token_hex(16) for _ in range(COUNT))
    for name in names:
        store = place.open(name)
        head = store.create(b"head")
        head = store.append([Frame(seq=Seq(1), body=b"x" * 1000)], onto=head, head=b"head", spare=True)
        store.put_checkpoint(Seq(1), [b"part", b"other"])
        store.close()
    return names


def test_every_journal_is_found_once(place: Place, ids: list[str]) -> None:
    assert [found.journal for found in find_journals(place.url)] == ids
    assert all(found.error is None for found in find_journals(place.url))


def test_a_store_that_is_not_there_is_an_error_and_is_not_made(durable: Place) -> None:
    before = durable.things()
    with pytest.raises(NoJournalError):
        find_journals(durable.url)
    assert durable.things() == before


@pytest.fixture
def table(azurite: str) -> Iterator[tuple[str, str]]:
    """A table's URL and its name on Azurite."""
    name = f"t{secrets.token_hex(8)}"
    yield f"azurite://{azurite}/{name}", name


def _client(azurite: str, table: str, credential: AzureNamedKeyCredential | AzureSasCredential) -> TableClient:
    return access.connect(access.azurite_address(f"{azurite}/{table}"), credential)


@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "in any order"])
def test_rows_of_others_in_the_table_are_passed_over(azurite: str, table: tuple[str, str], in_order: bool) -> None:
    url, name = table
    journals = sorted(secrets.token_hex(16) for _ in range(COUNT))
    with _client(azurite, name, AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY)) as client:
        for journal in journals:
            store = AzureTableStore(client, journal=journal, location=url)
            store.create(b"head")
            store.put_checkpoint(Seq(7), [b"part"])
        for partition in ("", "0", "a", "f" * 32 + "0", "zebra", "0" * 31):
            client.create_entity({"PartitionKey": partition, "RowKey": "head"})
            client.create_entity({"PartitionKey": partition, "RowKey": "other"})
        assert journals_in(client, location=url, in_order=in_order) == journals


def test_the_right_to_read_is_enough(azurite: str, table: tuple[str, str]) -> None:
    url, name = table
    journal = secrets.token_hex(16)
    owner = AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY)
    with _client(azurite, name, owner) as client:
        AzureTableStore(client, journal=journal, location=url).create(b"head")
    signature = generate_account_sas(
        owner,
        resource_types=ResourceTypes(container=True, object=True),  # Azurite takes a query for one of the container
        permission=AccountSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    with _client(azurite, name, AzureSasCredential(signature)) as reader:
        assert journals_in(reader, location=url, in_order=True) == [journal]
        store = AzureTableStore(reader, journal=journal, location=url)
        assert store.head().body == b"head"
        assert list(store.frames(after=Seq(0))) == []
        with pytest.raises(StoreReadOnlyError):  # it is as weak as it is meant to be
            AzureTableStore(reader, journal=secrets.token_hex(16), location=url).create(b"head")
