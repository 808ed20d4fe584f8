"""A vault's key wraps what a local key wraps, names its version, and is bound to the journal."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from adpersist.errors import ConfigError, KeyMissingError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_vault import Cryptography, KeyRefusedError, KeyUnreachableError, VaultKey
from tests.golden.journal_samples import AGENT, IDENTITY, NOON, changes_of, created, fresh_store, key, look
from tests.integration.vault import running

URL = "https://corp.vault.azure.net/keys/journal"


def refusal(status: int, kind: type[HttpResponseError] = HttpResponseError) -> HttpResponseError:
    error = kind(f"status {status}")
    error.status_code = status
    return error


@dataclass
class Wrapped:
    key_id: str | None
    encrypted_key: bytes


@dataclass
class Unwrapped:
    key: bytes


class Vault:
    """Does what Key Vault does for a symmetric key ([RFC3394]): versions, and a 400 for what it did not wrap."""

    def __init__(self) -> None:
        self.versions = {"0" * 31 + "1": b"1" * 32}
        self.down: Exception | None = None

    def rotate(self) -> None:
        number = len(self.versions) + 1
        self.versions[f"{number:032x}"] = b"%d" % number * 32

    def connect(self, url: str) -> Cryptography:
        if self.down:
            raise self.down
        assert url.startswith(URL)
        return Client(self, url.removeprefix(URL).strip("/") or list(self.versions)[-1])


class Client:
    def __init__(self, vault: Vault, version: str) -> None:
        self._vault = vault
        self._version = version

    def wrap_key(self, algorithm: str, key: bytes) -> Wrapped:
        assert algorithm == "A256KW"
        return Wrapped(f"{URL}/{self._version}", aes_key_wrap(self._vault.versions[self._version], key))

    def unwrap_key(self, algorithm: str, encrypted_key: bytes) -> Unwrapped:
        assert algorithm == "A256KW"
        if self._version not in self._vault.versions:
            raise refusal(404)
        try:
            return Unwrapped(aes_key_unwrap(self._vault.versions[self._version], encrypted_key))
        except (InvalidUnwrap, ValueError):
            raise refusal(400) from None


def test_a_journal_lives_under_a_vaults_key_through_the_vaults_own_rotation() -> None:
    vault, store = Vault(), fresh_store()
    vault_key = VaultKey(URL, algorithm="A256KW", connect=vault.connect)
    journal = Journal.create(store, vault_key, identity=IDENTITY, writer=AGENT, now=NOON)
    look(journal, [created("a")], 10)
    vault.rotate()
    again = Journal.open(store, VaultKey(f"{URL}/{'f' * 32}", algorithm="A256KW", connect=vault.connect))
    again.rotate_data_key(now=NOON)
    again.claim(AGENT, now=NOON)
    look(again, [created("b")], 20)
    assert changes_of(Journal.open(store, vault_key)) == [created("a"), created("b")]
    again.rotate_key(key(), now=NOON)
    assert changes_of(Journal.open(store, key())) == [created("a"), created("b")]


def test_what_a_vault_wrapped_is_bound_to_its_journal() -> None:
    vault_key = VaultKey(URL, algorithm="A256KW", connect=Vault().connect)
    wrapped = vault_key.wrap(b"s" * 32, context=b"journal one")
    assert vault_key.unwrap(wrapped, context=b"journal one") == b"s" * 32
    for mangled in (wrapped[:-1], wrapped[:-8] + bytes(8), b"x" * 32 + wrapped[32:], b"", wrapped[32:]):
        with pytest.raises(ValueError, match="wrapped"):
            vault_key.unwrap(mangled, context=b"journal one")
    with pytest.raises(ValueError, match="another journal"):
        vault_key.unwrap(wrapped, context=b"journal two")


@pytest.mark.parametrize(
    ("down", "expected", "says"),
    [
        (refusal(401), KeyRefusedError, "not allowed"),
        (refusal(403), KeyRefusedError, "not allowed"),
        (refusal(404), KeyMissingError, "no key"),
        (refusal(503), KeyUnreachableError, "cannot be used now"),
        (ServiceRequestError("refused"), KeyUnreachableError, "cannot be used now"),
        (ClientAuthenticationError("no identity\nand more"), KeyRefusedError, "no credential .*: no identity$"),
        (refusal(401, ClientAuthenticationError), KeyRefusedError, "not allowed"),
    ],
)
def test_a_vault_that_does_not_help_is_named(down: Exception, expected: type[KeyMissingError], says: str) -> None:
    """And whether it may in a moment, or in an hour: whoever waits asks again."""
    vault = Vault()
    vault_key = VaultKey(URL, algorithm="A256KW", connect=vault.connect)
    wrapped = vault_key.wrap(b"s" * 32, context=b"c")
    vault.down = down
    for act in (vault_key.unwrap, vault_key.wrap):
        with pytest.raises(expected, match=says) as refused:
            act(wrapped, context=b"c")
        assert refused.type is expected
        assert refused.value.retryable is (expected is KeyUnreachableError)
        assert refused.value.may_pass is (expected is KeyRefusedError)


def test_a_key_that_does_not_wrap_so_is_told_from_one_that_did_not_wrap_this() -> None:
    vault = Vault()
    vault_key = VaultKey(URL, algorithm="A256KW", connect=vault.connect)
    wrapped = vault_key.wrap(b"s" * 32, context=b"c")
    vault.down = refusal(400)
    with pytest.raises(KeyMissingError, match="does not wrap by A256KW") as refused:
        vault_key.wrap(b"s" * 32, context=b"c")
    assert "vault_algorithm" in str(refused.value.hint)
    with pytest.raises(ValueError, match="not wrapped by this key"):
        vault_key.unwrap(wrapped, context=b"c")


@pytest.mark.parametrize("answered", [None, "", URL, f"{URL}/{'0' * 31}"])
def test_a_vault_that_does_not_say_which_version_it_used_wraps_nothing(answered: str | None) -> None:
    """Nobody could ask that version to unwrap it."""

    class Silent(Client):
        def wrap_key(self, algorithm: str, key: bytes) -> Wrapped:
            return replace(super().wrap_key(algorithm, key), key_id=answered)

    vault_key = VaultKey(URL, algorithm="A256KW", connect=lambda _: Silent(Vault(), "0" * 31 + "1"))
    with pytest.raises(KeyMissingError, match="does not say which version"):
        vault_key.wrap(b"s" * 32, context=b"c")


@pytest.mark.parametrize("url", ["", "http://corp.vault.azure.net/keys/x", "https://corp.vault.azure.net/secrets/x"])
def test_only_a_keys_url_names_a_key(url: str) -> None:
    with pytest.raises(ConfigError):
        VaultKey(url, connect=Vault().connect)


def test_a_vault_is_asked_over_https_and_what_it_answers_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as (vault, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        vault.rotate("journal", symmetric=True)
        vault_key = VaultKey(vault.url("journal"), algorithm="A256KW")
        for size in (32, 40, 48, 72):  # of which base64 leaves out no, one or two characters
            wrapped = vault_key.wrap(b"s" * size, context=b"c")
            assert vault_key.unwrap(wrapped, context=b"c") == b"s" * size
        assert vault.asked == ["wrapkey", "unwrapkey"] * 4
        vault.granted = set()
        with pytest.raises(KeyRefusedError, match="not allowed"):
            vault_key.unwrap(wrapped, context=b"c")
        vault.status = 200  # with an error in it
        with pytest.raises(KeyUnreachableError, match="ServiceResponseError"):
            vault_key.unwrap(wrapped, context=b"c")


def test_without_the_extra_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(ConfigError, match="not installed") as refused:
        VaultKey(URL)
    assert "adpersist[vault]" in str(refused.value.hint)
