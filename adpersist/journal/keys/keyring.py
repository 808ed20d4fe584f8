"""A journal's data keys: made at random, wrapped by a key-encryption key, kept for as long as frames need them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import digest as hmac
from itertools import pairwise
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
        self.index = subkey(secret, "index")
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
        wrapped: What that key made of it; empty: it is retired, and its id alone is kept.
    """

    id: bytes
    since: Seq
    wrapper: str
    wrapped: bytes

    @property
    def is_retired(self) -> bool:
        """Nothing that it sealed is left."""
        return not self.wrapped


class Keyring:
    """The data keys of a journal, oldest first; the last one seals, and opens the head. Others are unwrapped when a
    frame or a checkpoint asks for them: opening a journal costs one question to a vault.

    Of the first one ever the id stays when it is retired: the journal's seed comes from it.

    While the key-encryption key is changed each is there twice in a row, wrapped by the old one and by the new: either
    opens the journal, whichever a machine has after its disk went back.
    """

    def __init__(
        self, wrapped: Sequence[WrappedKey], opened: Iterable[DataKey], *, keys: KeyEncryption, journal: bytes
    ) -> None:
        self.wrapped = tuple(wrapped)
        self._opened = {key.id: key for key in opened}
        self._keys = keys
        self._journal = journal
        self.active = self._opened[self.wrapped[-1].id]

    @classmethod
    def create(cls, keys: KeyEncryption, journal: bytes, *, randomness: Randomness = os.urandom) -> "Keyring":
        """A keyring with one new data key."""
        secret = randomness(KEY_BYTES)
        first = _wrap(secret, keys, journal, since=BEFORE_FIRST)
        return cls([first], [DataKey(secret)], keys=keys, journal=journal)

    @classmethod
    def unlock(
        cls, wrapped: Sequence[WrappedKey], keys: KeyEncryption, journal: bytes, known: "Keyring | None" = None
    ) -> "Keyring":
        """Unwrap the key that seals, unless ``known`` holds it already.

        Raises:
            WrongKeyError: One was wrapped by other key-encryption keys alone.
            DamagedError: They were tampered with.
        """
        if not wrapped or wrapped[-1].is_retired:
            raise DamagedError("it holds no data key", seq=None, damage=Damage.FORGED)
        chosen = _chosen(wrapped, keys)
        if known is not None:
            known.find(chosen[-1].id)  # what lies elsewhere may have been left while the key was changed here
        have = dict(known._opened) if known else {}
        # who has it open already goes on with an old key until it wants one of those it never used
        needed = chosen if known is None else [each for each in chosen[-1:] if each.id not in have]
        if any(each.wrapper != keys.key_id for each in needed):
            _require([each for each in wrapped if not each.is_retired], keys)
        if chosen[-1].id not in have:
            have[chosen[-1].id] = DataKey(_unwrap(chosen[-1], keys, journal))
        return cls(wrapped, have.values(), keys=keys, journal=journal)

    @property
    def wrappers(self) -> tuple[str, ...]:
        """Ids of the key-encryption keys that open it: one, or two while the key is changed, the new one last."""
        return tuple(dict.fromkeys(each.wrapper for each in self.wrapped if not each.is_retired))

    def find(self, key: bytes) -> DataKey | None:
        """The data key of that id; None when the journal has none.

        Raises:
            WrongKeyError, DamagedError: It cannot be unwrapped.
            KeyMissingError, StoreUnreachableError: The vault did not do it.
        """
        if key not in self._opened:
            for each in _chosen(self.wrapped, self._keys):
                if each.id == key:
                    self._opened[key] = DataKey(_unwrap(each, self._keys, self._journal))
        return self._opened.get(key)

    def seed(self, journal: bytes) -> bytes:
        """The digest an empty journal starts from."""
        return seed_digest(journal, self.wrapped[0].id)

    def rotated(self, keys: KeyEncryption, journal: bytes, *, since: Seq, randomness: Randomness) -> "Keyring":
        """With a new data key that seals from now on."""
        secret = randomness(KEY_BYTES)
        new = _wrap(secret, keys, journal, since=since)
        opened = [*self._opened.values(), DataKey(secret)]
        return Keyring([*self.wrapped, new], opened, keys=keys, journal=journal)

    def retired(self, pruned: Seq) -> "Keyring":
        """Without the keys that sealed nothing but commits before ``pruned``.

        The checkpoint at that commit, and all later ones, were written when a later key sealed.
        """
        since = {each.id: each.since for each in self.wrapped}
        gone = {one for one, after in pairwise(since) if since[after] < pruned}
        kept = [each for each in self.wrapped if each.id not in gone]
        first = self.wrapped[0]
        if first.id in gone:
            kept.insert(0, replace(first, wrapper="", wrapped=b""))
        opened = [key for key in self._opened.values() if key.id not in gone]
        return Keyring(kept, opened, keys=self._keys, journal=self._journal)

    def wrapped_for_both(self, old: KeyEncryption, new: KeyEncryption, journal: bytes) -> "Keyring":
        """With every data key wrapped by ``new`` beside ``old``.

        Raises:
            WrongKeyError, DamagedError: ``old`` does not open them.
            KeyMissingError: ``new`` may not be used both ways.
        """
        wrapped = [each for each in self.wrapped if each.is_retired]
        for each in _chosen(self.wrapped, old):
            wrapped += [each, _wrap(_unwrap(each, old, journal), new, journal, since=each.since)]
        return Keyring(wrapped, self._opened.values(), keys=new, journal=journal)

    def wrapped_alone(self, keys: KeyEncryption) -> "Keyring":
        """With the wraps of one key-encryption key only.

        Raises:
            WrongKeyError: A data key is not wrapped by it.
        """
        chosen = _chosen(self.wrapped, keys)
        _require(chosen, keys)
        retired = [each for each in self.wrapped if each.is_retired]
        return Keyring([*retired, *chosen], self._opened.values(), keys=keys, journal=self._journal)


def _chosen(wrapped: Sequence[WrappedKey], keys: KeyEncryption) -> list[WrappedKey]:
    """Every data key in use once, wrapped by that key-encryption key where it is, else as it is."""
    chosen: dict[bytes, WrappedKey] = {}
    for each in wrapped:
        if each.is_retired:
            continue
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
