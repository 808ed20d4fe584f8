"""A state is made of its own timeline's commits; what is forgotten is needed by nothing that is kept."""

from dataclasses import replace

import pytest

from adpersist.errors import PointError
from adpersist.journal.timelines import Span, begun_anew, path_to
from adpersist.journal.upkeep.restorable import restorable
from adpersist.journal.upkeep.retention import PrunePlan, doubts, plan_prune, pruned_head
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import IMAGE, Checkpoint, Head, Lost, Mark, Timeline
from tests.golden.journal_samples import AGENT, IDENTITY, NOON, position


def head(
    last: int,
    *,
    timelines: tuple[tuple[int, int], ...] = (),
    checkpoints: tuple[int, ...] = (),
    marks: tuple[int, ...] = (),
    pruned: int = 0,
    target: int | None = None,
) -> Head:
    """A head; timelines as (base, begins)."""
    return Head(
        seq=Seq(last),
        digest=bytes(32),
        timeline=1 + len(timelines),
        time=NOON,
        identity=IDENTITY,
        writer=AGENT,
        timelines=tuple(
            Timeline(number=number, base=Seq(base), begins=Seq(begins))
            for number, (base, begins) in enumerate(timelines, start=2)
        ),
        checkpoints=tuple(
            Checkpoint(seq=Seq(seq), digest=bytes(32), time=NOON, parts=1, objects=1, proof=b"") for seq in checkpoints
        ),
        marks=tuple(Mark(name=f"m{seq}", seq=Seq(seq), time=NOON) for seq in marks),
        pruned=Seq(pruned),
        target=None if target is None else Seq(target),
    )


def commits(of: Head, point: int) -> list[int]:
    path = path_to(of, Seq(point))
    numbers = [seq for span in path.spans for seq in range(span.after + 1, span.through + 1)]
    return [-path.checkpoint.seq, *numbers] if path.checkpoint else numbers


def test_without_restores_a_state_is_made_of_everything_before() -> None:
    assert commits(head(5), 3) == [1, 2, 3]
    assert commits(head(5), 0) == []


def test_a_state_at_hand_is_gone_on_from() -> None:
    one = head(12, timelines=((3, 8),), checkpoints=(10,))
    assert path_to(one, Seq(12), since=Seq(2)).spans == (
        Span(after=Seq(2), through=Seq(3)),
        Span(after=Seq(8), through=Seq(12)),
    )
    assert path_to(one, Seq(12), since=Seq(11)).spans == (Span(after=Seq(11), through=Seq(12)),)
    assert path_to(one, Seq(12), since=Seq(12)).spans == ()
    assert path_to(one, Seq(12), since=Seq(8)).spans == (Span(after=Seq(8), through=Seq(12)),), "the restore's end"
    assert path_to(one, Seq(2), since=Seq(0)).spans == (Span(after=Seq(0), through=Seq(2)),)


def test_nothing_leads_on_from_an_abandoned_state() -> None:
    with pytest.raises(PointError):
        path_to(head(12, timelines=((3, 8),)), Seq(12), since=Seq(5))


def test_a_restore_leaves_the_abandoned_commits_out() -> None:
    one = head(12, timelines=((3, 8),))
    assert commits(one, 12) == [1, 2, 3, 9, 10, 11, 12]
    assert commits(one, 8) == [1, 2, 3]
    assert commits(one, 7) == [1, 2, 3, 4, 5, 6, 7]


def test_a_restore_to_an_abandoned_point_goes_by_way_of_it() -> None:
    two = head(20, timelines=((3, 8), (6, 15)))
    assert commits(two, 17) == [1, 2, 3, 4, 5, 6, 16, 17]
    assert commits(two, 14) == [1, 2, 3, 9, 10, 11, 12, 13, 14]
    three = head(30, timelines=((3, 8), (10, 15), (12, 20)))
    assert commits(three, 21) == [1, 2, 3, 9, 10, 11, 12, 21]


def test_the_newest_checkpoint_on_the_way_is_where_reading_begins() -> None:
    one = head(12, timelines=((3, 8),), checkpoints=(2, 5, 8))
    assert commits(one, 12) == [-8, 9, 10, 11, 12]
    assert commits(one, 8) == [-8]
    assert commits(one, 7) == [-5, 6, 7]
    assert commits(one, 4) == [-2, 3, 4]
    abandoned = head(12, timelines=((3, 8),), checkpoints=(5,))
    assert commits(abandoned, 12) == [1, 2, 3, 9, 10, 11, 12]


def test_what_is_pruned_cannot_be_told() -> None:
    one = head(12, checkpoints=(6,), pruned=6)
    assert commits(one, 7) == [-6, 7]
    for point in (3, 5, 13, -1):
        with pytest.raises(PointError):
            path_to(one, Seq(point))


