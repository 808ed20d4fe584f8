"""Who wrote, in a journal of an earlier version, is read by this program and by whoever has its description."""

import base64
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_file import key_from_line
from adpersist.journal.upkeep.check import check_journal
from tests.golden.by_description import only_data_key, subkey
from tests.golden.journal_samples import NOON, store_of, written_then, written_today
from tests.golden.make_audit import DN, UNREADABLE, WHOLE, write

DIGEST = "3caa1e75ee95f73ed562bb1aca36699c9ed33e36d7fa4dca5ada1d2b3d0b91bf"


@pytest.fixture(params=["then", "today"])
def golden(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a JSON document
    """The file as it was written by that version; and what this one writes."""
    return written_then("audit-v1", DIGEST) if request.param == "then" else written_today(write)


def test_who_wrote_is_read(golden: Any, request: pytest.FixtureRequest) -> None:  # noqa: ANN401
    store = store_of(golden, request.node.name)
    key = key_from_line(golden["key"], source="golden")
    assert check_journal(store, key).findings == ()
    assert [commit.audited for commit in Journal.open(store, key).commits()] == [None, WHOLE, UNREADABLE]


def test_the_description_is_enough_to_read_it(golden: Any) -> None:  # noqa: ANN401
    secret = only_data_key(golden)

    def columns(body: bytes) -> Any:  # noqa: ANN401 - a list
        sealed = AESGCM(subkey(secret, b"frame")).decrypt(body[76:88], body[120:-4], body[:120])
        return msgpack.unpackb(zstandard.decompress(sealed))

    frames = [base64.b64decode(text) for text in golden["frames"]]
    assert [frame[4:6] for frame in frames] == [b"\x02\x01", b"\x04\x01", b"\x04\x01"]
    assert [len(columns(frame)) for frame in frames] == [20, 21, 21]
    since, through, trouble, words, times, lines = columns(frames[1])[20]
    assert (since, through, trouble) == ((NOON + 1) * 1_000_000, (NOON + 199.75) * 1_000_000, "")
    assert times == [(NOON + 199.25) * 1_000_000, 250_000]
    told = [[words[place] for place in line] for line in lines]
    person = ["S-1-5-21-1-2-3-1104", "CORP\\ünal", "10.0.0.7", "LDAP, krb5"]
    assert told == [["Modify", DN, *person, "description", "mail"], ["Rename", DN, "", "", "", ""]]
    assert columns(frames[2])[20] == [None, None, "audit.json: Permission denied", [], [], []]
