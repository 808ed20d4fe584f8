"""Store URLs, and the credentials that must not stand in them."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

from adpersist.agent import connections
from adpersist.config import Config, JournalSection, StoreSection
from adpersist.errors import ConfigError
from adpersist.stores.azure.access import AZURITE_ACCOUNT, Credentials, azure_address, azurite_address
from adpersist.stores.finding import find_journals
from adpersist.stores.registry import exposed_parts, open_adapter, open_store

JOURNAL = "0123456789abcdef" * 2
KEY = {"ADPERSIST_AZURE_ACCOUNT_KEY": "a2V5"}
SAS = "sv=2019-02-02&sig=c2VjcmV0&se=2030"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
        ("sqlite:////var/lib/x.db", "sqlite:///var/lib/x.db"),
        ("sqlite://x.db", "sqlite://x.db"),
        ("sqlite://sub/x.db", "sqlite://sub/x.db"),
        ("memory://", "memory://"),
        ("memory://name", "memory://name"),
        ("azurite://127.0.0.1:10002/adpersist", "azurite://127.0.0.1:10002/adpersist"),
        ("azurite://[::1]:10002/adpersist", "azurite://[::1]:10002/adpersist"),
        ("azure://contoso/adpersist", "azure://contoso/adpersist"),
        (
            "azure://contoso.table.cosmos.azure.com/adpersist",
            "azure://contoso.table.cosmos.azure.com/adpersist",
        ),
    ],
)
def test_urls_that_name_a_store(url: str, location: str) -> None:
    with closing(open_store(url, journal=JOURNAL, environment=KEY)) as store:
        assert store.location == location
    with closing(open_adapter(url, journal=JOURNAL, environment=KEY)) as store:
        assert store.location == location


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///var/lib/",
        "sqlite:///a\0b",
        "/var/lib/x.db",
        "postgres://host/db",
        "azure://",
        "azure://contoso",
        "azure://contoso/",
        "azure:///table",
        "azure://contoso/1table",
        "azure://contoso/ta",
        "azure://contoso/table/more",
        "azure://CONTOSO!/table",
        "azure://contoso:443/table",
        "azurite://127.0.0.1/table",
        "azurite://127.0.0.1:10002/",
        "azurite://127.0.0.1:port/table",
    ],
)
def test_anything_else_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url, journal=JOURNAL, environment=KEY)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "azure://user:hunter2@contoso/table",
        "azure://hunter2@contoso/table",
        "azure://contoso/table?sv=1&sig=hunter2",
        "azure://contoso/table?sig=hunter2",
        "azure://contoso/table;AccountKey=hunter2",
        "azurite://a:hunter2@127.0.0.1:1/table",
    ],
)
def test_a_credential_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url, journal=JOURNAL, environment=KEY)
    assert "credential" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_path_may_hold_an_at_sign(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite://{tmp_path}/a@b:c.db", journal=JOURNAL)) as store:
        store.create(b"")
    assert (tmp_path / "a@b:c.db").exists()


@pytest.mark.parametrize("journal", ["", "x", JOURNAL[:-1], JOURNAL + "0", JOURNAL.upper(), "../" + JOURNAL[3:]])
def test_a_journal_id_is_32_hexadecimal_digits(journal: str) -> None:
    for url in ("memory://", "sqlite:///x.db", "azurite://127.0.0.1:1/table"):
        with pytest.raises(ConfigError):
            open_store(url, journal=journal)


def test_stores_load_quickly() -> None:
    """The Azure SDK takes half a second: only who uses it waits for it."""
    script = "import sys, adpersist.stores.registry; print(any(name.startswith('azure') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- addresses ---


def test_accounts_become_endpoints() -> None:
    assert azure_address("contoso/table").endpoint == "https://contoso.table.core.windows.net"
    cosmos = azure_address("contoso.table.cosmos.azure.com/table")
    assert (cosmos.endpoint, cosmos.account) == ("https://contoso.table.cosmos.azure.com", "contoso")
    emulated = azurite_address("localhost:7/table")
    assert (emulated.endpoint, emulated.account) == (f"http://localhost:7/{AZURITE_ACCOUNT}", AZURITE_ACCOUNT)


# --- credentials ---


def credential(environment: Mapping[str, str]) -> object:
    return Credentials(azure_address("contoso/table"), environment).current


def test_an_account_key() -> None:
    for environment in (
        KEY,
        {"ADPERSIST_AZURE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=a2V5"},
    ):
        found = credential(environment)
        assert isinstance(found, AzureNamedKeyCredential)
        assert tuple(found.named_key) == ("contoso", "a2V5")


def test_a_signature() -> None:
    for environment in (
        {"ADPERSIST_AZURE_SAS": SAS},
        {"ADPERSIST_AZURE_SAS": "?" + SAS},
        {"ADPERSIST_AZURE_CONNECTION_STRING": f"TableEndpoint=https://contoso/;SharedAccessSignature={SAS}"},
    ):
        found = credential(environment)
        assert isinstance(found, AzureSasCredential)
        assert found.signature == SAS


def test_a_file_instead_of_a_variable(tmp_path: Path) -> None:
    place = tmp_path / "sas"
    place.write_text(f"{SAS}\n", encoding="utf-8-sig")  # as some editors begin a file
    found = credential({"ADPERSIST_AZURE_SAS_FILE": str(place)})
    assert isinstance(found, AzureSasCredential)
    assert found.signature == SAS


def test_a_renewed_file_is_noticed_once(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("b25l")
    credentials = Credentials(azure_address("contoso/table"), {"ADPERSIST_AZURE_ACCOUNT_KEY_FILE": str(place)})
    held = credentials.current
    assert not credentials.renew()
    place.write_text("dHdv")
    assert credentials.renew()
    assert not credentials.renew()
    assert isinstance(held, AzureNamedKeyCredential)
    assert held.named_key.key == "dHdv"
    place.unlink()
    assert not credentials.renew()


@pytest.mark.parametrize(
    "environment",
    [
        {"ADPERSIST_AZURE_SAS": SAS, "ADPERSIST_AZURE_ACCOUNT_KEY": "hunter2"},
        {"ADPERSIST_AZURE_SAS": "hunter2", "ADPERSIST_AZURE_SAS_FILE": "/x"},
        {"ADPERSIST_AZURE_SAS_FILE": "/no/such/file"},
        {"ADPERSIST_AZURE_CONNECTION_STRING": "AccountName=fabrikam;AccountKey=hunter2"},
        {"ADPERSIST_AZURE_CONNECTION_STRING": "hunter2"},
        {"ADPERSIST_AZURE_CONNECTION_STRING": "AccountName=contoso"},
    ],
    ids=["two kinds", "variable and file", "no file", "another account", "rubbish", "no key"],
)
def test_credentials_that_cannot_be_used_are_named_and_not_told(environment: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        credential(environment)
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.hint


def test_azurite_never_gets_a_real_credential() -> None:
    found = Credentials(azurite_address("127.0.0.1:1/table"), KEY).current
    assert isinstance(found, AzureNamedKeyCredential)
    assert found.named_key.name == AZURITE_ACCOUNT
    assert found.named_key.key != KEY["ADPERSIST_AZURE_ACCOUNT_KEY"]


def test_without_a_credential_and_without_azure_identity_a_person_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)  # as if it were not installed
    with pytest.raises(ConfigError) as caught:
        credential({})
    assert "pip install 'adpersist[azure]'" in caught.value.hint


@pytest.mark.parametrize(
    "host", ["10.0.0.5:10002", "azurite.example.org:10002", "[fd00::1]:10002", "127.0.0.1.example.org:1"]
)
def test_a_store_that_is_spoken_to_in_the_clear_is_this_machine_unless_a_person_says_otherwise(host: str) -> None:
    url = f"azurite://{host}/adpersist"
    for opened in (
        lambda: open_store(url, journal=JOURNAL, environment={}),
        lambda: connections.store(Config(store=StoreSection(url=url), journal=JournalSection(id=JOURNAL)), None),
        lambda: find_journals(url, environment={"ADPERSIST_STORE_PLAINTEXT": "no"}),
    ):
        with pytest.raises(ConfigError, match="in the clear") as caught:
            opened()
        assert "plaintext" in caught.value.hint
    open_store(url, journal=JOURNAL, environment={"ADPERSIST_STORE_PLAINTEXT": "true"}).close()
    said = Config(store=StoreSection(url=url, plaintext=True), journal=JournalSection(id=JOURNAL))
    connections.store(said, None).close()


def test_files_of_a_store_that_others_reach_are_named_with_what_mends_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    url = f"sqlite://{tmp_path}/journal.db"
    assert list(exposed_parts(url)) == []
    with closing(open_store(url, journal=JOURNAL)) as store:
        store.create(b"")
    assert list(exposed_parts(url)) == []
    (tmp_path / "journal.db").chmod(0o644)
    tmp_path.chmod(0o777)
    assert [each.mend for each in exposed_parts(url)] == [
        f"chmod 600 {tmp_path}/journal.db",
        f"chmod go-w {tmp_path}",
    ]
    assert list(exposed_parts("memory://x")) == []
