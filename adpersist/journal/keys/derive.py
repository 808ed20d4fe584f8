"""Everything derived by hash: sub-keys, key ids, the journal's id and seed. Each use has a label of its own."""

import hashlib
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from adpersist.model.journal.head import Identity

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
JOURNAL_BYTES: Final = 16


def subkey(secret: bytes, label: str) -> bytes:
    """HKDF-Expand with SHA-256 ([RFC5869] 2.3), 32 bytes; ``secret`` is uniformly random already."""
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=b"adpersist v1 " + label.encode()).derive(secret)


def key_id(secret: bytes) -> bytes:
    """Eight bytes that name a key and tell nothing of it."""
    return hashlib.sha256(subkey(secret, "key id")).digest()[:KEY_ID_BYTES]


def journal_id(identity: Identity) -> str:
    """The DC's journal, 32 hex digits: found again by an agent that remembers nothing, telling nobody whose it is."""
    seen = hashlib.sha256(b"adpersist v1 journal" + bytes(identity.domain) + bytes(identity.server))
    return seen.digest()[:JOURNAL_BYTES].hex()


def seed_digest(journal: bytes, first_key: bytes) -> bytes:
    """What the first frame names as its predecessor: ties the chain to this journal and this creation of it."""
    return hashlib.sha256(b"adpersist v1 seed" + journal + first_key).digest()