@pytest.mark.parametrize(
    ("journal", "oldest", "keep_marks", "through"),
    [
        (head(20), 15, True, 0),
        (head(20, checkpoints=(5, 10, 15)), 20, True, 15),
        (head(20, checkpoints=(5, 10, 15)), 14, True, 10),
        (head(20, checkpoints=(5, 10, 15)), 15, True, 15),
        (head(20, checkpoints=(5, 10, 15)), 4, True, 0),
        (head(20, checkpoints=(5, 10, 15), marks=(7,)), 16, True, 5),
        (head(20, checkpoints=(5, 10, 15), marks=(7,)), 16, False, 15),
        (head(20, checkpoints=(5, 10, 15), marks=(3,)), 16, True, 0),
        # restored to 7 by 12: the state at 16 is made of the checkpoint at 5
        (head(20, checkpoints=(5, 10), timelines=((7, 12),)), 16, True, 5),
        (head(20, checkpoints=(5, 10, 14), timelines=((7, 12),)), 16, True, 14),
        # oldest before the restore: what came after it stands on 7
        (head(20, checkpoints=(5, 10), timelines=((7, 12),)), 11, True, 5),
        (head(20, checkpoints=(5, 10), target=6), 15, True, 5),
        (head(20, checkpoints=(5, 10), pruned=5), 15, True, 10),
        (head(20, checkpoints=(5, 10), pruned=5, marks=(8,)), 15, True, 5),
        (head(20, checkpoints=(5,), pruned=5, timelines=((3, 8),), marks=(7,)), 7, True, 5),
        # oldest was pruned before
        (head(20, checkpoints=(5, 10), pruned=5, marks=(12,)), 2, True, 5),
        # what 9 was made of is pruned; 12 and what follows is told from 11 on
        (head(20, checkpoints=(6, 11, 15), pruned=6, timelines=((3, 8),), marks=(18,)), 9, True, 11),
        # what 14 was made of is pruned; 20 was made of 3, and 22 of 13
        (head(22, checkpoints=(3, 12), pruned=3, timelines=((1, 14), (3, 20), (13, 22))), 14, True, 3),
    ],
)
def test_only_what_nothing_kept_needs_is_forgotten(journal: Head, oldest: int, keep_marks: bool, through: int) -> None:
    plan = plan_prune(journal, oldest=Seq(oldest), keep_marks=keep_marks)
    assert plan.through == through
    after = pruned_head(journal, plan)
    kept = [mark.seq for mark in journal.marks] if keep_marks else []
    for point in [*range(oldest, journal.seq + 1), *kept]:
        assert _tellable(after, point) == _tellable(journal, point)


def _tellable(of: Head, point: int) -> bool:
    try:
        path_to(of, Seq(point))
    except PointError:
        return False
    return True


@pytest.mark.parametrize(
    ("through", "days", "clauses"),
    [
        (4, 1000, ()),
        (12, 0, ()),
        (12, 1, ()),
        (12, 1.001, ("this machine's clock is 1 days past the journal's last word",)),
        (12, -1000, ()),
        (13, 0, ("9 of 16 commits would go, more than half",)),
        (
            20,
            40,
            (
                "this machine's clock is 40 days past the journal's last word",
                "16 of 16 commits would go, more than half",
            ),
        ),
    ],
    ids=["nothing goes", "half", "a day later", "a clock ahead", "a clock behind", "more than half", "both"],
)
def test_a_prune_that_a_wrong_clock_may_have_asked_for_wants_a_persons_word(
    through: int, days: float, clauses: tuple[str, ...]
) -> None:
    """What goes is gone for good."""
    plan = PrunePlan(through=Seq(through), checkpoints=(), marks=(), wanted=None)
    assert doubts(head(20, pruned=4), plan, now=NOON + days * 86_400) == clauses


def test_the_note_of_the_image_stays_with_the_marks_unless_it_is_given_up() -> None:
    one = head(20, checkpoints=(5, 10, 15))
    with_image = replace(one, marks=(Mark(name=IMAGE, seq=Seq(7), time=NOON), Mark(name="m12", seq=Seq(12), time=NOON)))
    assert plan_prune(with_image, oldest=Seq(16), keep_marks=True).through == 5
    given_up = plan_prune(with_image, oldest=Seq(16), keep_marks=True, keep_image=False)
    assert (given_up.through, given_up.marks) == (10, (IMAGE,))
    assert plan_prune(with_image, oldest=Seq(16), keep_marks=False).through == 15


def test_what_a_restore_that_ended_at_the_oldest_point_stood_on_goes() -> None:
    assert plan_prune(head(20, checkpoints=(2, 8), timelines=((3, 8),)), oldest=Seq(8), keep_marks=True).through == 8
    assert plan_prune(head(20, checkpoints=(2, 8), timelines=((3, 9),)), oldest=Seq(8), keep_marks=True).through == 2


