"""What stands in the clear of a head and a frame: it is read without a key, and nothing senseless passes in it.

Whatever is wrong here was sealed by the journal's own key: nothing but the check itself can find it.
"""

import zlib
from dataclasses import replace
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.errors import UnfinishedCopyError
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.frame import Opened, open_frame
from adpersist.journal.format.frame_header import read_header, write_header
from adpersist.journal.format.head import ClearHead, OpenHead, open_head, read_clear, seq_of
from adpersist.journal.format.unfinished import begun_copy, unfinished_head
from adpersist.journal.keys.keyring import DataKey
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.stores.port import Frame, StoredHead
from tests.golden.journal_samples import NOON, OTHER, fresh_store, key, look, new_journal, opened, set_value

NONCE: Final = slice(76, 88)
"""Of a head and of a frame alike."""
HEAD_FIXED: Final = 88
FRAME_FIXED: Final = 120
KEY_FIXED: Final = 19
"""What is said of a data key before its wrapper's name and its wrap."""


def summed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


def resealed(body: bytes, clear: int, cipher: AESGCM, *, at: int, written: bytes) -> bytes:
    """The same content under a clear part in which something else is written."""
    content = cipher.decrypt(body[NONCE], body[clear:-4], body[:clear])
    changed = body[:at] + written + body[at + len(written) : clear]
    return summed(changed + cipher.encrypt(body[NONCE], content, changed))


@pytest.fixture(scope="module")
def sealed() -> tuple[StoredHead, Frame, DataKey]:
    """A journal's head, its second frame, a look, and the key of both."""
    store = fresh_store()
    journal = new_journal(store)
    journal.mark("begun", writer=OTHER, now=NOON)
    look(journal, [set_value("ada", b"v", usn=1)], 60)
    _, frame = store.frames(after=Seq(0))
    return store.head(), frame, opened(store)._end.tip.keyring.active


def head_bytes(sealed: tuple[StoredHead, Frame, DataKey]) -> tuple[bytes, int]:
    """A head, and where its ciphertext begins."""
    body = sealed[0].body
    wrapper, wrapped = body[HEAD_FIXED + 16], int.from_bytes(body[HEAD_FIXED + 17 : HEAD_FIXED + 19], "big")
    return body, HEAD_FIXED + KEY_FIXED + wrapper + wrapped


def reopened(body: bytes) -> OpenHead:
    return open_head(StoredHead(seq=Seq(2), body=body, token=""), key())


def test_a_head_is_read_without_a_key(sealed: tuple[StoredHead, Frame, DataKey]) -> None:
    body, _ = head_bytes(sealed)
    clear = ClearHead(
        journal="9fe28be6ace345b4ca72110593223497", timeline=1, seq=Seq(2), time=NOON + 60, wrappers=(key().key_id,)
    )
    assert (read_clear(body), seq_of(body)) == (clear, 2)


def test_a_retired_key_names_no_wrapper(sealed: tuple[StoredHead, Frame, DataKey]) -> None:
    body, _ = head_bytes(sealed)
    retired = body[HEAD_FIXED : HEAD_FIXED + 16] + bytes(3)
    assert read_clear(summed(body[:HEAD_FIXED] + retired)).wrappers == ()


