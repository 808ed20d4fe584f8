"""A journal that is moved goes on at one place, or for a while at none; never at two, whatever is killed or raced."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adpersist.errors import (
    AdpersistError,
    CopyRefusedError,
    FencedError,
    MovedError,
    NoJournalError,
)
from adpersist.journal.appending import spare_head
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import check_journal
from adpersist.journal.upkeep.copy import Copied, JournalCopy
from adpersist.journal.upkeep.move import JournalMove
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Moved
from adpersist.model.objects.object_state import ObjectState
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import Store, StoredHead
from tests.faults import WRITES, Fault, FaultyStore, Injection, Point, Tempo
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
    NOON,
    OTHER,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    opened,
)

LOOKS = 12
SEVERAL_STEPS = 70
"""More looks than one step of a store takes."""


class KilledError(BaseException):
    """The process ended here."""


def killed() -> None:
    raise KilledError


def written(count: int = LOOKS) -> MemoryStore:
    made = fresh_store()
    journal = new_journal(made)
    for number in range(1, count + 1):
        look(journal, [created(f"user{number}")], number)
        if number == 5:
            journal.write_checkpoint(Seq(5), [ObjectState(guid=guid("a"), nc=NC, parent=None, rdn="CN=a")], now=NOON)
    journal.mark("here", writer=OTHER, now=NOON)
    return made


def move(source: Store, target: Store) -> JournalMove:
    here = journal_id(IDENTITY)
    return JournalMove(source, target, key(), expected=here, writer=OTHER, forgets=True, patience=IMPATIENT)


def moved(source: Store, target: Store, *, now: float = NOON + 1000) -> None:
    assert move(source, target).run(now=now).changed


def goes_on(store: Store) -> bool:
    """Somebody may write here, and it is no copy of what goes on elsewhere."""
    try:
        journal = opened(store)
        moved = journal.head.moved
        if moved is not None and moved.arrived and moved.to != store.location:
            return False
        journal.claim(AGENT, now=NOON)
    except (MovedError, NoJournalError):
        return False
    return True


def everything(store: Store) -> list[bytes]:
    return [frame.body for frame in store.frames(after=Seq(0))]


def test_the_old_place_names_the_new_one_and_takes_no_more_writes() -> None:
    source, target = written(SEVERAL_STEPS), fresh_store()
    holder = opened(source, AGENT)
    before = everything(source)
    moved(source, target)

    writes: list[Callable[[Journal], object]] = [
        lambda journal: journal.claim(AGENT, now=NOON),
        lambda journal: journal.mark("late", writer=OTHER, now=NOON),
        lambda journal: journal.prune(oldest=Seq(5), keep_marks=False, now=NOON),
        lambda journal: journal.write_checkpoint(Seq(7), [], now=NOON),
        lambda journal: journal.rotate_data_key(now=NOON),
        lambda journal: journal.rotate_key(key("new"), now=NOON),
        lambda journal: journal.begin_restore(target=Seq(3), writer=OTHER, now=NOON),
        lambda journal: journal.take_up(OTHER, now=NOON),
        lambda journal: journal.go_on(replace(check_journal(source, key())), OTHER, now=NOON),
        lambda journal: journal.hand_back(AGENT, now=NOON),
        lambda journal: journal.beat(now=NOON),
        lambda journal: journal.require_here(),
    ]
    head, places = source.head(), source.checkpoints()
    assert opened(source).head.moved == Moved(to=target.location, time=NOON + 1000, arrived=False)
    assert opened(target).head.moved == Moved(to=target.location, time=NOON + 1000, arrived=True)
    for write in writes:
        with pytest.raises(MovedError) as refused:
            write(opened(source))
        assert refused.value.to == target.location
        assert target.location in refused.value.hint
    with pytest.raises(MovedError):
        look(holder, [created("late")], 900)
    assert not holder.is_held_after_refresh()
    assert (source.head(), everything(source), source.checkpoints()) == (head, before, places)

    assert [commit.seq for commit in opened(source).commits()] == list(range(1, len(before) + 1))
    assert check_journal(source, key()).findings == ()
    assert everything(target) == before
    assert check_journal(target, key()).findings == ()
    look(opened(target, AGENT), [created("further")], 901)
    assert move(source, target).run(now=NOON).changed is False, "what is done is not done again"


def test_the_way_back_is_another_move() -> None:
    here, there = written(), fresh_store()
    moved(here, there)
    look(opened(there, AGENT), [created("there")], 901)
    moved(there, here, now=NOON + 2000)
    assert not goes_on(there)
    look(opened(here, AGENT), [created("again")], 902)
    assert everything(here)[:-1] == everything(there)
    moved(here, there, now=NOON + 3000)
    assert goes_on(there)
    assert not goes_on(here)


def test_nobody_captures_an_old_place_again_through_its_spare_head() -> None:
    source, target = written(), fresh_store()
    moved(source, target)
    found = spare_head.rebuilt(source, key())
    assert found.tip.head.gone_to == target.location


def test_a_second_copy_neither_loses_the_word_of_a_move_nor_takes_it_on() -> None:
    source, target, second = written(), fresh_store(), fresh_store()
    follower = JournalCopy(source, second, key(), expected=None)
    follower.run()
    before = second.head()
    moved(source, target)
    with pytest.raises(MovedError):
        follower.run()
    assert second.head() == before
    look(opened(target, AGENT), [created("further")], 901)
    JournalCopy(target, second, key(), expected=None).run()
    assert everything(second) == everything(target)
    with pytest.raises(CopyRefusedError, match="moved away"):
        JournalCopy(target, source, key(), expected=None).run()
    with pytest.raises(MovedError):
        move(source, second).run(now=NOON)


def test_a_place_that_is_no_copy_is_refused_before_anything_says_moved() -> None:
    source, target = written(), fresh_store()
    JournalCopy(source, target, key(), expected=None).run()
    look(opened(target, OTHER), [created("elsewhere")], 900)
    with pytest.raises(CopyRefusedError):
        move(source, target).run(now=NOON)
    assert goes_on(source)


# --- cut off, and raced ---


@dataclass(frozen=True, slots=True)
class Moment:
    """One call of one of the two stores."""

    at_source: bool
    point: Point
    call: int


def moments(run: Callable[[Store, Store], object], source: MemoryStore, target: MemoryStore) -> list[Moment]:
    """Every call that a run makes."""
    watched = FaultyStore(source, []), FaultyStore(target, [])
    run(*watched)
    return [
        Moment(store is watched[0], point, call + 1)
        for store in watched
        for point, calls in store.calls.items()
        for call in range(calls)
    ]


def struck(moment: Moment, fault: Fault, tempo: Tempo, source: Store, target: Store) -> tuple[FaultyStore, FaultyStore]:
    script = [Injection(point=moment.point, fault=fault, call=moment.call)]
    return (
        FaultyStore(source, script if moment.at_source else [], tempo),
        FaultyStore(target, [] if moment.at_source else script, tempo),
    )


def run_move(source: Store, target: Store) -> None:
    move(source, target).run(now=NOON + 1000)


MOVE_MOMENTS = moments(run_move, written(), fresh_store())


def new_place() -> tuple[MemoryStore, MemoryStore]:
    """A journal, and nothing where it is to go on."""
    return written(), fresh_store()


def copied_place() -> tuple[MemoryStore, MemoryStore]:
    """A journal that once came from elsewhere, and a copy of it where it is to go on, a commit behind."""
    before, source, target = written(), fresh_store(), fresh_store()
    moved(before, source, now=NOON + 500)
    JournalCopy(source, target, key(), expected=None).run()
    look(opened(source, AGENT), [created("since")], 900)
    return source, target


def half_moved() -> Iterator[tuple[MemoryStore, MemoryStore, Moment]]:
    """A move, killed before each of its calls and after each of its writes in turn."""
    for places in (new_place, copied_place):
        for moment in moments(run_move, *places()):
            for fault in (Fault.DIE_BEFORE, Fault.DIE_AFTER) if moment.point in WRITES else (Fault.DIE_BEFORE,):
                source, target = places()
                with pytest.raises(KilledError):
                    run_move(*struck(moment, fault, Tempo(die=killed), source, target))
                yield source, target, moment


def test_killed_anywhere_it_goes_on_at_one_place_or_none_and_the_next_run_ends_it() -> None:
    seen = set()
    for source, target, moment in half_moved():
        frames = everything(source)
        places = goes_on(source), goes_on(target)
        assert places != (True, True), moment
        seen.add(places)
        move(source, target).run(now=NOON + 2000)
        assert (goes_on(source), goes_on(target)) == (False, True), moment
        assert everything(target) == frames
        assert check_journal(target, key()).findings == ()
    assert seen == {(True, False), (False, False), (False, True)}, "every stage of a move was met"


def test_killed_anywhere_it_can_be_given_up_unless_it_arrived() -> None:
    outcomes: set[str | bool] = set()
    for source, target, moment in half_moved():
        if goes_on(target):
            with pytest.raises(CopyRefusedError, match="goes on in"):
                move(source, target).undo(sure=True)
            assert (goes_on(source), goes_on(target)) == (False, True), moment
            outcomes.add("arrived")
            continue
        outcomes.add(move(source, target).undo(sure=False))
        assert (goes_on(source), goes_on(target)) == (True, False), moment
        look(opened(source, AGENT), [created("on")], 990)
        run_move(source, target)
        assert (goes_on(source), goes_on(target)) == (False, True), moment
    assert outcomes == {"arrived", True, False}


def give_up(source: Store, target: Store) -> None:
    move(source, target).undo(sure=False)


def begun() -> tuple[MemoryStore, MemoryStore]:
    """All is there but the new place's head."""
    source, target = new_place()
    last = Moment(at_source=False, point=Point.ADVANCE, call=1)
    with pytest.raises(KilledError):
        run_move(*struck(last, Fault.DIE_BEFORE, Tempo(die=killed), source, target))
    return source, target


