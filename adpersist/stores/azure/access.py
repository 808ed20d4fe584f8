"""Where a table is, and with which credential it is reached. Credentials come by environment or file, never by URL."""

import importlib
import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential, TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient

from adpersist.errors import ConfigError

AZURITE_ACCOUNT: Final = "devstoreaccount1"
AZURITE_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Published with the emulator; not a secret."""

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 15

_TABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_ACCOUNT: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX: Final = "ADPERSIST_AZURE_"
_KINDS: Final = ("CONNECTION_STRING", "ACCOUNT_KEY", "SAS")

Credential = AzureNamedKeyCredential | AzureSasCredential | TokenCredential


PLAINTEXT_VARIABLE: Final = "ADPERSIST_STORE_PLAINTEXT"
"""Says that a person knows of a store that is spoken to in the clear: also ``[store] plaintext``."""

_YES: Final = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One table of one account.

    Attributes:
        location: The store URL, for people.
        endpoint: The account's, for the SDK.
        account: The account's name.
        table: The table's name.
        emulated: It is Azurite, with the credential everybody knows.
    """

    location: str
    endpoint: str
    account: str
    table: str
    emulated: bool = False


def address(scheme: str, rest: str, environment: Mapping[str, str] = os.environ) -> Address:
    """What stands behind ``azure://`` or ``azurite://``.

    Raises:
        ConfigError: It names no table of an account, or one that is reached in the clear over a network.
    """
    if scheme != "azurite":
        return azure_address(rest)
    found = azurite_address(rest)
    host = re.sub(r":\d+$", "", rest.partition("/")[0]).strip("[]")
    if not _is_loopback(host) and environment.get(PLAINTEXT_VARIABLE, "").strip().lower() not in _YES:
        raise ConfigError(
            f"azurite://{host} would be spoken to in the clear, and is not this machine",
            hint="Use azure://, which is https. Over a network that nobody else is on: [store] plaintext = true, or "
            f"{PLAINTEXT_VARIABLE}=true.",
        )
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name may lead anywhere, and elsewhere tomorrow
        return False


def azure_address(rest: str) -> Address:
    """``<account>/<table>``, or ``<host>/<table>`` for Cosmos DB and the sovereign clouds.

    Raises:
        ConfigError: It is neither.
    """
    host, _, table = rest.partition("/")
    account = host.partition(".")[0]
    if not _ACCOUNT.fullmatch(account) or not re.fullmatch(r"[a-z0-9.-]+", host):
        raise ConfigError(f"not an Azure account: {host!r}", hint="Use azure://<account>/<table>.")
    full = host if "." in host else f"{host}.table.core.windows.net"
    return Address(location=f"azure://{host}/{_table(table)}", endpoint=f"https://{full}", account=account, table=table)


def azurite_address(rest: str) -> Address:
    """``<host>:<port>/<table>``.

    Raises:
        ConfigError: It is not.
    """
    host, _, table = rest.partition("/")
    if not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}", host):
        raise ConfigError(f"not a host and a port: {host!r}", hint="Use azurite://127.0.0.1:10002/<table>.")
    return Address(
        location=f"azurite://{host}/{_table(table)}",
        endpoint=f"http://{host}/{AZURITE_ACCOUNT}",
        account=AZURITE_ACCOUNT,
        table=table,
        emulated=True,
    )


class Credentials:
    """The credential for one address, and where it came from, so that a renewed one is noticed."""

    def __init__(self, address: Address, environment: Mapping[str, str]) -> None:
        self._address = address
        self._environment = environment
        self._kind, self._text = self._read()
        self.current = self._made(self._text)

    def renew(self) -> bool:
        """Read the source again; True when there is another credential now, which the client uses from here on.

        A source that cannot be used at the moment (a file that is being written) holds no new credential.
        """
        try:
            kind, text = self._read()
            if kind != self._kind or text == self._text:
                return False
            made = self._made(text)
        except ConfigError:
            return False
        if isinstance(self.current, AzureSasCredential) and isinstance(made, AzureSasCredential):
            self.current.update(made.signature)
        elif isinstance(self.current, AzureNamedKeyCredential) and isinstance(made, AzureNamedKeyCredential):
            self.current.update(*made.named_key)
        else:
            return False
        self._text = text
        return True

    def _read(self) -> tuple[str, str]:
        if self._address.emulated:
            return "ACCOUNT_KEY", AZURITE_KEY
        found = [(kind, text) for kind in _KINDS if (text := self._setting(_PREFIX + kind))]
        if len(found) > 1:
            names = " and ".join(_PREFIX + kind for kind, _ in found)
            raise ConfigError(f"more than one credential is set: {names}", hint="Set one of them.")
        return found[0] if found else ("", "")

    def _setting(self, name: str) -> str:
        value, place = self._environment.get(name, ""), self._environment.get(f"{name}_FILE", "")
        if value and place:
            raise ConfigError(f"both {name} and {name}_FILE are set", hint="Set one of them.")
        if not place:
            return value
        try:
            return Path(place).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{name}_FILE cannot be read: {place}", hint="Check the path and its permissions."
            ) from error

    def _made(self, text: str) -> Credential:
        try:
            match self._kind:
                case "CONNECTION_STRING":
                    return self._from_connection_string(text)
                case "ACCOUNT_KEY":
                    return AzureNamedKeyCredential(self._address.account, text)
                case "SAS":
                    return _sas(text)
                case _:
                    return _identity()
        except ValueError:
            raise ConfigError(f"{_PREFIX}{self._kind} has not the form of one", hint="Copy it again.") from None

    def _from_connection_string(self, text: str) -> Credential:
        """The credential alone: where the table is, says the URL."""
        pairs = (part.partition("=") for part in text.split(";") if part)
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        account = fields.get("accountname", self._address.account)
        if account != self._address.account:
            raise ConfigError(
                f"the connection string is for account {account}, the store URL for {self._address.account}",
                hint="Correct one of them.",
            )
        if key := fields.get("accountkey"):
            return AzureNamedKeyCredential(account, key)
        if sas := fields.get("sharedaccesssignature"):
            return _sas(sas)
        raise ConfigError("the connection string holds neither key nor signature", hint="Copy it again.")


def connect(
    address: Address,
    credential: Credential,
    *,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> TableClient:
    """A client that tries once, waits briefly, and goes around proxies on its way to this machine."""
    transport = RequestsTransport(
        connection_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        use_env_settings=not _loopback(address.endpoint),
    )
    return TableClient(address.endpoint, address.table, credential=credential, transport=transport, retry_total=0)


def _sas(text: str) -> AzureSasCredential:
    # urllib3 logs every URL when its logger is at DEBUG, and the signature stands in it
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    return AzureSasCredential(text.removeprefix("?"))


def _identity() -> TokenCredential:
    try:
        module = importlib.import_module("azure.identity")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "no credential for Azure: none is set, and azure-identity is not installed",
            hint="Set ADPERSIST_AZURE_SAS_FILE (or _ACCOUNT_KEY_FILE, _CONNECTION_STRING_FILE), or run "
            "`pip install 'adpersist[azure]'` to use the machine's own identity.",
        ) from error
    return cast(TokenCredential, module.DefaultAzureCredential())


def _table(name: str) -> str:
    if not _TABLE.fullmatch(name):
        raise ConfigError(
            f"not a table name: {name!r}", hint="3 to 63 letters and digits, beginning with a letter, e.g. adpersist."
        )
    return name


def _loopback(endpoint: str) -> bool:
    host = re.sub(r"^https?://|:\d+(/.*)?$|/.*$", "", endpoint).strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