@pytest.mark.parametrize(
    ("at", "written", "damage", "said"),
    [
        (0, b"ADPX", Damage.FORGED, "not a head of adpersist"),
        (5, b"\x01", Damage.FORGED, "not a head of adpersist"),
        (4, b"\x00", Damage.FORGED, "there is no format version 0"),
        (4, b"\x02", Damage.NEWER, "format version 2; this adpersist reads version 1"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(
    sealed: tuple[StoredHead, Frame, DataKey], at: int, written: bytes, damage: Damage, said: str
) -> None:
    body, clear = head_bytes(sealed)
    made = resealed(body, clear, sealed[2].heads, at=at, written=written)
    for read in (read_clear, reopened):
        with pytest.raises(DamagedError, match=said) as refused:
            read(made)
        assert refused.value.damage is damage


def test_a_head_that_is_cut_short_is_refused_wherever_it_was_cut(sealed: tuple[StoredHead, Frame, DataKey]) -> None:
    body, clear = head_bytes(sealed)
    for cut in range(clear):
        with pytest.raises(DamagedError) as refused:
            read_clear(summed(body[:cut]))
        # by its checksum, where that would lie in the fixed part
        assert refused.value.damage is (Damage.CORRUPT if cut + 4 < HEAD_FIXED else Damage.FORGED), cut
        with pytest.raises(DamagedError):
            reopened(summed(body[:cut]))
    assert read_clear(summed(body[:clear])) == read_clear(body)
    with pytest.raises(DamagedError, match="checksum") as cut_off:
        seq_of(body[: HEAD_FIXED - 1])
    assert (cut_off.value.damage, seq_of(body[:HEAD_FIXED])) == (Damage.CORRUPT, 2)


def test_a_copy_that_was_begun_is_no_journal_yet() -> None:
    begun = unfinished_head(b"j" * 16, b"s" * 32)
    assert begun_copy(begun) == (b"j" * 16, b"s" * 32)
    with pytest.raises(UnfinishedCopyError, match="begun here and is not whole"):
        reopened(begun)


@pytest.mark.parametrize(
    "made",
    [
        unfinished_head(b"j" * 16, b"s" * 32)[:-1],
        summed(unfinished_head(b"j" * 16, b"s" * 32)[:-5]),
        summed(unfinished_head(b"j" * 16, b"s" * 32)[:-4] + b"\x00"),
        unfinished_head(b"j" * 16, b"s" * 32)[:-1] + b"?",
        summed(b"ADPH" + unfinished_head(b"j" * 16, b"s" * 32)[4:-4]),
        summed(b"ADPU\x02" + unfinished_head(b"j" * 16, b"s" * 32)[5:-4]),
    ],
    ids=["cut", "one byte less", "one byte more", "checksum", "head", "version"],
)
def test_what_only_looks_like_a_copy_that_was_begun_is_none(made: bytes) -> None:
    """It would be continued: written over by the copy of another journal."""
    assert begun_copy(made) is None


def reopened_frame(body: bytes, sealed: tuple[StoredHead, Frame, DataKey]) -> Opened:
    return open_frame(body, Seq(2), open_head(sealed[0], key()).keyring)


@pytest.mark.parametrize(
    ("at", "written", "said"),
    [
        (0, b"ADPX", "not a frame of adpersist"),
        (7, b"\x01", "not a frame of adpersist"),
        (4, b"\x00", "there is no format version 0"),
        (5, b"\x00", "unknown kind 0"),
        (5, b"\x09", "unknown kind 9"),
        (6, b"\x04", "flags 0x4"),
        (6, b"\x83", "flags 0x83"),
        (4, b"\x01\x06", "kind 6 in a frame of version 1"),
        (4, b"\x02\x06", "kind 6 in a frame of version 2"),
        (4, b"\x04\x06", "kind 6 in a frame of version 4"),
        (4, b"\x03\x01", "kind 1 in a frame of version 3"),
        (4, b"\x05\x01", "kind 1 in a frame of version 5"),
        (4, b"\x03\x08", "kind 8 in a frame of version 3"),
        (4, b"\x04\x02", "kind 2 in a frame of version 4"),
        (4, b"\x04\x08", "kind 8 in a frame of version 4"),
        (4, b"\x03\x09", "kind 9 in a frame of version 3"),
        (68, b"anybodys", "sealed with unknown key"),
    ],
)
def test_a_frame_that_makes_no_sense_is_refused(
    sealed: tuple[StoredHead, Frame, DataKey], at: int, written: bytes, said: str
) -> None:
    made = resealed(sealed[1].body, FRAME_FIXED, sealed[2].frames, at=at, written=written)
    with pytest.raises(DamagedError, match=said) as refused:
        reopened_frame(made, sealed)
    assert (refused.value.damage, refused.value.seq) == (Damage.FORGED, 2)


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_look_of_every_version_is_read(sealed: tuple[StoredHead, Frame, DataKey], version: int) -> None:
    made = resealed(sealed[1].body, FRAME_FIXED, sealed[2].frames, at=4, written=bytes([version]))
    found = reopened_frame(made, sealed)
    assert (found.header.audited, found.size, found.header.seq) == (version == 4, len(made), 2)


@pytest.mark.parametrize(
    ("kind", "audited", "version", "number"),
    [
        (CommitKind.LOOK, False, 2, 1),
        (CommitKind.LOOK, True, 4, 1),
        (CommitKind.PART, False, 2, 2),
        (CommitKind.MARK, False, 2, 3),
        (CommitKind.RESTORE_BEGIN, False, 2, 4),
        (CommitKind.RESTORE_END, False, 2, 5),
        (CommitKind.FILES, False, 3, 6),
        (CommitKind.REPAIR, False, 2, 7),
        (CommitKind.USE, False, 5, 8),
    ],
)
def test_every_kind_has_its_version_and_its_number(
    sealed: tuple[StoredHead, Frame, DataKey], kind: CommitKind, audited: bool, version: int, number: int
) -> None:
    """For ever: an earlier adpersist takes what it knows, and tells what it does not."""
    header = replace(read_header(sealed[1].body), kind=kind, audited=audited)
    for ends_look, complete, flags in [(False, False, 0), (True, False, 1), (False, True, 2), (True, True, 3)]:
        made = replace(header, ends_look=ends_look, complete=complete)
        written = write_header(made)
        assert written[:8] == b"ADPF" + bytes([version, number, flags, 0])
        assert (len(written), read_header(written)) == (FRAME_FIXED, made)
    with pytest.raises(ValueError, match="119 bytes are no frame"):
        read_header(written[:-1])


def test_a_later_version_counts_only_under_our_own_seal(sealed: tuple[StoredHead, Frame, DataKey]) -> None:
    body = sealed[1].body
    newer = resealed(body, FRAME_FIXED, sealed[2].frames, at=4, written=b"\x06")
    claimed = summed(body[:4] + b"\x06" + body[5:-4])
    anothers = summed(newer[:68] + b"anybodys" + newer[76:-4])
    for made, damage in ((newer, Damage.NEWER), (claimed, Damage.FORGED), (anothers, Damage.FORGED)):
        with pytest.raises(DamagedError, match="format version 6; this adpersist reads versions up to 5") as refused:
            reopened_frame(made, sealed)
        assert refused.value.damage is damage


def test_a_frame_without_content_is_refused_and_so_is_one_that_is_cut(
    sealed: tuple[StoredHead, Frame, DataKey],
) -> None:
    body, cipher = sealed[1].body, sealed[2].frames
    empty = summed(body[:FRAME_FIXED] + cipher.encrypt(body[NONCE], b"", body[:FRAME_FIXED]))
    with pytest.raises(DamagedError, match="not a zstd frame") as refused:
        reopened_frame(empty, sealed)
    assert refused.value.damage is Damage.FORGED
    for cut in range(len(empty) - 4):
        with pytest.raises(DamagedError, match="checksum") as refused:
            reopened_frame(summed(body[:cut]), sealed)
        assert refused.value.damage is Damage.CORRUPT
