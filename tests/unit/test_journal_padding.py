"""A size says of what is sealed what FORMAT.md tells, no more; what fills it up is passed over by every reader."""

import os
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from adpersist.journal.format import checkpoint
from adpersist.journal.format.columns.packing import compress, decompress
from adpersist.journal.format.frame import OVERHEAD_BYTES
from adpersist.journal.format.padding import padded, padded_size
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.model.objects.object_state import ObjectState
from adpersist.stores.port import MAX_FRAME_BYTES
from tests.golden.journal_samples import NC, NOON, OTHER, fresh_store, guid, look, new_journal

ROOM = 1 << 30


@given(st.binary(max_size=9000), st.integers(min_value=1, max_value=300))
def test_what_is_filled_up_is_the_same_content_of_the_size_it_is_to_have(seed: bytes, times: int) -> None:
    content = seed * times  # beyond 128 KiB in several blocks
    plain = compress(content)
    full = padded(plain, most=ROOM)
    assert len(full) == padded_size(len(plain))
    assert decompress(full) == content
    assert zstandard.ZstdDecompressor().stream_reader(full, read_across_frames=False).read() == content


@pytest.mark.parametrize(
    "content",
    [b"", b"x", bytes(100_000), os.urandom(1000), os.urandom(300_000), bytes(200_000) + os.urandom(200_000)],
    ids=["nothing", "one", "one block that repeats", "raw", "blocks", "blocks of every kind"],
)
def test_every_kind_of_block_is_walked_over(content: bytes) -> None:
    full = padded(compress(content), most=ROOM)
    assert decompress(full) == content


def test_a_frame_without_a_single_segment_is_filled_up_too() -> None:
    """Content beyond the window: the frame's header has one byte more."""
    content = os.urandom(3_000_000)
    plain = compress(content)
    assert not plain[4] & 0x20
    for more in range(1, 7):
        full = padded(plain, most=len(plain) + more)
        assert len(full) == len(plain) + more
        assert decompress(full) == content


@pytest.mark.parametrize(
    ("size", "full"),
    [(1, 256), (256, 256), (257, 512), (4096, 4096), (4097, 4352), (5000, 5120), (65_536, 65_536), (700_000, 720_896)],
)
def test_the_steps_are_those_that_are_described(size: int, full: int) -> None:
    assert padded_size(size) == full


@given(st.integers(min_value=4097, max_value=1 << 24))
def test_a_large_one_costs_a_sixteenth_at_the_most(size: int) -> None:
    assert size <= padded_size(size) <= size * 17 / 16


def test_nothing_is_filled_up_beyond_the_room_there_is() -> None:
    plain = compress(os.urandom(1000))
    assert len(padded(plain, most=len(plain) + 5)) == len(plain) + 5
    assert padded(plain, most=len(plain)) == plain
    assert padded(plain, most=10) == plain


def test_what_is_no_whole_frame_is_not_filled_up() -> None:
    plain = compress(os.urandom(1000))
    with pytest.raises(ValueError, match="whole"):
        padded(plain[:-1001], most=ROOM)


def frame_bytes(changes: list[Change]) -> int:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, changes, 100)
    (frame,) = store.frames(after=Seq(0))
    return len(frame.body)


def written(name: str, value: bytes) -> Change:
    stamp = Stamp(version=2, time=13_411_742_550, origin=guid("invocation"), usn=Usn(90))
    return Change(kind=Kind.CHANGED, guid=guid("ada"), nc=NC, values={name: (value,)}, stamps={name: stamp})


def test_one_small_change_looks_like_any_other() -> None:
    member = bytes(ref(guid("ada")))
    made = LinkStamp(version=1, time=13_411_742_550, origin=guid("invocation"), usn=Usn(91), present=True)
    joined = Change(
        kind=Kind.CHANGED,
        guid=guid("crew"),
        nc=NC,
        added={"member": frozenset([member])},
        link_stamps={"member": {member: made}},
    )
    deleted = Change(
        kind=Kind.DELETED, guid=guid("bert"), nc=NC, rdn="CN=bert\nDEL:1", values={"isDeleted": (b"TRUE",)}
    )
    small = [
        [joined],
        [deleted],
        [written("description", b"x")],
        [written("description", b"twenty characters...")],
        [written("unicodePwd", os.urandom(16))],
        [written("userAccountControl", b"514")],
    ]
    assert {frame_bytes(each) for each in small} == {256 + OVERHEAD_BYTES}


def test_a_frame_that_cannot_be_compressed_is_filled_up_to_the_limit_at_the_most() -> None:
    for size in (MAX_FRAME_BYTES - 1000, MAX_FRAME_BYTES - 500, MAX_FRAME_BYTES - 400):
        assert frame_bytes([written("jpegPhoto", os.urandom(size))]) == MAX_FRAME_BYTES


def test_a_head_does_not_tell_how_long_a_name_is() -> None:
    def head_bytes(mark: str) -> int:
        store = fresh_store()
        new_journal(store).mark(mark, writer=OTHER, now=NOON)
        return len(store.head().body)

    assert head_bytes("a") == head_bytes("before.the.great.migration.of.2026")


def test_the_parts_of_a_checkpoint_are_of_few_sizes_and_of_the_limit_at_the_most() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [], 10)

    def parts(*values: bytes) -> list[int]:
        root = ObjectState(guid=guid("domain"), nc=NC, parent=None, rdn=NC)
        people = [
            replace(root, guid=guid(str(at)), parent=guid("domain"), rdn=f"CN={at}", values={"photo": (each,)})
            for at, each in enumerate(values)
        ]
        made = checkpoint.Sealing(
            checkpoint.Place(journal=bytes.fromhex(journal.id), seq=Seq(1), digest=bytes(32)),
            journal._end.tip.keyring.active,
            os.urandom,
        )
        return [len(part) for part in made.seal([root, *people])]

    assert parts() == parts(b"x", b"twenty characters...") == [256 + checkpoint.OVERHEAD_BYTES]
    assert parts(os.urandom(700_000)) == [720_896 + checkpoint.OVERHEAD_BYTES]
    assert max(parts(*(os.urandom(MAX_FRAME_BYTES - at) for at in range(400, 1200, 50)))) == MAX_FRAME_BYTES
