"""Files in a journal of an earlier version are read, by this program and by whoever has the format's description."""

import base64
import hashlib
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_file import key_from_line
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Seq
from adpersist.stores.memory import MemoryStore
from tests.golden.by_description import only_data_key, subkey
from tests.golden.journal_samples import store_of, written_then, written_today
from tests.golden.make_files import CONTENT, MTIME_NS, states, write

DIGEST = "8681a7bae740520a8e70a69e3cbca94154eee57616502e4cfa340a5c67219872"


@pytest.fixture(params=["then", "today"])
def golden(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a JSON document
    """The file as it was written by that version; and what this one writes."""
    return written_then("files-v1", DIGEST) if request.param == "then" else written_today(write)


@pytest.fixture
def store(golden: Any, request: pytest.FixtureRequest) -> MemoryStore:  # noqa: ANN401
    """The golden journal in a store."""
    return store_of(golden, request.node.name)


def test_its_files_are_read(golden: Any, store: MemoryStore) -> None:  # noqa: ANN401
    key = key_from_line(golden["key"], source="golden")
    assert check_journal(store, key).findings == ()
    journal = Journal.open(store, key)
    expected = {each.key: each for each in states()}
    assert journal.files(Seq(2)) == journal.files(Seq(3)) == expected
    assert set(expected) - set(journal.files(Seq(4))) == {states()[2].key}
    ini = states()[1]
    for point in (2, 4):  # from the commits, and from the checkpoint
        assert list(journal.content(Seq(point), ini.pieces)) == [(ini.pieces[0], CONTENT)]


def test_the_description_is_enough_to_read_them(golden: Any) -> None:  # noqa: ANN401
    secret = only_data_key(golden)

    def content(body: bytes, label: bytes, nonce: int, begin: int) -> Any:  # noqa: ANN401 - a list
        sealed = AESGCM(subkey(secret, label)).decrypt(body[nonce : nonce + 12], body[begin:-4], body[:begin])
        return msgpack.unpackb(zstandard.decompress(sealed), unicode_errors="surrogatepass")

    frames = [base64.b64decode(text) for text in golden["frames"]]
    assert [frame[4:7] for frame in frames] == [b"\x02\x01\x03", b"\x03\x06\x03", b"\x02\x01\x03", b"\x03\x06\x03"]
    assert frames[1][48:56] == frames[1][56:64] == (100).to_bytes(8, "big")
    told = content(frames[1], b"frame", 76, 120)
    rows, gone, pieces = told
    assert (gone, pieces, frames[1][64:68]) == ([], [CONTENT], (4).to_bytes(4, "big"))
    attributes = ["security.NTACL", b"\x04\x00", "user.DOSATTRIB", b"0x2\x00"]
    content_id = hashlib.sha256(CONTENT).digest()
    path = "corp.example/Policies/GPT.INI"
    assert rows[1] == [0, path, 1, 3_000_004, 3_000_000, 0o770, MTIME_NS, len(CONTENT), content_id, attributes]
    assert rows[2][1:3] == ["corp.example/scripts/\udcfc", 2]
    assert rows[3][:3] == [1, "S-1-5-32-544", 3]
    assert content(frames[3], b"frame", 76, 120) == [[], [[0, "corp.example/scripts/\udcfc"]], []]
    [found] = golden["checkpoints"].values()
    parts = [base64.b64decode(text) for text in found]
    assert [part[4:6] for part in parts] == [b"\x04\x02"]
    assert content(parts[0], b"checkpoint", 44, 88)[0] == rows