def test_a_last_step_that_arrives_late_while_a_move_is_given_up_never_leaves_two() -> None:
    """Its process ended long ago; the store does what it asked for at some moment of who gives it up."""
    ended = set()
    for moment in moments(give_up, *begun()):
        source, target = new_place()
        on_its_way: list[tuple[StoredHead, Seq, bytes]] = []

        class Sent(FaultyStore):
            def advance(self, *, onto: StoredHead, seq: Seq, head: bytes, sent: list[Any] = on_its_way) -> StoredHead:
                sent.append((onto, seq, head))
                raise KilledError

        with pytest.raises(KilledError):
            run_move(source, Sent(target, []))
        [(onto, seq, head)] = on_its_way

        def late(_: float, target: Store = target, onto: StoredHead = onto, seq: Seq = seq, head: bytes = head) -> None:
            with suppress(FencedError):
                target.advance(onto=onto, seq=seq, head=head)

        with suppress(CopyRefusedError, FencedError):
            give_up(*struck(moment, Fault.SLOW, Tempo(sleep=late), source, target))
        places = goes_on(source), goes_on(target)
        assert places != (True, True), moment
        ended.add(places)
    assert ended == {(False, True), (True, False)}


def test_a_place_that_went_on_by_itself_ends_neither_a_move_nor_who_gives_it_up() -> None:
    """Somebody took the copy for the journal while that was moved there: it is ahead, and the only one to go on."""
    source, target = copied_place()
    with pytest.raises(KilledError):
        last = Moment(at_source=False, point=Point.ADVANCE, call=1)
        run_move(*struck(last, Fault.DIE_BEFORE, Tempo(die=killed), source, target))
    for number in range(2):
        look(opened(target, OTHER), [created(f"elsewhere{number}")], 950 + number)
    before = source.head(), target.head()
    for deed in (run_move, lambda *places: move(*places).undo(sure=True)):
        with pytest.raises(CopyRefusedError, match="ahead of the journal"):
            deed(source, target)
        assert not goes_on(source)
    assert before[1] == target.head()


