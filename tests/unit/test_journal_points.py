"""A point means one commit, and one after which no look was half in the journal."""

from datetime import UTC, datetime

import pytest

from adpersist.errors import PointError
from adpersist.journal.journal import Journal
from adpersist.journal.points import parse_moment
from adpersist.model.identity.ids import Seq, Usn
from tests.golden.journal_samples import (
    AGENT,
    NOON,
    OTHER,
    created,
    fresh_store,
    look,
    new_journal,
    opened,
    position,
    set_value,
)

MINUTE = 60.0


@pytest.fixture
def journal() -> Journal:
    """Looks at noon + 1, 2, 3 minutes, USN 100, 200, 300; a mark; half a look; a mark; its end at 6 minutes."""
    journal = new_journal(fresh_store())
    for number in (1, 2, 3):
        look(journal, [created(f"user{number}")], number * 100, now=NOON + number * MINUTE)
    journal.mark("whole", writer=AGENT, now=NOON + 3.5 * MINUTE)
    look(journal, [created("half")], 400, now=NOON + 4 * MINUTE, ends_look=False)
    journal.mark("half", writer=AGENT, now=NOON + 5 * MINUTE)
    look(journal, [set_value("half", b"other half")], 400, now=NOON + 6 * MINUTE)
    return journal


@pytest.mark.parametrize(
    ("point", "seq"),
    [
        (None, 7),
        ("1", 1),
        ("5", 5),
        (" 7 ", 7),
        ("@whole", 4),
        ("@half", 4),
        ("2026-01-01T12:01:00Z", 1),
        ("2026-01-01T12:01:00.000001+00:00", 1),
        ("2026-01-01T13:02:30+01:00", 2),
        ("2026-01-01T12:02:30", 2),
        ("2026-01-01 12:05:30Z", 4),
        ("2026-01-02", 7),
        ("-1s", 7),
        ("-2m", 4),
        ("-0h", 7),
        ("-5m", 2),
        ("usn:100", 1),
        ("usn:299", 2),
        ("usn:399", 3),
        ("USN:400", 7),
        ("usn:99999999999999999999", 7),
    ],
)
def test_a_point_means_a_commit(journal: Journal, point: str | None, seq: int) -> None:
    for reader in (journal, opened(journal._store)):
        assert reader.resolve(point, now=NOON + 7 * MINUTE) == seq


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [("-90s", 90), ("-2m", 120), ("-3h", 10_800), ("-4d", 345_600), ("-5w", 3_024_000), ("-0w", 0)],
)
def test_so_long_ago_is_counted_from_now(text: str, ago_s: int) -> None:
    assert parse_moment(text, NOON + 0.5) == NOON + 0.5 - ago_s


def test_a_mark_nobody_made_is_answered_with_the_newest_ten() -> None:
    journal = new_journal(fresh_store())
    with pytest.raises(PointError, match="no mark @x") as refused:
        journal.resolve("@x", now=NOON)
    assert refused.value.hint == "The newest marks: none."
    for number in range(1, 12):
        journal.mark(f"m{number}", writer=AGENT, now=NOON)
    with pytest.raises(PointError) as refused:
        journal.resolve("@x", now=NOON)
    assert refused.value.hint == f"The newest marks: {', '.join(f'@m{number}' for number in range(2, 12))}."


def test_where_nothing_whole_follows_what_was_pruned_its_checkpoint_is_the_newest_point() -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 1)
    look(journal, [created("b")], 2)
    journal.write_checkpoint(Seq(2), [], now=NOON + 3)
    journal.prune(oldest=Seq(2), keep_marks=False, now=NOON + 3)
    for ends_look in (False, True):
        journal.commit(
            [created("c")],
            position=position(4),
            usn_from=Usn(2),
            witnesses=(),
            complete=True,
            now=NOON + 4,
            ends_look=ends_look,
        )
        assert journal.resolve(None, now=NOON) == (4 if ends_look else 2)


