"""A key-encryption key that never leaves Azure Key Vault or a Managed HSM; needs the extra ``adpersist[vault]``.

An RSA key has a public half: whoever holds it and the store can put a journal of his own in place of ours (FORMAT.md,
"Who can do what"). A symmetric key of a Managed HSM (``A256KW``) has none.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from typing import Any, Final, Protocol

from azure.core.exceptions import AzureError, HttpResponseError

from adpersist.errors import ConfigError, KeyMissingError

_URL: Final = re.compile(r"(https://[A-Za-z0-9.-]+/keys/[A-Za-z0-9-]+)(?:/([0-9a-f]{32}))?/?")
_VERSION_CHARACTERS: Final = 32
_BOUND_BYTES: Final = 32


class KeyUnreachableError(KeyMissingError):
    """The vault did not answer."""

    retryable = True


class WrapResult(Protocol):
    """What ``azure.keyvault.keys.crypto`` answers to a wrap."""

    key_id: str | None
    encrypted_key: bytes


class UnwrapResult(Protocol):
    """What it answers to an unwrap."""

    key: bytes


class Cryptography(Protocol):
    """The part of ``CryptographyClient`` that is used; bound to one key, or one version of it."""

    def wrap_key(self, algorithm: str, key: bytes) -> WrapResult:
        """Encrypt a key."""
        ...

    def unwrap_key(self, algorithm: str, encrypted_key: bytes) -> UnwrapResult:
        """Decrypt it."""
        ...


Connect = Callable[[str], Cryptography]
"""A client for a key's URL, with or without a version."""


class VaultKey:
    """Implements :class:`adpersist.journal.keys.KeyEncryption`.

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
            raise KeyMissingError(f"the vault does not say which version of {self._url} it used")
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
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status in (401, 403):
            return KeyMissingError(
                f"not allowed to use the key {self._url}",
                hint="Grant the agent's identity wrapKey and unwrapKey on it.",
            )
        if status == 404:
            return KeyMissingError(f"there is no key {self._url}, or no longer that version of it")
        return KeyUnreachableError(f"the key {self._url} cannot be used now: {type(error).__name__}")


class _Client:
    """The SDK's client, which wants its own enumeration for the algorithm."""

    def __init__(self, client: Any, algorithm: Callable[[str], object]) -> None:  # noqa: ANN401  # ships no types
        self._client = client
        self._algorithm = algorithm

    def wrap_key(self, algorithm: str, key: bytes) -> WrapResult:
        answer: WrapResult = self._client.wrap_key(self._algorithm(algorithm), key)
        return answer

    def unwrap_key(self, algorithm: str, encrypted_key: bytes) -> UnwrapResult:
        answer: UnwrapResult = self._client.unwrap_key(self._algorithm(algorithm), encrypted_key)
        return answer


def _connect() -> Connect:
    try:
        crypto = import_module("azure.keyvault.keys.crypto")
        identity = import_module("azure.identity")
    except ImportError as error:
        raise ConfigError("Azure Key Vault is not installed", hint="pip install 'adpersist[vault]'") from error
    credential = identity.DefaultAzureCredential()
    return lambda url: _Client(crypto.CryptographyClient(url, credential), crypto.KeyWrapAlgorithm)
