"""A look in slices of USNs: every object in exactly one, whatever the directory looks like and the server refuses."""

import re

import pytest

from adpersist.directory.slices import FEW, USNS, Slices

_CLAUSE = re.compile(r"\(!\(uSNChanged<=(\d+)\)\)|\(uSNChanged<=(\d+)\)")


def _holds(filter_text: str, usn: int) -> bool:
    if filter_text == "(objectClass=*)":
        return True
    assert _CLAUSE.sub("", filter_text) == "(&)"
    return all(usn > int(after) if after else usn <= int(through) for after, through in _CLAUSE.findall(filter_text))


def _looked(slices: Slices, directory: list[int], *, newest: int, most: int) -> tuple[list[list[int]], int]:
    """What each slice showed, and how many were refused by a server that shows so many objects at most."""
    shown: list[list[int]] = []
    refused = 0
    while True:
        is_last = slices.is_last
        found = [usn for usn in directory if _holds(slices.filter, usn)]
        if len(found) > most:
            assert slices.refused(newest)
            refused += 1
            continue
        shown.append(found)
        slices.showed(len(found))
        if is_last:
            return shown, refused


@pytest.mark.parametrize("newest", [0, 1, USNS, USNS + 1, 50_000, 1_000_000])
@pytest.mark.parametrize("most", [7, USNS, 10**9])
def test_every_object_is_in_one_slice(newest: int, most: int) -> None:
    directory = sorted({*range(1, newest, max(newest // 997, 1)), newest, newest + 3})
    shown, _ = _looked(Slices(newest=newest), directory, newest=newest, most=most)
    assert [usn for part in shown for usn in part] == directory


def test_a_small_directory_is_asked_one_question() -> None:
    assert Slices(newest=USNS).filter == Slices(1_000_000).filter == "(objectClass=*)"


def test_a_dense_directory_is_cut_evenly_and_a_sparse_one_in_few() -> None:
    dense, _ = _looked(Slices(newest=50_000), list(range(1, 50_001)), newest=50_000, most=USNS)
    assert len(dense) == 7
    sparse, _ = _looked(Slices(newest=10**9), list(range(10**9 - FEW, 10**9)), newest=10**9, most=FEW)
    assert len(sparse) < 20


def test_changes_since_a_cookie_are_sliced_from_there_when_they_are_too_many() -> None:
    directory = list(range(1_000_001, 1_020_001))
    shown, refused = _looked(Slices(1_000_000), directory, newest=1_020_000, most=5_000)
    assert [usn for part in shown for usn in part] == directory
    assert (len(shown), refused) == (5, 1)


def test_what_cannot_be_cut_smaller_is_refused_for_good() -> None:
    slices = Slices(10)
    assert not slices.refused(11)