def test_what_went_on_from_the_new_place_arrived_there() -> None:
    source, target, further = written(), fresh_store(), fresh_store()
    moved(source, target)
    moved(target, further, now=NOON + 2000)
    assert move(source, target).run(now=NOON + 3000).changed is False
    with pytest.raises(CopyRefusedError, match="goes on in"):
        give_up(source, target)
    assert [goes_on(each) for each in (source, target, further)] == [False, False, True]


def prepare(source: Store, target: Store) -> Copied:
    return JournalCopy(source, target, key(), expected=None).prepare()


@pytest.mark.parametrize("earlier", [False, True])
def test_what_lies_in_the_new_place_is_not_read_again_while_nobody_captures(earlier: bool) -> None:
    reads = []
    for deed in (prepare, lambda *places: move(*places).run(now=NOON + 1000)):
        source, target = new_place()
        if earlier:
            prepare(source, target)
        counted = FaultyStore(target, [])
        done = deed(source, counted)
        reads.append((counted.calls[Point.FRAMES], counted.calls[Point.CHECKPOINT]))
    assert reads[0] == reads[1]
    assert (done.commits, done.checkpoints) == (0, 0), "nothing is left for the last step"


@pytest.mark.parametrize("first", ["move", "undo"])
def test_a_move_and_who_gives_it_up_at_the_same_moment_never_leave_two(first: str) -> None:
    one, other = (run_move, give_up) if first == "move" else (give_up, run_move)
    ended = set()
    for moment in moments(one, *begun()):
        source, target = begun()

        def meanwhile(_: float, source: Store = source, target: Store = target) -> None:
            with suppress(FencedError, CopyRefusedError):
                other(source, target)

        with suppress(FencedError, CopyRefusedError):
            one(*struck(moment, Fault.SLOW, Tempo(sleep=meanwhile), source, target))
        places = goes_on(source), goes_on(target)
        assert places != (True, True), moment
        ended.add(places)
    assert (False, True) in ended, "the move won at some moment"
    assert ((True, False) in ended) == (first == "move"), "so did who gave it up, where a move was slow"