@pytest.mark.parametrize(
    ("checkpoints", "left"), [((6,), [(7, 8)]), ((), [(5, 6), (7, 8)])], ids=["a checkpoint", "none"]
)
def test_a_note_of_lost_commits_stays_where_the_chain_hangs_on_it(
    checkpoints: tuple[int, ...], left: list[tuple[int, int]]
) -> None:
    noted = tuple(
        Lost(first=Seq(first), last=Seq(last), digest=bytes(32), time=NOON) for first, last in [(2, 3), (5, 6), (7, 8)]
    )
    one = replace(head(20, checkpoints=checkpoints, timelines=((1, 6), (1, 7))), lost=noted)
    after = pruned_head(one, PrunePlan(through=Seq(6), checkpoints=(), marks=(), wanted=None))
    assert [(each.first, each.last) for each in after.lost] == left
    assert [each.begins for each in after.timelines] == [7]


def test_a_prune_says_which_checkpoint_would_let_more_go() -> None:
    assert plan_prune(head(20), oldest=Seq(15), keep_marks=True).wanted == 15
    assert plan_prune(head(20, checkpoints=(10,)), oldest=Seq(15), keep_marks=True).wanted == 15
    assert plan_prune(head(20, checkpoints=(15,)), oldest=Seq(15), keep_marks=True).wanted is None
    assert plan_prune(head(20, marks=(7,)), oldest=Seq(15), keep_marks=True).wanted == 7


def test_what_is_forgotten_leaves_the_head() -> None:
    journal = head(20, checkpoints=(5, 10, 15), marks=(3, 12), timelines=((2, 4), (11, 17)))
    plan = plan_prune(journal, oldest=Seq(16), keep_marks=False)
    assert (plan.through, plan.checkpoints, plan.marks) == (10, (5,), ("m3",))
    after = pruned_head(journal, plan)
    assert [each.seq for each in after.checkpoints] == [10, 15]
    assert [each.seq for each in after.marks] == [12]
    assert [each.begins for each in after.timelines] == [17]
    assert after.pruned == 10


def spans(of: tuple[Span, ...]) -> list[tuple[int, int]]:
    return [(span.after, span.through) for span in of]


def lost(*pairs: tuple[int, int]) -> list[Span]:
    return [Span(after=Seq(after), through=Seq(through)) for after, through in pairs]


def test_what_needs_a_lost_commit_cannot_be_restored() -> None:
    assert spans(restorable(head(10), ())) == [(0, 10)]
    assert spans(restorable(head(10), lost((3, 4)))) == [(0, 3)]
    assert spans(restorable(head(10, checkpoints=(6,)), lost((3, 4)))) == [(0, 3), (5, 10)]
    assert spans(restorable(head(10, checkpoints=(3,), pruned=3), ())) == [(2, 10)]
    assert spans(restorable(head(10, checkpoints=(3,), pruned=3), lost((4, 6)))) == [(2, 4)]
    assert spans(restorable(head(10, pruned=3), ())) == []
    assert spans(restorable(head(0), ())) == []


def test_after_a_repair_nothing_is_whole_until_the_dc_was_looked_at() -> None:
    noted = Lost(first=Seq(4), last=Seq(5), digest=bytes(32), time=NOON)
    one = replace(head(12, timelines=((3, 8),), checkpoints=(7,)), lost=(noted,))
    assert spans(restorable(replace(one, complete=False), ())) == [(0, 3), (6, 7)]
    assert spans(restorable(replace(one, complete=True), ())) == [(0, 3), (6, 12)]


def test_an_abandoned_timelines_damage_does_not_matter_to_the_next() -> None:
    one = head(12, timelines=((3, 8),))
    assert spans(restorable(one, lost((4, 5)))) == [(0, 4), (7, 12)]
    assert spans(restorable(one, lost((6, 7)))) == [(0, 6), (7, 12)]
    assert spans(restorable(one, lost((7, 8)))) == [(0, 8)]  # what follows is tied to 8
    assert spans(restorable(one, lost((1, 2)))) == [(0, 1)]


def test_what_begins_anew_looks_at_everything_and_knows_where_the_dc_stood() -> None:
    before = replace(head(12), position=position(500), settled=True, complete=True)
    after = begun_anew(before, Timeline(number=2, base=Seq(3), begins=Seq(13)))
    assert (after.settled, after.complete, after.timeline) == (False, False, 2)
    assert after.timelines == (Timeline(number=2, base=Seq(3), begins=Seq(13)),)
    assert after.position == replace(position(500), cookies={}), "by the USN a DC that was put back is told"
    assert begun_anew(head(12), after.timelines[0]).position is None
