"""Steps as writes: a large one comes to the same in pieces, and a link with room for one value is set."""

import uuid
from collections import defaultdict

import pytest

from adpersist.directory.ldap.operations import AddRequest, WriteRequest
from adpersist.directory.wire.requests import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from adpersist.directory.write import step_writes
from adpersist.directory.write.step_writes import link, pieces, single_write
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.step import Create, Link, Modify, Step

GUID = Guid(uuid.UUID(int=1).bytes_le)
SMALL, HALF = b"s", b"h" * 60
WHAT = {"guid": GUID, "dn": "CN=a,DC=x", "reason": ""}


@pytest.fixture(autouse=True)
def _small_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_writes, "LARGEST_BYTES", 100)


def done(writes: list[WriteRequest]) -> dict[str, list[bytes]]:
    """What an object has after them."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for write in writes:
        if isinstance(write, AddRequest):
            for name, values in write.attributes.items():
                found[name] += values
            continue
        for name, orders in write.changes.items():
            for how, new in orders:
                if how == MODIFY_REPLACE:
                    found[name] = []
                found[name] = [each for each in found[name] if each not in new]
                found[name] += new if how != MODIFY_DELETE else ()
    return found


@pytest.mark.parametrize(
    "step",
    [
        Create(values={"a": (HALF,), "b": (HALF, HALF + b"2"), "class": (SMALL,)}, **WHAT),  # type: ignore[arg-type]
        Modify(values={"a": (HALF, HALF + b"2", HALF + b"3"), "b": (), "c": (SMALL,)}, **WHAT),  # type: ignore[arg-type]
        Link(added={"m": frozenset({HALF, HALF + b"2"})}, **WHAT),  # type: ignore[arg-type]
    ],
)
def test_a_large_write_comes_to_the_same_in_pieces(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    assert single_write(step) is None, "it is not sent with others"
    with monkeypatch.context() as large:
        large.setattr(step_writes, "LARGEST_BYTES", 10_000)
        whole = single_write(step)
    assert whole is not None
    parts = list(pieces(whole))
    assert len(parts) > 1
    assert all(step_writes._bytes_of(each) <= 100 for each in parts)
    assert {name: sorted(values) for name, values in done(parts).items()} == {
        name: sorted(values) for name, values in done([whole]).items()
    }
    if isinstance(parts[0], AddRequest):
        assert {"objectGUID", "class"} <= parts[0].attributes.keys()


def test_a_value_is_never_cut() -> None:
    step = Modify(values={"a": (HALF + HALF, SMALL)}, **WHAT)  # type: ignore[arg-type]
    (first, second) = pieces(step_writes.replace_values(step))
    assert done([first, second]) == {"a": [HALF + HALF, SMALL]}


def test_the_only_value_of_a_link_takes_the_place_of_what_no_look_shows() -> None:
    old, new = frozenset({b"old"}), frozenset({b"new"})
    step = Link(added={"m": new, "n": new}, removed={"m": old, "n": old, "o": old}, only=frozenset({"m"}), **WHAT)  # type: ignore[arg-type]
    assert link(step).changes == {
        "m": [(MODIFY_REPLACE, (b"new",))],
        "n": [(MODIFY_DELETE, (b"old",)), (MODIFY_ADD, (b"new",))],
        "o": [(MODIFY_DELETE, (b"old",))],
    }
