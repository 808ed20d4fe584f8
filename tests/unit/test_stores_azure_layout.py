"""How bodies are cut into entities and put together again, whatever happens to the order."""

import base64
import random
from collections.abc import Iterator

import pytest
from azure.data.tables import EdmType, EntityProperty
from hypothesis import given, settings
from hypothesis import strategies as st

from adpersist.errors import IntegrityError
from adpersist.model.identity.ids import Seq
from adpersist.stores.azure import layout
from adpersist.stores.port import MAX_APPEND_BYTES, MAX_APPEND_FRAMES, MAX_HEAD_BYTES, Frame
from tests.cases import cases

JOURNAL = "0123456789abcdef" * 2
MIB = 1_048_576

sizes = st.one_of(
    st.integers(0, 3000),
    st.sampled_from([65_535, 65_536, 65_537, 655_359, 655_360, 655_361, MIB - 1, MIB]),
)


def body_of_size(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


@settings(deadline=None, max_examples=cases(60))
@given(size_of=st.lists(sizes, max_size=12), first=st.integers(1, 2**40), order=st.randoms(use_true_random=False))
def test_frames_come_back_whole_and_in_order(size_of: list[int], first: int, order: random.Random) -> None:
    frames = [Frame(seq=Seq(first + offset), body=body_of_size(size, offset)) for offset, size in enumerate(size_of)]
    entities = [entity for frame in frames for entity in layout.frame_entities(JOURNAL, frame)]
    order.shuffle(entities)
    found = layout.whole(map(layout.slice_of, entities), first=first)
    assert [Frame(seq=Seq(number), body=body) for number, body in found] == frames


def test_a_frame_without_one_of_its_slices_is_left_out() -> None:
    frames = [Frame(seq=Seq(number), body=body_of_size(700_000, number)) for number in (1, 2, 3)]
    entities = [entity for frame in frames for entity in layout.frame_entities(JOURNAL, frame)]
    for missing in range(len(entities)):
        rest = entities[:missing] + entities[missing + 1 :]
        numbers = [number for number, _ in layout.whole(map(layout.slice_of, rest), first=1)]
        assert numbers == [number for number in (1, 2, 3) if number != missing // 2 + 1]


def test_what_comes_in_order_is_handed_on_at_once() -> None:
    pulled: list[int] = []

    def slices() -> Iterator[layout.Slice]:
        for number in range(1, 100):
            pulled.append(number)
            yield layout.Slice(number=number, part=0, parts=1, body=b"x")

    assert next(layout.whole(slices(), first=1)) == (1, b"x")
    assert pulled == [1]


def test_row_keys_sort_as_numbers() -> None:
    numbers = [1, 9, 10, 15, 16, 255, 256, 10**6, 2**53, 2**63 - 1]
    for name in (layout.frame_bound, layout.checkpoint_row):
        assert sorted(name(number) for number in numbers) == [name(number) for number in numbers]
    keys = [layout.frame_bound(1), layout.FLOOR_ROW, layout.HEAD_ROW, layout.checkpoint_row(1)]
    assert sorted(keys) == keys


def test_the_largest_append_keeps_every_limit() -> None:
    """Of the strictest: 640 KiB an entity, 64 KiB a property, 100 entities and 2 MiB a transaction, as base64."""
    one_large = [Frame(seq=Seq(1), body=bytes(MAX_APPEND_BYTES))]
    size = MAX_APPEND_BYTES // MAX_APPEND_FRAMES
    many = [Frame(seq=Seq(number), body=bytes(size)) for number in range(1, MAX_APPEND_FRAMES + 1)]
    for frames in (one_large, many):
        entities = [layout.head_entity(JOURNAL, len(frames), bytes(MAX_HEAD_BYTES))]
        entities += [entity for frame in frames for entity in layout.frame_entities(JOURNAL, frame)]
        assert len(entities) <= 100
        wire = 0
        for entity in entities:
            values = [value for value in entity.values() if isinstance(value, bytes)]
            assert max(len(value) for value in values) <= 65_536
            assert len(values) <= 10
            assert sum(len(value) for value in values) <= 640 * 1024
            wire += sum(len(base64.b64encode(value)) for value in values) + 1000
        assert wire <= 2 * MIB


def test_numbers_beyond_32_bits_keep_their_type() -> None:
    entity = layout.head_entity(JOURNAL, 2**40, b"")
    assert entity["seq"] == EntityProperty(2**40, EdmType.INT64)
    assert layout.seq_of(entity) == 2**40


@pytest.mark.parametrize(
    "entity",
    [
        {"RowKey": "c00", "parts": 1},
        {"RowKey": "c00.zz", "parts": 1},
        {"RowKey": "cxx.00", "parts": 1},
        {"RowKey": "c0000000000000001.00"},
        {},
    ],
)
def test_a_row_that_is_none_of_ours_is_damage(entity: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        layout.slice_of(entity)
    with pytest.raises(IntegrityError):
        layout.seq_of(entity)
