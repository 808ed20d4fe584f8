"""How FORMAT.md has a journal opened, without a line of the program's: what several versions' files have in common."""

import base64
import hmac
import struct
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def subkey(secret: bytes, label: bytes) -> bytes:
    """One block of HKDF-Expand, as [RFC5869] 2.3 has it."""
    return hmac.digest(secret, b"adpersist v1 " + label + b"\x01", "sha256")


def only_data_key(golden: Any) -> bytes:  # noqa: ANN401 - a JSON document
    """The data key of a golden file whose head holds one."""
    head = base64.b64decode(golden["head"])
    name, _, name_bytes, wrapped_bytes = struct.unpack_from(">8sQBH", head, 88)
    wrapper, wrapped = head[107 : 107 + name_bytes], head[107 + name_bytes :][:wrapped_bytes]
    wrapping = AESGCM(subkey(base64.urlsafe_b64decode(golden["key"].split(":")[1] + "="), b"wrap data key"))
    return wrapping.decrypt(wrapped[:12], wrapped[12:], b"adpersist v1 data key" + head[8:24] + name + wrapper)