@pytest.mark.parametrize(
    "point",
    ["0", "8", "99999999999999999999999", "@", "@nobody", "usn:99", "usn:", "usn:-5", "usn:x", "-8m", "-2x", "--2h",
     "2026-01-01T12:00:59Z", "yesterday", "", "1.5", "²", "٣", "2026-13-01", "-999999999w", "-106751992d",
     "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_point_is_said_to_be_none(journal: Journal, point: str) -> None:
    with pytest.raises(PointError):
        journal.resolve(point, now=NOON + 7 * MINUTE)


def test_an_empty_journal_has_no_point() -> None:
    journal = new_journal(fresh_store())
    for point in (None, "0", "1", "-1h", "usn:5", datetime.fromtimestamp(NOON, UTC).isoformat()):
        with pytest.raises(PointError):
            journal.resolve(point, now=NOON)


def test_nothing_before_the_first_whole_look_is_a_point() -> None:
    journal = new_journal(fresh_store())
    journal.commit([created("a")], position=position(1), usn_from=Usn(0), witnesses=(), complete=False, now=NOON)
    with pytest.raises(PointError):
        journal.resolve(None, now=NOON)
    look(journal, [created("b")], 2, now=NOON)
    assert journal.resolve(None, now=NOON) == 2
    assert journal.resolve("usn:5", now=NOON) == 2
    with pytest.raises(PointError):
        journal.resolve("usn:1", now=NOON)


@pytest.mark.parametrize(("age", "seq"), [("-3m", 2), ("-2m", 4), ("-0m", 5)])
def test_what_is_young_is_kept_though_the_clock_went_back_after_it(age: str, seq: int) -> None:
    """Or ahead: nobody can be younger than now."""
    journal = new_journal(fresh_store())
    for number, minutes in enumerate((1, 10_000, 2, -10_000, 4), 1):
        look(journal, [created(f"user{number}")], number * 100, now=NOON + minutes * MINUTE)
    assert journal.resolve("-3m", now=NOON + 4 * MINUTE) == 4
    assert journal.oldest(age, now=NOON + 4 * MINUTE) == seq


def test_nothing_is_forgotten_where_nothing_is_old() -> None:
    journal = new_journal(fresh_store())
    for number, minutes in enumerate((3, -10_000), 1):
        look(journal, [created(f"user{number}")], number * 100, now=NOON + minutes * MINUTE)
    with pytest.raises(PointError):
        journal.oldest("-2m", now=NOON + 4 * MINUTE)


def test_a_long_half_look_is_walked_back_over() -> None:
    journal = new_journal(fresh_store())
    look(journal, [created("a")], 1)
    for number in range(200):
        look(journal, [created(f"b{number}")], 9, ends_look=False)
    assert journal.head.seq == 201
    assert journal.resolve(None, now=NOON) == 1


def test_after_a_restore_the_newest_timeline_has_the_first_word_about_usns() -> None:
    store = fresh_store()
    journal = new_journal(store)
    for usn in (100, 200, 300):
        look(journal, [created(f"u{usn}")], usn)
    restorer = opened(store)
    restorer.begin_restore(target=Seq(3), writer=OTHER, now=NOON + 301)
    restorer.end_restore(now=NOON + 302)
    look(restorer, [created("again")], 250, now=NOON + 303)
    assert restorer.resolve("usn:250", now=NOON) == 6
    assert restorer.resolve("usn:249", now=NOON) == 2
    assert restorer.resolve(None, now=NOON) == 6


def test_points_begin_at_the_checkpoint_once_the_rest_is_pruned() -> None:
    store = fresh_store()
    journal = new_journal(store)
    for usn in (100, 200, 300, 400):
        look(journal, [created(f"u{usn}")], usn)
    journal.mark("old", writer=AGENT, now=NOON + 401)
    journal.write_checkpoint(Seq(3), [], now=NOON + 402)
    journal.prune(oldest=Seq(3), keep_marks=True, now=NOON + 403)
    assert [commit.seq for commit in journal.commits(after=Seq(3))] == [4, 5]
    assert journal.resolve("3", now=NOON) == 3
    assert journal.resolve("@old", now=NOON) == 5
    assert journal.resolve("2026-01-01T12:05:00Z", now=NOON) == 3
    for point in ("2", "usn:300", "2026-01-01T12:04:59Z"):
        with pytest.raises(PointError):
            journal.resolve(point, now=NOON)
    with pytest.raises(PointError):
        list(journal.commits(after=Seq(2)))