def test_what_an_agent_was_told_is_durable_is_in_the_new_place() -> None:
    told, refused = 0, 0
    for moment in MOVE_MOMENTS:
        source, target = written(), fresh_store()
        agent = opened(source, AGENT)
        answers: list[bool] = []

        def meanwhile(_: float, agent: Journal = agent, answers: list[bool] = answers) -> None:
            try:
                look(agent, [created("meanwhile")], 950)
            except MovedError:
                answers.append(False)
            else:
                answers.append(True)

        run_move(*struck(moment, Fault.SLOW, Tempo(sleep=meanwhile), source, target))
        (durable,) = answers
        last = list(opened(target).commits())[-1]
        assert ([change.guid for change in last.changes] == [guid("meanwhile")]) is durable, moment
        told, refused = told + durable, refused + (not durable)
    assert told, "an agent wrote while the journal was moved"
    assert refused, "and was refused once it had been"


def test_two_moves_to_two_places_leave_one() -> None:
    for moment in MOVE_MOMENTS:
        source, target, elsewhere = written(), fresh_store(), fresh_store()

        def meanwhile(_: float, source: Store = source, elsewhere: Store = elsewhere) -> None:
            with suppress(MovedError):
                run_move(source, elsewhere)

        with suppress(MovedError, FencedError):
            run_move(*struck(moment, Fault.SLOW, Tempo(sleep=meanwhile), source, target))
        assert [goes_on(each) for each in (source, target, elsewhere)].count(True) == 1, moment


def test_a_new_place_that_was_lost_is_given_up_only_by_a_person() -> None:
    source, target = written(), fresh_store()
    moved(source, target)

    class Lost(MemoryStore):
        def head(self) -> StoredHead:
            raise NoJournalError("nothing is there")

    lost = Lost(target.location.removeprefix("memory://"), journal=journal_id(IDENTITY))
    with pytest.raises(NoJournalError):
        move(source, lost).run(now=NOON)
    with pytest.raises(CopyRefusedError, match="nothing tells") as refused:
        move(source, lost).undo(sure=False)
    assert "--yes" in refused.value.hint
    assert not goes_on(source)
    assert move(source, lost).undo(sure=True)
    assert goes_on(source)
    assert move(source, lost).undo(sure=False) is False


def test_a_store_that_does_not_answer_leaves_the_move_to_the_next_run() -> None:
    for moment in MOVE_MOMENTS:
        for fault in (Fault.THROTTLE, Fault.LOSE_ANSWER, Fault.DROP):
            source, target = written(), fresh_store()
            with suppress(AdpersistError):
                run_move(*struck(moment, fault, Tempo(sleep=lambda _: None), source, target))
            assert (goes_on(source), goes_on(target)) != (True, True), (moment, fault)
            with suppress(FencedError):
                move(source, target).run(now=NOON + 2000)
            assert (goes_on(source), goes_on(target)) == (False, True), (moment, fault)
