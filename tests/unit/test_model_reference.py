"""References to objects by their identity, one at a time and by the thousand."""

import hashlib

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref, refs, target_of, targets


def _guids(count: int) -> list[Guid]:
    return [Guid(hashlib.sha256(bytes([number % 256, number // 256])).digest()[:16]) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_many_are_what_each_is(count: int) -> None:
    assert refs(b"".join(_guids(count))) == [ref(guid) for guid in _guids(count)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_their_targets_come_back_in_their_order(count: int) -> None:
    assert targets(ref(guid) for guid in _guids(count)) == (b"".join(_guids(count)), [])


@pytest.mark.parametrize("count", [1, 100])
def test_what_would_not_come_back_byte_for_byte_is_no_plain_reference(count: int) -> None:
    plain = [ref(guid) for guid in _guids(count)]
    odd = [plain[0].upper(), plain[0] + b"\n", b"x" * len(plain[0]), ref(_guids(1)[0], b"B:2:00:"), b""]
    row, others = targets([*odd, *plain])
    assert row == b"".join(_guids(count))
    assert sorted(others) == sorted(odd)


@pytest.mark.parametrize("count", [1, 100])
def test_a_guid_that_is_cut_off_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="broken"):
        refs(b"".join(_guids(count))[:-1])


@pytest.mark.parametrize("end", [b"", b"B:4:00FF:"])
def test_a_reference_ends_with_its_target(end: bytes) -> None:
    guid = _guids(1)[0]
    assert target_of(ref(guid, end)) == guid
    assert target_of(ref(guid, end) + b"\n") is None
    assert target_of(ref(guid, end)[:-1]) is None


def test_a_text_that_ends_like_a_reference_is_none() -> None:
    guid = _guids(1)[0]
    assert target_of(b"see " + ref(guid)) is None
    assert target_of(b"Bert" + ref(guid)) is None
