"""A key-encryption key that never leaves Azure Key Vault or a Managed HSM; needs the extra ``adpersist[vault]``.

An RSA key has a public half: whoever holds it and the store can put a journal of his own in place of ours (FORMAT.md,
"Who can do what"). A symmetric key of a Managed HSM (``A256KW``) has none.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Final, Protocol
from urllib.parse import urlsplit

from azure.core import PipelineClient
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse

from adpersist.errors import ConfigError, KeyMissingError

_URL: Final = re.compile(r"(https://[A-Za-z0-9.-]+(?::\d{1,5})?/keys/[A-Za-z0-9-]+)(?:/([0-9a-f]{32}))?/?")
_API_VERSION: Final = "7.4"
_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 15
_RETRIES: Final = 2
_VERSION_CHARACTERS: Final = 32
_BOUND_BYTES: Final = 32
_RIGHTS_HINT: Final = (
    "Grant the agent's identity wrapKey and unwrapKey on it (role Key Vault Crypto Service Encryption User)."
)


class KeyUnreachableError(KeyMissingError):
    """The vault did not answer."""

    retryable = True


class KeyRefusedError(KeyMissingError):
    """The vault does not let us use it: no token yet, or rights on their way."""

    may_pass = True


class WrapResult(Protocol):
    """The key, encrypted, and the URL of the key and version that did it."""

    @property
    def key_id(self) -> str | None: ...

    @property
    def encrypted_key(self) -> bytes: ...


class UnwrapResult(Protocol):
    """The key."""

    @property
    def key(self) -> bytes: ...


class Cryptography(Protocol):
    """One key of a vault, or one version of it."""

    def wrap_key(self, algorithm: str, key: bytes) -> WrapResult:
        """Encrypt a key."""
        ...

    def unwrap_key(self, algorithm: str, encrypted_key: bytes) -> UnwrapResult:
        """Decrypt it."""
        ...


Connect = Callable[[str], Cryptography]
"""A client for a key's URL, with or without a version."""


class VaultKey:
    """Implements :class:`adpersist.journal.keys.key_encryption.KeyEncryption`.

    The newest version of the key wraps; what it wrapped names that version, so the vault may rotate the key by itself.
    """

    def __init__(self, url: str, *, algorithm: str = "RSA-OAEP-256", connect: Connect | None = None) -> None:
        """``url`` is ``https://<vault>.vault.azure.net/keys/<name>``; a version in it is left out.

        Raises:
            ConfigError: Another form, or the extra is not installed.
        """
        found = _URL.fullmatch(url)
        if found is None:
            raise ConfigError(f"not a key's URL: {url!r}", hint="Use https://<vault>.vault.azure.net/keys/<name>.")
        self._url = found[1].lower()
        self._algorithm = algorithm
        self._connect = connect or _connect()

    @property
    def key_id(self) -> str:
        """The key's URL without a version."""
        return self._url

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """The version (32 hex digits), then the vault's answer for the secret and the digest of ``context``."""
        try:
            answer = self._connect(self._url).wrap_key(self._algorithm, secret + sha256(context).digest())
        except AzureError as error:
            raise self._unusable(error) from error
        version = (answer.key_id or "").rstrip("/").rpartition("/")[2]
        if len(version) != _VERSION_CHARACTERS:
            raise KeyMissingError(f"the vault does not say which version of {self._url} it used", hint=_RIGHTS_HINT)
        return version.encode("ascii") + answer.encrypted_key

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The reverse of :meth:`wrap`."""
        version, sealed = wrapped[:_VERSION_CHARACTERS], wrapped[_VERSION_CHARACTERS:]
        if not re.fullmatch(rb"[0-9a-f]{32}", version):
            raise ValueError("not wrapped by a vault")
        try:
            opened = self._connect(f"{self._url}/{version.decode()}").unwrap_key(self._algorithm, sealed).key
        except HttpResponseError as error:
            if error.status_code == 400:
                raise ValueError("not wrapped by this key") from error
            raise self._unusable(error) from error
        except AzureError as error:
            raise self._unusable(error) from error
        if opened[-_BOUND_BYTES:] != sha256(context).digest():
            raise ValueError("wrapped for another journal")
        return opened[:-_BOUND_BYTES]

    def _unusable(self, error: AzureError) -> KeyMissingError:
        if isinstance(error, ClientAuthenticationError) and not error.status_code:
            return KeyRefusedError(
                f"no credential for the key {self._url}: {str(error.message).partition(chr(10))[0][:200]}",
                hint="Use a machine with a managed identity, set AZURE_CLIENT_ID and its like, or run `az login`.",
            )
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status == 400:
            return KeyMissingError(
                f"the key {self._url} does not wrap by {self._algorithm}",
                hint="Set `[key] vault_algorithm`: RSA-OAEP-256 for an RSA key, A256KW for a symmetric one.",
            )
        if status in (401, 403):
            return KeyRefusedError(f"not allowed to use the key {self._url}", hint=_RIGHTS_HINT)
        if status == 404:
            return KeyMissingError(
                f"there is no key {self._url}, or no longer that version of it",
                hint="Enable it, or recover it: without it the journal cannot be read.",
            )
        return KeyUnreachableError(
            f"the key {self._url} cannot be used now: {type(error).__name__}",
            hint="Check the network and the vault's firewall.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a vault answers to either: the version used, and the key, wrapped or not."""

    key_id: str | None
    key: bytes

    @property
    def encrypted_key(self) -> bytes:
        return self.key


