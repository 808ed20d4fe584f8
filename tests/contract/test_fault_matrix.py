"""Every fault at every point, through the patience users get: what comes out, and what is in the journal then."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pytest

from adpersist.errors import AdpersistError, OutcomeUnknownError
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Frame, Store, StoredHead
from adpersist.stores.retrying import RetryingStore
from adpersist.system.backoff import Backoff
from tests.contract.conftest import Place
from tests.faults import Fault, FaultyStore, Injection, Point, Tempo

ALWAYS = 1_000_000
BUDGET_S = 30.0
DEADLY = {Fault.DIE_BEFORE, Fault.DIE_AFTER}
"""tests/contract/test_crash.py has these: they need a process to kill."""


@dataclass(slots=True)
class Clock:
    """Time that passes only while somebody waits."""

    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> float:
        return self.now


def frames_of(store: Store) -> list[Frame]:
    return list(store.frames(after=Seq(0)))


TWO = [Frame(seq=Seq(2), body=b"2"), Frame(seq=Seq(3), body=b"3")]
Act = Callable[[Store, StoredHead], object]
ACTS: Mapping[Point, Act] = {
    Point.CREATE: lambda store, _: store.create(b"made"),
    Point.HEAD: lambda store, _: store.head(),
    Point.APPEND: lambda store, onto: store.append(TWO, onto=onto, head=b"moved"),
    Point.STAGE: lambda store, onto: store.stage(TWO, onto=onto),
    Point.ADVANCE: lambda store, onto: store.advance(onto=onto, seq=Seq(3), head=b"moved"),
    Point.CLEAR: lambda store, onto: store.clear(onto=onto),
    Point.SPARE: lambda store, _: store.spare(),
    Point.FRAMES: lambda store, _: frames_of(store),
    Point.PUT_CHECKPOINT: lambda store, _: store.put_checkpoint(Seq(1), iter([b"x", b"y", b"z"])),
    Point.CHECKPOINTS: lambda store, _: store.checkpoints(),
    Point.CHECKPOINT: lambda store, _: list(store.checkpoint(Seq(0))),
    Point.DROP_CHECKPOINT: lambda store, _: store.drop_checkpoint(Seq(0)),
    Point.TRIM: lambda store, _: store.trim(through=Seq(1)),
}
LOOKS: Mapping[Point, Callable[[Store], object]] = {
    Point.CREATE: lambda store: store.head().body == b"made",
    Point.APPEND: lambda store: frames_of(store)[1:] == TWO and store.head().body == b"moved",
    Point.STAGE: lambda store: list(store.frames(after=Seq(1), through=Seq(3))) == TWO,
    Point.ADVANCE: lambda store: (store.head().seq, store.head().body, store.spare()) == (3, b"moved", b"moved"),
    Point.CLEAR: lambda store: list(store.frames(after=Seq(1), through=Seq(3))) == [],
    Point.PUT_CHECKPOINT: lambda store: list(store.checkpoint(Seq(1))) == [b"x", b"y", b"z"],
    Point.DROP_CHECKPOINT: lambda store: store.checkpoints() == [],
    Point.TRIM: lambda store: frames_of(store) == [],
}
"""Whether the write is in the journal, whole."""

READS = set(Point) - set(LOOKS)

ONCE: Mapping[Fault, str] = {
    Fault.REJECT: "refused",
    Fault.THROTTLE: "done",
    Fault.DROP: "done",
    Fault.LOSE_ANSWER: "done",
    Fault.LATE: "done",
    Fault.HANG: "done",
    Fault.SLOW: "done",
}


def lasting(point: Point, fault: Fault) -> str:
    """What comes out when the fault does not go away."""
    if fault in (Fault.LOSE_ANSWER, Fault.LATE) and point in (Point.CREATE, Point.APPEND, Point.ADVANCE):
        return "done"  # the head tells
    sure = {Fault.REJECT: "refused", Fault.SLOW: "done", Fault.THROTTLE: "unreachable"}
    return sure.get(fault, "unreachable" if point in READS else "unknown")


NAMES = {
    "StoreReadOnlyError": "refused",
    "StoreError": "refused",
    "ThrottledError": "unreachable",
    "StoreUnreachableError": "unreachable",
    "OutcomeUnknownError": "unknown",
}


@pytest.fixture
def truth(place: Place, journal: str) -> Iterator[Store]:
    with closing(place.open(journal)) as store:
        yield store


@pytest.mark.sampled
@pytest.mark.parametrize("place", ["memory", "sqlite bare"], indirect=True)
@pytest.mark.parametrize("times", [1, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in DEADLY])
@pytest.mark.parametrize("point", list(Point))
def test_matrix(
    place: Place, journal: str, truth: Store, point: Point, fault: Fault, times: int,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    clock = Clock()
    backoff = Backoff(budget_s=BUDGET_S, sleep=clock.sleep, clock=clock.read)
    tempo = Tempo(hang_s=15.0, slow_s=0.5, sleep=clock.sleep)
    onto = StoredHead(seq=Seq(0), body=b"", token="")
    if point is not Point.CREATE:
        onto = truth.append([Frame(seq=Seq(1), body=b"1")], onto=truth.create(b""), head=b"first")
        truth.put_checkpoint(Seq(0), [b"a", b"b"])
    if point in (Point.ADVANCE, Point.CLEAR):
        onto = truth.stage(TWO, onto=onto)
    with closing(place.open(journal)) as inner:
        faulty = FaultyStore(inner, [Injection(point=point, fault=fault, times=times)], tempo)
        outcome = outcome_of(lambda: ACTS[point](RetryingStore(faulty, backoff), onto))
    record_property("cell", f"{point} {fault} {'once' if times == 1 else 'always'}: {outcome}")

    assert outcome == (ONCE[fault] if times == 1 else lasting(point, fault))
    assert clock.now <= BUDGET_S + tempo.hang_s + backoff.cap_s
    if point in LOOKS:
        written = outcome_of(lambda: check(LOOKS[point](truth)))
        if outcome == "done":
            assert written == "done"
        if outcome in ("refused", "unreachable"):
            assert written != "done"
    if point is not Point.CREATE:
        head = truth.head()
        kept = [frame.seq for frame in frames_of(truth)]
        assert kept == list(range(head.seq - len(kept) + 1, head.seq + 1))


def check(held: object) -> None:
    if not held:
        raise OutcomeUnknownError("it does not stand there whole")


def outcome_of(act: Callable[[], object]) -> str:
    try:
        act()
    except AdpersistError as error:
        return NAMES.get(type(error).__name__, type(error).__name__)
    return "done"


def test_the_matrix_is_whole() -> None:
    assert set(ACTS) == set(Point)
    assert set(ONCE) | DEADLY == set(Fault)
