"""A journal's data keys: made at random, wrapped by a key-encryption key, kept for as long as frames need them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.errors import WrongKeyError
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.keys.derive import KEY_BYTES, key_id, seed_digest, subkey
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.model.identity.ids import BEFORE_FIRST, Seq

NONCE_BYTES: Final = 12
"""Of AES-GCM, [SP800-38D] 8.2."""
MAX_FRAMES_A_KEY: Final = 2**30
"""A data key is replaced after this many commits: random 96-bit nonces stay far below the 2**32 uses that NIST
SP 800-38D 8.3 allows a key, whatever was tried and refused in between."""


class DataKey:
    """One unwrapped data key: a cipher for each use, so that a frame never passes for a head or a checkpoint."""

    def __init__(self, secret: bytes) -> None:
        self.id = key_id(secret)
        self.frames = AESGCM(subkey(secret, "frame"))
        self.heads = AESGCM(subkey(secret, "head"))
        self.checkpoints = AESGCM(subkey(secret, "checkpoint"))
        self._nonces = subkey(secret, "nonce")

    def nonce(self, context: bytes, content: bytes, randomness: Randomness) -> bytes:
        """A random nonce that differs with what it seals, even when a cloned machine's randomness repeats."""
        return hmac(self._nonces, randomness(32) + context + sha256(content).digest(), "sha256")[:NONCE_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as the head holds it, in the clear.

    Attributes:
        id: Eight bytes, derived from the key.
        since: It seals the commits after this one.
        wrapper: Key id of the key-encryption key.
        wrapped: What that key made of it.
    """

    id: bytes
    since: Seq
    wrapper: str
    wrapped: bytes


class Keyring:
    """All data keys of a journal, oldest first; the last one seals.

    While the key-encryption key is changed each is there twice in a row, wrapped by the old one and by the new: either
    opens the journal, whichever a machine has after its disk went back.
    """

    def __init__(self, wrapped: Sequence[WrappedKey], opened: Iterable[DataKey]) -> None:
        self.wrapped = tuple(wrapped)
        self._opened = {key.id: key for key in opened}
        self.active = self._opened[self.wrapped[-1].id]

    @classmethod
    def create(cls, keys: KeyEncryption, journal: bytes, *, randomness: Randomness = os.urandom) -> "Keyring":
        """A keyring with one new data key."""
        secret = randomness(KEY_BYTES)
        return cls([_wrap(secret, keys, journal, since=BEFORE_FIRST)], [DataKey(secret)])

    @classmethod
    def unlock(
        cls, wrapped: Sequence[WrappedKey], keys: KeyEncryption, journal: bytes, known: "Keyring | None" = None
    ) -> "Keyring":
        """Unwrap the keys that ``known`` does not hold already.

        Raises:
            WrongKeyError: One was wrapped by other key-encryption keys alone.
            DamagedError: They were tampered with.
        """
        if not wrapped:
            raise DamagedError("it holds no data key", seq=None, damage=Damage.FORGED)
        have = dict(known._opened) if known else {}
        closed = [each for each in _chosen(wrapped, keys) if each.id not in have]
        if any(each.wrapper != keys.key_id for each in closed):
            _require(wrapped, keys)
        for each in closed:
            have[each.id] = DataKey(_unwrap(each, keys, journal))
        return cls(wrapped, have.values())

    @property
    def wrappers(self) -> tuple[str, ...]:
        """Ids of the key-encryption keys that open it: one, or two while the key is changed, the new one last."""
        return tuple(dict.fromkeys(each.wrapper for each in self.wrapped))

    def find(self, key: bytes) -> DataKey | None:
        """The data key of that id; None when the journal has none."""
        return self._opened.get(key)

    def seed(self, journal: bytes) -> bytes:
        """The digest an empty journal starts from."""
        return seed_digest(journal, self.wrapped[0].id)

    def rotated(self, keys: KeyEncryption, journal: bytes, *, since: Seq, randomness: Randomness) -> "Keyring":
        """With a new data key that seals from now on."""
        secret = randomness(KEY_BYTES)
        new = _wrap(secret, keys, journal, since=since)
        return Keyring([*self.wrapped, new], [*self._opened.values(), DataKey(secret)])

    def wrapped_for_both(self, old: KeyEncryption, new: KeyEncryption, journal: bytes) -> "Keyring":
        """With every data key wrapped by ``new`` beside ``old``.

        Raises:
            WrongKeyError, DamagedError: ``old`` does not open them.
            KeyMissingError: ``new`` may not be used both ways.
        """
        wrapped: list[WrappedKey] = []
        for each in _chosen(self.wrapped, old):
            wrapped += [each, _wrap(_unwrap(each, old, journal), new, journal, since=each.since)]
        return Keyring(wrapped, self._opened.values())

    def wrapped_alone(self, keys: KeyEncryption) -> "Keyring":
        """With the wraps of one key-encryption key only.

        Raises:
            WrongKeyError: A data key is not wrapped by it.
        """
        chosen = _chosen(self.wrapped, keys)
        _require(chosen, keys)
        return Keyring(chosen, self._opened.values())


def _chosen(wrapped: Sequence[WrappedKey], keys: KeyEncryption) -> list[WrappedKey]:
    """Every data key once, wrapped by that key-encryption key where it is, else as it is."""
    chosen: dict[bytes, WrappedKey] = {}
    for each in wrapped:
        if each.id not in chosen or each.wrapper == keys.key_id:
            chosen[each.id] = each
    return list(chosen.values())


def _context(journal: bytes, key: bytes, wrapper: str) -> bytes:
    return b"adpersist v1 data key" + journal + key + wrapper.encode()


def _wrap(secret: bytes, keys: KeyEncryption, journal: bytes, *, since: Seq) -> WrappedKey:
    name = key_id(secret)
    wrapped = keys.wrap(secret, context=_context(journal, name, keys.key_id))
    made = WrappedKey(id=name, since=since, wrapper=keys.key_id, wrapped=wrapped)
    _unwrap(made, keys, journal)  # a key that may only wrap would lock everybody out
    return made


def _require(wrapped: Sequence[WrappedKey], keys: KeyEncryption) -> None:
    """Raises:
    WrongKeyError: A data key is wrapped by others alone; they are named.
    """
    if all(each.wrapper == keys.key_id for each in wrapped):
        return
    wanted = list(dict.fromkeys(each.wrapper for each in wrapped if each.wrapper != keys.key_id))
    raise WrongKeyError(
        f"the journal wants the key {' or '.join(wanted)}, the one at hand is {keys.key_id}",
        hint=f"Set `[key] vault` to {wanted[-1]}."
        if wanted[-1].startswith("https:")
        else "Point `[key] file` at the key this journal was made with, or was last rotated to.",
    )


def _unwrap(key: WrappedKey, keys: KeyEncryption, journal: bytes) -> bytes:
    _require([key], keys)
    try:
        secret = keys.unwrap(key.wrapped, context=_context(journal, key.id, key.wrapper))
    except ValueError as error:
        raise DamagedError(f"data key {key.id.hex()}: {error}", seq=None, damage=Damage.FORGED) from error
    if len(secret) != KEY_BYTES or key_id(secret) != key.id:
        raise DamagedError(f"data key {key.id.hex()} is another one", seq=None, damage=Damage.FORGED)
    return secret
