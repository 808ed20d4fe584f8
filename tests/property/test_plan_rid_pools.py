"""No RID is handed out twice, whatever pools had been used when the DC went back.

The allocator below does what Samba does (ridalloc.c, ridalloc_allocate_rid) and [MS-ADTS] 3.1.1.1.11 has, written anew:
a DC counts up in its current pool; past its end it takes the following one; past the middle it asks for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rid_set import Pool, RidSet
from adpersist.model.plan.step import Modify
from adpersist.restore.plan.identities.rid_pools import handed_out, known_rids, raised
from adpersist.state.state import State
from tests.cases import cases

RID_SET, MANAGER, DOMAIN = (Guid(word.ljust(16)) for word in (b"rid set", b"manager", b"domain"))
POOL_SIZE, LAST = 500, 2**30 - 1
DOMAIN_SID = bytes.fromhex("010400000000000515000000010000000200000003000000")


class BadRid(Exception):  # noqa: N818 - what the server says
    """Every add fails from here on."""


@dataclass(slots=True)
class Domain:
    """The RID manager and one DC.

    Attributes:
        available: First RID no DC has been given.
        current, following: The DC's pools; no current one before the first RID.
        last: The RID given out last.
    """

    available: int = 1100
    following: tuple[int, int] = (0, 0)
    current: tuple[int, int] | None = None
    last: int | None = None
    given: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.following == (0, 0):
            self.following = self.new_pool()

    def new_pool(self) -> tuple[int, int]:
        first = self.available
        self.available += POOL_SIZE
        return first, first + POOL_SIZE - 1

    def allocate(self) -> int:
        if self.current is None or self.last is None:
            self.current, self.last = self.following, self.following[0]
        rid = self.last + 1
        if rid > self.current[1]:
            if self.following == self.current:
                self.following = self.new_pool()
            self.current = self.following
            rid = self.current[0]
        if not self.current[0] <= rid <= self.current[1]:
            raise BadRid(f"{rid} is outside {self.current}")
        if rid > sum(self.current) // 2 and self.following == self.current:
            self.following = self.new_pool()
        self.last = rid
        self.given.append(rid)
        return rid

    def copy(self) -> Domain:
        return replace(self, given=list(self.given))

    def rid_set(self) -> RidSet:
        return RidSet(
            guid=RID_SET,
            dn="CN=RID Set",
            last_given=self.last or 0,
            current=_pool(self.current or (0, 0)),
            following=_pool(self.following),
            manager=MANAGER,
            manager_dn="CN=RID Manager$",
            available=Pool(first=self.available, last=LAST),
        )

    def journaled(self) -> State:
        """What replication carries, and so the journal holds: the following pool and what is available."""
        return State(
            [
                _item(RID_SET, {"rIDAllocationPool": (_pool(self.following).value(),)}),
                _item(MANAGER, {"rIDAvailablePool": (Pool(first=self.available, last=LAST).value(),)}),
            ]
        )

    def apply(self, step: Modify) -> None:
        for name, (value,) in step.values.items():
            low, high = int(value) & 0xFFFFFFFF, int(value) >> 32
            match step.guid, name:
                case (guid, "rIDPreviousAllocationPool") if guid == RID_SET:
                    self.current = (low, high)
                case (guid, "rIDAllocationPool") if guid == RID_SET:
                    self.following = (low, high)
                case (guid, "rIDNextRID") if guid == RID_SET:
                    self.last = int(value)
                case (guid, "rIDAvailablePool") if guid == MANAGER:
                    assert high == LAST
                    self.available = low
                case other:
                    raise AssertionError(f"nobody may write {other}")


def _pool(both: tuple[int, int]) -> Pool:
    return Pool(first=both[0], last=both[1])


def _item(guid: Guid, values: dict[str, tuple[bytes, ...]]) -> ObjectState:
    return ObjectState(guid=guid, nc="DC=x", parent=None, rdn="CN=x", values=values)


@settings(max_examples=cases(400))
@example(early=0, day=5, elsewhere=0, local=0, later=10)
@example(early=0, day=5, elsewhere=0, local=3, later=600)
@example(early=499, day=2, elsewhere=0, local=0, later=600)
@given(
    early=st.integers(0, 1200),
    day=st.integers(0, 1800),
    elsewhere=st.integers(0, 3),
    local=st.integers(0, 700),
    later=st.integers(1, 1200),
)
def test_no_rid_is_handed_out_twice(early: int, day: int, elsewhere: int, local: int, later: int) -> None:
    domain = Domain()
    for _ in range(early):
        domain.allocate()
    golden = domain.copy()
    others: set[int] = set()
    for number in range(day):
        domain.allocate()
        if number % 400 == 100 and elsewhere:
            # another DC gets a pool of its own and gives some of it out
            first, _ = domain.new_pool()
            others |= set(range(first, first + 40 * elsewhere))
    reverted = golden.copy()
    for _ in range(local):
        reverted.allocate()
    known = {*domain.given, *reverted.given, *others}
    for step in raised(reverted.rid_set(), domain.journaled(), known):
        reverted.apply(step)
    fresh = [reverted.allocate() for _ in range(later)]
    assert not known & set(fresh)
    assert len(set(fresh)) == later
    # nor does the pool of any other DC come again
    assert reverted.available >= domain.available or not set(range(reverted.available, domain.available)) & others


@given(early=st.integers(0, 1200), day=st.integers(0, 700), unseen=st.integers(0, 200), later=st.integers(1, 1200))
def test_no_rid_is_handed_out_that_a_partner_alone_knows(early: int, day: int, unseen: int, later: int) -> None:
    domain = Domain()
    for _ in range(early):
        domain.allocate()
    reverted = domain.copy()
    for _ in range(day):
        domain.allocate()
    captured, journal = set(domain.given), domain.journaled()
    for _ in range(unseen):
        domain.allocate()
    known_pools = journal[RID_SET].values["rIDAllocationPool"][0]
    last = int(known_pools) >> 32  # is left, and was given only if the pool was used up since
    lost = {rid for rid in domain.given if rid < last}
    for _ in range(2):  # a restore that is killed does it again
        had = reverted.rid_set()
        for step in raised(had, journal, captured | handed_out(had, journal)):
            reverted.apply(step)
        assert not lost & {reverted.copy().allocate()}
    assert not lost & {reverted.allocate() for _ in range(later)}


@given(early=st.integers(0, 1200), day=st.integers(0, 1800))
def test_what_is_high_enough_is_left_alone(early: int, day: int) -> None:
    domain = Domain()
    for _ in range(early + day):
        domain.allocate()
    known = set(domain.given)
    assert list(raised(domain.rid_set(), domain.journaled(), known)) == []


@given(early=st.integers(0, 1200), day=st.integers(0, 1800))
def test_raising_twice_changes_nothing_more(early: int, day: int) -> None:
    domain = Domain()
    for _ in range(early):
        domain.allocate()
    reverted = domain.copy()
    for _ in range(day):
        domain.allocate()
    known = set(domain.given)
    for step in raised(reverted.rid_set(), domain.journaled(), known):
        reverted.apply(step)
    assert list(raised(reverted.rid_set(), domain.journaled(), known)) == []


def test_rids_are_known_from_every_state_tombstones_included() -> None:
    def account(number: int, rid: int, **values: tuple[bytes, ...]) -> ObjectState:
        sid = b"\x01\x05" + DOMAIN_SID[2:] + rid.to_bytes(4, "little")
        return _item(Guid(bytes([number] * 16)), {"objectSid": (sid,), **values})

    root = _item(DOMAIN, {"objectSid": (DOMAIN_SID,)})
    want = State([root, account(1, 1103), account(2, 1104, isDeleted=(b"TRUE",)), account(3, 500)])
    have = State([root, account(4, 1200)])
    assert known_rids(want, have, domain=DOMAIN) == {1103, 1104, 1200}
