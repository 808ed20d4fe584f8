"""A look in slices of USNs: every object in exactly one, whatever the directory looks like and the server refuses."""

from collections.abc import Callable

import pytest

from adpersist.directory.feed.usn_slices import MOST, OBJECTS, QUICK_S, UsnSlices, ends, nothing_after
from adpersist.directory.wire.filters import ANY, and_, at_least, at_most, not_


def _slow() -> float:
    """What a range of USNs takes without an index."""
    return 1.0


def _shown(asked: bytes, directory: list[int]) -> list[int]:
    """What a server would show, of objects with these USNs: a filter of [RFC4511] 4.5.1.7, every length below 128."""
    if asked == b"\x87\x0bobjectClass":
        return directory
    after, through = -1, 10**18
    assert asked[0] == 0xA0
    for part in _parts(asked):
        if part[0] == 0xA2:
            (inner,) = _parts(part)
            after = max(after, _limit(inner, 0xA6))
        elif part[0] == 0xA5:
            after = max(after, _limit(part, 0xA5) - 1)
        else:
            through = min(through, _limit(part, 0xA6))
    return [usn for usn in directory if after < usn <= through]


def _limit(asked: bytes, kind: int) -> int:
    """Of a greaterOrEqual or a lessOrEqual."""
    name, limit = _parts(asked)
    assert (asked[0], name) == (kind, b"\x04\x0auSNChanged")
    return int(limit[2:])


def _parts(element: bytes) -> list[bytes]:
    parts = []
    at = 2
    while at < len(element):
        parts.append(element[at : at + 2 + element[at + 1]])
        at += len(parts[-1])
    return parts


def _looked(slices: UsnSlices, directory: list[int], *, most: int) -> tuple[list[list[int]], int]:
    """What each slice showed, and how many were refused by a server that shows so many objects at most."""
    shown: list[list[int]] = []
    refused = 0
    while True:
        is_last = slices.is_last
        found = _shown(slices.filter, directory)
        if len(found) > most:
            assert slices.halve(directory[-1])
            refused += 1
            continue
        shown.append(found)
        slices.go_on()
        if is_last:
            return shown, refused


@pytest.mark.parametrize("newest", [1, 2, OBJECTS, 50_000, 1_000_000])
@pytest.mark.parametrize("most", [70, 1000, 10**9])
def test_every_object_is_in_one_slice(newest: int, most: int) -> None:
    directory = sorted({*range(1, newest, max(newest // 4999, 1)), newest, newest + 3})
    shown, _ = _looked(UsnSlices(ends=ends(directory[:-1], _slow)), directory, most=most)
    assert [usn for part in shown for usn in part] == directory


def test_an_object_without_a_usn_is_in_the_last_slice() -> None:
    slices = UsnSlices(ends=[5, 9])
    filters = []
    while not slices.is_last:
        filters.append(slices.filter)
        slices.go_on()
    assert filters == [
        and_(at_most("uSNChanged", 5)),
        and_(at_least("uSNChanged", 6), at_most("uSNChanged", 9)),
    ]
    assert slices.filter == and_(not_(at_most("uSNChanged", 9)))


def test_a_small_directory_is_asked_one_question() -> None:
    assert not ends(range(2 * OBJECTS - 1), _slow)
    assert UsnSlices().filter == UsnSlices(1_000_000).filter == ANY


@pytest.mark.parametrize("size", [2 * OBJECTS, 10_313, 50_000])
@pytest.mark.parametrize("usn", [lambda n: n, lambda n: 10**9 + n, lambda n: n**3], ids=["dense", "late", "skewed"])
def test_slices_hold_equally_many_objects(size: int, usn: Callable[[int], int]) -> None:
    directory = [usn(number) for number in range(size)]
    shown = [len(part) for part in _looked(UsnSlices(ends=ends(directory, _slow)), directory, most=size)[0]]
    assert max(shown) - min(shown) <= 1
    assert min(shown) >= OBJECTS
    assert len(shown) <= MOST


def test_slices_are_small_where_a_range_is_found_by_an_index() -> None:
    directory = list(range(100 * OBJECTS))
    assert len(ends(directory, lambda: QUICK_S * 1.01)) + 1 == MOST
    assert len(ends(directory, lambda: QUICK_S)) + 1 == 100
    assert _shown(nothing_after(directory[-1]), directory) == []


def test_changes_since_a_cookie_are_sliced_from_there_when_they_are_too_many() -> None:
    directory = list(range(1_000_001, 1_020_001))
    shown, refused = _looked(UsnSlices(1_000_000), directory, most=5_000)
    assert [usn for part in shown for usn in part] == directory
    assert (len(shown), refused) == (4, 3)


def test_what_cannot_be_cut_smaller_is_refused_for_good() -> None:
    slices = UsnSlices(10)
    assert not slices.halve(11)
