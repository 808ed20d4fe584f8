"""What planning costs grows with what was lost, not with its square: counted in looks and bytes, not in seconds."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, ItemsView, Iterator, ValuesView
from dataclasses import replace

import pytest

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt, Step
from adpersist.restore.plan.identities.foreign_principals import matched_by_sid
from adpersist.restore.plan.limitations import attainable
from adpersist.restore.plan.plan import steps
from adpersist.state.differences import gaps
from adpersist.state.state import State

NC = "DC=model"
CONTEXTS = ("CN=Schema,DC=model", NC)
EXEMPT = Exempt(derived=frozenset({"isDeleted"}), created_with=frozenset({"whenCreated"}))
SMALL, LARGE = 500, 4000


def guid(name: str) -> Guid:
    return Guid(hashlib.sha256(name.encode()).digest()[:16])


class Counted(State):
    """Counts how often an object is looked up, and how often all of them are gone through."""

    looks = 0

    def __getitem__(self, key: Guid) -> ObjectState:
        self.looks += 1
        return super().__getitem__(key)

    def items(self) -> ItemsView[Guid, ObjectState]:
        self.looks += len(self)
        return super().items()

    def values(self) -> ValuesView[ObjectState]:
        self.looks += len(self)
        return super().values()

    def unlike(self, other: State) -> Iterator[Guid]:
        self.looks += len(self)
        return super().unlike(other)

    def is_live(self, guid: Guid | None) -> bool:
        self.looks += 1
        return super().is_live(guid)

    def dn(self, guid: Guid) -> str:
        self.looks += 1
        return super().dn(guid)

    def depth(self, guid: Guid) -> int:
        self.looks += 1
        return super().depth(guid)


def _domain(count: int) -> list[ObjectState]:
    root = ObjectState(guid=guid("root"), nc=NC, parent=None, rdn=NC, values={"objectClass": (b"domainDNS",)})
    units = [
        ObjectState(guid=guid(f"ou{n}"), nc=NC, parent=root.guid, rdn=f"OU=ou{n}", values={"objectClass": (b"ou",)})
        for n in range(max(count // 100, 1))
    ]
    users = [
        ObjectState(
            guid=guid(f"user{n}"),
            nc=NC,
            parent=units[n % len(units)].guid,
            rdn=f"CN=user{n}",
            values={
                "objectClass": (b"user",),
                "sAMAccountName": (f"user{n}".encode(),),
                "objectSid": (bytes(24) + n.to_bytes(4, "little"),),
                "servicePrincipalName": (f"HOST/h{n}".encode(), f"HTTP/h{n}".encode()),
                "whenCreated": (b"now",),
            },
        )
        for n in range(count)
    ]
    groups = [
        ObjectState(
            guid=guid(f"group{n}"),
            nc=NC,
            parent=root.guid,
            rdn=f"CN=group{n}",
            values={"objectClass": (b"group",)},
            links={"member": frozenset(ref(user.guid) for user in users[n * 50 : n * 50 + 50])},
        )
        for n in range(count // 50)
    ]
    return [root, *units, *users, *groups]


def _passed_on(objects: list[ObjectState]) -> list[ObjectState]:
    """Everybody has the next one's names."""
    users = [item for item in objects if item.rdn.startswith("CN=user")]
    following = dict(zip((item.guid for item in users), [*users[1:], users[0]], strict=True))
    return [
        replace(
            item,
            rdn=following[item.guid].rdn,
            parent=following[item.guid].parent,
            values={**item.values, "sAMAccountName": following[item.guid].values["sAMAccountName"]},
        )
        if item.guid in following
        else item
        for item in objects
    ]


CASES: dict[str, Callable[[list[ObjectState]], tuple[list[ObjectState], list[ObjectState]]]] = {
    "everything lost": lambda domain: (domain, domain[:1]),
    "everything new": lambda domain: (domain[:1], domain),
    "every name passed on": lambda domain: (domain, _passed_on(domain)),
}


def _plan(want: State, have: State) -> tuple[Step, ...]:
    aim = matched_by_sid(want, have)
    closing, _ = attainable(list(gaps(aim, have, EXEMPT)), aim, have, CONTEXTS[0])
    return tuple(steps(closing, aim, have, EXEMPT, CONTEXTS))


def _looks(case: str, count: int) -> tuple[int, int]:
    """Objects looked up, and steps planned."""
    want, have = (Counted(objects) for objects in CASES[case](_domain(count)))
    planned = len(_plan(want, have))
    return want.looks + have.looks, planned


@pytest.mark.parametrize("case", CASES)
def test_work_grows_linearly(case: str) -> None:
    (few, planned), (many, planned_more) = _looks(case, SMALL), _looks(case, LARGE)
    assert planned_more / planned == pytest.approx(LARGE / SMALL, rel=0.05)
    assert many / few < 1.1 * LARGE / SMALL


def _peak_bytes(case: str, count: int) -> int:
    """The most that both states and the plan between them ever took."""
    tracemalloc.start()
    want, have = (State(objects) for objects in CASES[case](_domain(count)))
    plan = _plan(want, have)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert plan
    return peak


@pytest.mark.sampled
@pytest.mark.parametrize("case", CASES)
def test_a_hundred_thousand_objects_are_planned_in_half_a_gigabyte(case: str) -> None:
    room = _peak_bytes(case, LARGE) / LARGE
    assert room < 1.25 * _peak_bytes(case, SMALL) / SMALL, "it grows faster than what was lost"
    assert room * 100_000 < 400_000_000, "the interpreter, and what it loaded, want their share"
