"""Key-encryption keys: the port, and the one that is 32 bytes at hand."""

import os
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.journal.keys.derive import KEY_BYTES, key_id, subkey

Randomness = Callable[[int], bytes]
"""Gives that many unpredictable bytes; ``os.urandom`` but in tests."""


class KeyEncryption(Protocol):
    """Wraps a journal's data keys. Whoever holds one reads the journal; losing it loses the journal."""

    @property
    def key_id(self) -> str:
        """Names the key without telling anything of it; at most 255 ASCII characters."""
        ...

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """Encrypt and authenticate a data key, bound to ``context``."""
        ...

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The reverse of :meth:`wrap`.

        Raises:
            ValueError: Not wrapped by this key, or for another context.
        """
        ...


class LocalKey:
    """A key-encryption key of 32 bytes, held in memory."""

    def __init__(self, secret: bytes, *, randomness: Randomness = os.urandom) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(secret)}")
        self._cipher = AESGCM(subkey(secret, "wrap data key"))
        self._id = key_id(secret).hex()
        self._randomness = randomness

    @property
    def key_id(self) -> str:
        """Sixteen hex digits."""
        return self._id

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """A 12-byte random nonce, then AES-256-GCM with ``context`` as associated data."""
        nonce = self._randomness(12)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The reverse of :meth:`wrap`."""
        try:
            return self._cipher.decrypt(wrapped[:12], wrapped[12:], context)
        except (InvalidTag, ValueError) as error:
            raise ValueError("not wrapped by this key for this journal") from error