class _Rest:
    """One key of one vault, by its REST interface ([Key Vault REST API] 7.4, "Wrap Key" and "Unwrap Key").

    Not by ``azure-keyvault-keys``: its ``CryptographyClient`` wraps locally where it can, and for a symmetric key of a
    Managed HSM, whose bytes it is never given, with a key it makes up and forgets (4.11).
    """

    def __init__(self, client: PipelineClient[HttpRequest, HttpResponse], url: str) -> None:
        self._client = client
        self._url = url

    def wrap_key(self, algorithm: str, key: bytes) -> WrapResult:
        return self._asked("wrapkey", algorithm, key)

    def unwrap_key(self, algorithm: str, encrypted_key: bytes) -> UnwrapResult:
        return self._asked("unwrapkey", algorithm, encrypted_key)

    def _asked(self, deed: str, algorithm: str, value: bytes) -> _Answer:
        body = {"alg": algorithm, "value": urlsafe_b64encode(value).rstrip(b"=").decode()}
        request = HttpRequest("POST", f"{self._url}/{deed}", params={"api-version": _API_VERSION}, json=body)
        response = self._client.send_request(request)
        response.raise_for_status()
        try:
            document = response.json()
            text = str(document["value"])
            return _Answer(key_id=document["kid"], key=urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceResponseError(f"no answer of a vault: {type(error).__name__}") from error


def _connect() -> Connect:
    try:
        identity = import_module("azure.identity")
    except ImportError as error:
        raise ConfigError(
            "what it takes to ask Azure Key Vault is not installed", hint="Run `pip install 'adpersist[vault]'`."
        ) from error
    credential = identity.DefaultAzureCredential()

    def connect(url: str) -> Cryptography:
        host = urlsplit(url).netloc
        # the audience of the token is the service's domain, of which the vault is one host: vault.azure.net
        scope = f"https://{host.partition('.')[2]}/.default"
        policies = [RetryPolicy(retry_total=_RETRIES), BearerTokenCredentialPolicy(credential, scope)]
        transport = RequestsTransport(connection_timeout=_CONNECT_TIMEOUT_S, read_timeout=_READ_TIMEOUT_S)
        return _Rest(PipelineClient(f"https://{host}", policies=policies, transport=transport), url)

    return connect
