"""Who looked, in a journal of an earlier version, is read by this program and by whoever has its description."""

import base64
import json
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_file import key_from_line
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.use import deeds
from tests.golden.by_description import only_data_key, subkey
from tests.golden.journal_samples import NOON, OTHER, store_of, written_then, written_today
from tests.golden.make_use import DEEDS, write

DIGEST = "d8ac56e9ccd201c25ccd133fee5e7991ee07e702e213d115bf34c379f867a1bc"


@pytest.fixture(params=["then", "today"])
def golden(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a JSON document
    """The file as it was written by that version; and what this one writes."""
    return written_then("use-v1", DIGEST) if request.param == "then" else written_today(write)


def test_who_looked_is_read(golden: Any, request: pytest.FixtureRequest) -> None:  # noqa: ANN401
    store = store_of(golden, request.node.name)
    key = key_from_line(golden["key"], source="golden")
    assert check_journal(store, key).findings == ()
    first, used, last = Journal.open(store, key).commits()
    assert [each.kind for each in (first, used, last)] == [CommitKind.LOOK, CommitKind.USE, CommitKind.LOOK]
    assert (deeds(used.account), used.writer, used.changes, used.time) == (DEEDS, OTHER, (), first.time)


def test_the_description_is_enough_to_read_it(golden: Any) -> None:  # noqa: ANN401
    frames = [base64.b64decode(text) for text in golden["frames"]]
    assert [frame[4:6] for frame in frames] == [b"\x02\x01", b"\x05\x08", b"\x02\x01"]
    body = frames[1]
    sealed = AESGCM(subkey(only_data_key(golden), b"frame")).decrypt(body[76:88], body[120:-4], body[:120])
    mark, target, (writer, host, pid), conflicts, account = msgpack.unpackb(zstandard.decompress(sealed))
    assert (mark, target, writer, host, pid, conflicts) == (None, None, OTHER.id, OTHER.host, OTHER.pid, [])
    entered, looked = json.loads(account)["deeds"]
    assert (entered["time"], entered["who"], entered["did"]) == (NOON + 150.25, "a code", "signed in")
    assert (looked["count"], looked["what"], looked["last"]) == (3, "/changes", NOON + 190)
