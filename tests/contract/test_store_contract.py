"""What every store must do, whoever keeps the bytes. One suite, run against each adapter."""

import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from adpersist.errors import (
    FencedError,
    JournalExistsError,
    LimitError,
    NoJournalError,
    OutcomeUnknownError,
    StoreUnreachableError,
)
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import (
    MAX_APPEND_BYTES,
    MAX_APPEND_FRAMES,
    MAX_FRAME_BYTES,
    MAX_HEAD_BYTES,
    MAX_SPARE_BYTES,
    Frame,
    Store,
    StoredHead,
)
from tests.contract.conftest import Place
from tests.contract.racer import ROUNDS, race, race_alone
from tests.processes import Process

BEGIN = Seq(0)


def made(first: int, *bodies: bytes) -> list[Frame]:
    return [Frame(seq=Seq(first + offset), body=body) for offset, body in enumerate(bodies)]


def filled(store: Store, count: int) -> StoredHead:
    """A new journal of ``count`` frames whose bodies are their numbers."""
    head = store.create(b"head 0")
    for number in range(1, count + 1):
        head = store.append(made(number, b"%d" % number), onto=head, head=b"head %d" % number)
    return head


def numbers(store: Store, *, after: int = 0, through: int | None = None) -> list[int]:
    found = list(store.frames(after=Seq(after), through=None if through is None else Seq(through)))
    assert all(frame.body == b"%d" % frame.seq for frame in found)
    return [frame.seq for frame in found]


class TestNothingThere:
    def test_head_of_nothing_is_no_journal(self, store: Store) -> None:
        with pytest.raises(NoJournalError) as caught:
            store.head()
        assert caught.value.hint

    def test_looking_creates_nothing(self, place: Place, journal: str) -> None:
        for _ in range(2):
            with closing(place.open(journal)) as looked:
                with pytest.raises(NoJournalError):
                    looked.head()
                assert looked.spare() is None
                assert place.things() == []
        with closing(place.open(journal)) as made:
            made.create(b"h")
            assert place.things(), "what is made is seen"

    def test_nothing_else_works_either(self, store: Store) -> None:
        onto = StoredHead(seq=BEGIN, body=b"", token='W/"nothing"')
        with pytest.raises(NoJournalError):
            store.append(made(1, b"x"), onto=onto, head=b"h")
        with pytest.raises(NoJournalError):
            list(store.frames(after=BEGIN))
        with pytest.raises(NoJournalError):
            list(store.frames_of([(BEGIN, Seq(1))]))
        with pytest.raises(NoJournalError):
            store.put_checkpoint(Seq(1), [b"x"])
        with pytest.raises(NoJournalError):
            store.checkpoints()
        with pytest.raises(NoJournalError):
            list(store.checkpoint(Seq(1)))
        with pytest.raises(NoJournalError):
            store.drop_checkpoint(Seq(1))
        with pytest.raises(NoJournalError):
            store.trim(through=Seq(1))

    def test_another_journal_in_the_store_is_no_journal_of_ours(self, place: Place, store: Store) -> None:
        filled(store, 1)
        with closing(place.open(secrets.token_hex(16))) as other, pytest.raises(NoJournalError):
            other.head()

    def test_closing_twice_is_no_error(self, store: Store) -> None:
        store.create(b"h")
        store.close()
        store.close()


class TestCreate:
    def test_created_head_is_read_back(self, store: Store) -> None:
        created = store.create(b"first")
        assert (created.seq, created.body) == (0, b"first")
        assert store.head() == created
        assert list(store.frames(after=BEGIN)) == []

    def test_second_create_is_refused_and_touches_nothing(self, place: Place, journal: str, store: Store) -> None:
        head = filled(store, 2)
        with pytest.raises(JournalExistsError):
            store.create(b"usurper")
        with closing(place.open(journal)) as other, pytest.raises(JournalExistsError):
            other.create(b"usurper")
        assert store.head() == head
        assert numbers(store) == [1, 2]

    def test_head_larger_than_the_limit_is_refused(self, store: Store) -> None:
        with pytest.raises(LimitError):
            store.create(b"x" * (MAX_HEAD_BYTES + 1))
        with pytest.raises(NoJournalError):
            store.head()


class TestAppend:
    def test_frames_and_head_are_read_back(self, store: Store) -> None:
        created = store.create(b"h0")
        bodies = (b"plain", b"", b"\0\0nul\0", "Zoë 雪 \U0001f511".encode(), bytes(range(256)) * 9)
        head = store.append(made(1, *bodies), onto=created, head=b"h5")
        assert (head.seq, head.body) == (5, b"h5")
        assert head.token != created.token
        assert store.head() == head
        assert list(store.frames(after=BEGIN)) == made(1, *bodies)

    def test_no_frames_moves_the_head_alone(self, store: Store) -> None:
        head = filled(store, 1)
        moved = store.append([], onto=head, head=b"moved")
        assert (moved.seq, moved.body) == (1, b"moved")
        assert moved.token != head.token
        assert store.head() == moved
        assert numbers(store) == [1]

    def test_same_body_again_is_another_head(self, store: Store) -> None:
        first = store.append([], onto=store.create(b"same"), head=b"same")
        second = store.append([], onto=first, head=b"same")
        with pytest.raises(FencedError):
            store.append([], onto=first, head=b"same")
        assert store.head() == second

    def test_empty_head_is_a_head(self, store: Store) -> None:
        head = store.append(made(1, b"1"), onto=store.create(b""), head=b"")
        assert store.head() == head

    def test_append_refuses_a_stale_head(self, place: Place, journal: str, store: Store) -> None:
        stale = filled(store, 1)
        with closing(place.open(journal)) as other:
            winner = other.append(made(2, b"2"), onto=other.head(), head=b"theirs")
        with pytest.raises(FencedError):
            store.append(made(2, b"ours", b"ours too"), onto=stale, head=b"ours")
        assert store.head() == winner
        assert numbers(store) == [1, 2]

    def test_stale_head_of_the_same_number_is_stale(self, store: Store) -> None:
        """The head may move without a frame: its number alone proves nothing."""
        stale = filled(store, 1)
        moved = store.append([], onto=stale, head=b"moved")
        with pytest.raises(FencedError):
            store.append(made(2, b"2"), onto=stale, head=b"ours")
        assert store.head() == moved
        assert numbers(store) == [1]

    def test_a_fenced_store_goes_on_from_the_new_head(self, store: Store) -> None:
        stale = filled(store, 1)
        store.append([], onto=stale, head=b"moved")
        with pytest.raises(FencedError):
            store.append([], onto=stale, head=b"late")
        store.append(made(2, b"2"), onto=store.head(), head=b"again")
        assert numbers(store) == [1, 2]

    @pytest.mark.parametrize("wrong", [0, 1, 3])
    def test_frames_must_follow_the_head(self, store: Store, wrong: int) -> None:
        head = filled(store, 1)
        with pytest.raises(ValueError, match="follow"):
            store.append(made(wrong, b"x"), onto=head, head=b"h")
        with pytest.raises(ValueError, match="follow"):
            store.append(made(2, b"x") + made(4, b"x"), onto=head, head=b"h")
        assert store.head() == head
        assert numbers(store) == [1]


class TestLimits:
    def test_largest_frame_and_head_are_taken_together(self, store: Store) -> None:
        body = os.urandom(MAX_FRAME_BYTES)
        head_body = os.urandom(MAX_HEAD_BYTES)
        created = store.create(head_body)
        head = store.append(made(1, body), onto=created, head=head_body[::-1])
        assert store.head() == head
        assert head.body == head_body[::-1]
        assert list(store.frames(after=BEGIN)) == made(1, body)

    def test_largest_number_of_frames_is_taken(self, store: Store) -> None:
        size = MAX_APPEND_BYTES // MAX_APPEND_FRAMES
        bodies = [os.urandom(size) for _ in range(MAX_APPEND_FRAMES)]
        head = store.append(made(1, *bodies), onto=store.create(b""), head=os.urandom(MAX_HEAD_BYTES))
        assert head.seq == MAX_APPEND_FRAMES
        assert list(store.frames(after=BEGIN)) == made(1, *bodies)

    @pytest.mark.parametrize(
        ("bodies", "head_bytes"),
        [
            ([b"x" * (MAX_FRAME_BYTES + 1)], 0),
            ([b"x" * MAX_APPEND_BYTES, b"x"], 0),
            ([b""] * (MAX_APPEND_FRAMES + 1), 0),
            ([b"x"], MAX_HEAD_BYTES + 1),
        ],
        ids=["frame", "frames together", "number of frames", "head"],
    )
    def test_one_more_is_refused(self, store: Store, bodies: list[bytes], head_bytes: int) -> None:
        head = filled(store, 1)
        with pytest.raises(LimitError):
            store.append(made(2, *bodies), onto=head, head=b"h" * head_bytes)
        assert store.head() == head
        assert numbers(store) == [1]

    @pytest.mark.sampled
    @pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 655_359, 655_360, 655_361])
    def test_sizes_around_a_property_and_an_entity(self, store: Store, size: int) -> None:
        body = os.urandom(size)
        store.append(made(1, body), onto=store.create(b""), head=body[:MAX_HEAD_BYTES])
        assert list(store.frames(after=BEGIN)) == made(1, body)
        assert store.head().body == body[:MAX_HEAD_BYTES]


class TestSpare:
    def test_there_is_none_until_one_is_asked_for(self, store: Store) -> None:
        assert store.spare() is None
        filled(store, 2)
        assert store.spare() is None

    def test_it_is_the_head_it_was_kept_with(self, store: Store) -> None:
        head = store.append(made(1, b"1"), onto=store.create(b"head 0"), head=b"head 1", spare=True)
        assert store.spare() == b"head 1"
        head = store.append(made(2, b"2"), onto=head, head=b"head 2")
        assert (store.spare(), store.head().body) == (b"head 1", b"head 2")
        store.append([], onto=head, head=b"head 2 again", spare=True)
        assert store.spare() == b"head 2 again"
        assert numbers(store) == [1, 2]

    def test_a_fenced_append_keeps_none(self, store: Store) -> None:
        stale = store.create(b"head 0")
        store.append([], onto=stale, head=b"theirs", spare=True)
        with pytest.raises(FencedError):
            store.append(made(1, b"1"), onto=stale, head=b"ours", spare=True)
        assert store.spare() == b"theirs"

    def test_the_largest_head_has_room_for_one(self, store: Store) -> None:
        body = os.urandom(MAX_SPARE_BYTES - 2 * MAX_HEAD_BYTES)
        head = os.urandom(MAX_HEAD_BYTES)
        kept = store.append(made(1, body), onto=store.create(b""), head=head, spare=True)
        assert store.spare() == head
        with pytest.raises(LimitError):
            store.append(made(2, body + b"1"), onto=kept, head=head, spare=True)

    def test_another_journals_is_not_ours(self, place: Place, store: Store) -> None:
        store.append([], onto=store.create(b""), head=b"h", spare=True)
        with closing(place.open(secrets.token_hex(16))) as other:
            assert other.spare() is None
            other.create(b"")
            assert other.spare() is None


class TestFrames:
    def test_bounds(self, store: Store) -> None:
        filled(store, 5)
        assert numbers(store) == [1, 2, 3, 4, 5]
        assert numbers(store, after=2) == [3, 4, 5]
        assert numbers(store, through=2) == [1, 2]
        assert numbers(store, after=1, through=3) == [2, 3]
        assert numbers(store, after=4, through=99) == [5]
        assert numbers(store, after=3, through=3) == []
        assert numbers(store, after=4, through=2) == []
        assert numbers(store, after=5) == []
        assert numbers(store, after=99) == []

    def test_several_spans_are_read_as_one_after_another(self, store: Store) -> None:
        filled(store, 12)
        store.trim(through=Seq(1))
        spans = [(0, 2), (3, 3), (4, 6), (6, 8), (9, 10), (11, 99)]
        found = store.frames_of([(Seq(after), Seq(through)) for after, through in spans])
        assert [(frame.seq, frame.body) for frame in found] == [(n, b"%d" % n) for n in (2, 5, 6, 7, 8, 10, 12)]
        assert list(store.frames_of([])) == []

    def test_order_is_by_number_over_many_appends(self, store: Store) -> None:
        head = store.create(b"")
        for first in range(1, 321, 32):
            bodies = [b"%d" % number for number in range(first, first + 32)]
            head = store.append(made(first, *bodies), onto=head, head=b"")
        assert numbers(store) == list(range(1, 321))
        assert numbers(store, after=250, through=300) == list(range(251, 301))

    def test_the_store_may_be_used_between_two_frames(self, store: Store) -> None:
        head = filled(store, 3)
        stream = store.frames(after=BEGIN, through=Seq(3))
        assert next(stream).seq == 1
        head = store.append(made(4, b"4"), onto=head, head=b"head 4")
        assert [frame.seq for frame in stream] == [2, 3]
        assert store.head() == head

    def test_an_iteration_can_be_left(self, store: Store) -> None:
        filled(store, 3)
        stream = store.frames(after=BEGIN)
        next(stream)
        del stream
        assert numbers(store) == [1, 2, 3]


class TestTrim:
    def test_trim_is_repeatable(self, store: Store) -> None:
        head = filled(store, 5)
        for _ in range(2):
            store.trim(through=Seq(3))
            assert numbers(store) == [4, 5]
            assert numbers(store, after=1) == [4, 5]
            assert numbers(store, through=3) == []
        store.trim(through=Seq(1))
        assert numbers(store) == [4, 5]
        assert store.head() == head

    def test_a_trimmed_journal_goes_on(self, store: Store) -> None:
        head = filled(store, 2)
        store.trim(through=Seq(2))
        store.append(made(3, b"3"), onto=head, head=b"head 3")
        assert numbers(store) == [3]

    def test_trimming_beyond_the_head_harms_nothing_to_come(self, store: Store) -> None:
        head = filled(store, 2)
        store.trim(through=Seq(10))
        store.append(made(3, b"3"), onto=head, head=b"head 3")
        assert numbers(store) == [3]

    def test_large_frames_go_as_well(self, store: Store) -> None:
        head = store.create(b"")
        for number in range(1, 4):
            head = store.append(made(number, os.urandom(MAX_FRAME_BYTES)), onto=head, head=b"")
        store.trim(through=Seq(2))
        assert [frame.seq for frame in store.frames(after=BEGIN)] == [3]

    def test_many_frames_go_as_well(self, store: Store) -> None:
        head = store.create(b"")
        for first in range(1, 641, 64):
            bodies = [b"%d" % number for number in range(first, first + 64)]
            head = store.append(made(first, *bodies), onto=head, head=b"")
        store.trim(through=Seq(600))
        assert numbers(store) == list(range(601, 641))


class TestCheckpoints:
    def test_parts_are_read_back_in_order(self, store: Store) -> None:
        filled(store, 3)
        parts = [os.urandom(MAX_FRAME_BYTES), b"", b"small", os.urandom(700_000)]
        store.put_checkpoint(Seq(3), iter(parts))
        assert list(store.checkpoint(Seq(3))) == parts
        assert store.checkpoints() == [3]
        assert numbers(store) == [1, 2, 3]

    def test_more_parts_than_a_page(self, store: Store) -> None:
        filled(store, 1)
        parts = [b"part %d" % number for number in range(130)]
        store.put_checkpoint(Seq(1), parts)
        assert list(store.checkpoint(Seq(1))) == parts
        store.drop_checkpoint(Seq(1))
        assert list(store.checkpoint(Seq(1))) == []

    def test_none_is_none(self, store: Store) -> None:
        filled(store, 1)
        assert store.checkpoints() == []
        assert list(store.checkpoint(Seq(1))) == []
        store.drop_checkpoint(Seq(1))

    def test_a_new_one_replaces_the_old_whole(self, store: Store) -> None:
        filled(store, 1)
        store.put_checkpoint(Seq(1), [b"old 0", b"old 1", b"old 2"])
        store.put_checkpoint(Seq(1), [b"new 0"])
        assert list(store.checkpoint(Seq(1))) == [b"new 0"]

    def test_one_without_parts_is_listed(self, store: Store) -> None:
        filled(store, 1)
        store.put_checkpoint(Seq(1), [])
        assert store.checkpoints() == [1]
        assert list(store.checkpoint(Seq(1))) == []

    def test_several_lie_beside_one_another(self, store: Store) -> None:
        filled(store, 1)
        for number in (300, 2, 20):
            store.put_checkpoint(Seq(number), [b"%d" % number])
        assert store.checkpoints() == [2, 20, 300]
        store.drop_checkpoint(Seq(20))
        assert store.checkpoints() == [2, 300]
        assert list(store.checkpoint(Seq(20))) == []
        assert list(store.checkpoint(Seq(300))) == [b"300"]

    def test_an_interrupted_one_goes_on_where_it_stopped(self, store: Store) -> None:
        filled(store, 1)

        def torn() -> Iterator[bytes]:
            yield b"0"
            yield b"1"
            raise InterruptedError

        with pytest.raises(InterruptedError):
            store.put_checkpoint(Seq(1), torn())
        assert list(store.checkpoint(Seq(1))) == [b"0", b"1"]
        store.put_checkpoint(Seq(1), [b"1 again", b"2"], start=1)
        assert list(store.checkpoint(Seq(1))) == [b"0", b"1 again", b"2"]

    def test_a_part_over_the_limit_is_refused(self, store: Store) -> None:
        filled(store, 1)
        with pytest.raises(LimitError):
            store.put_checkpoint(Seq(1), [b"fits", b"x" * (MAX_FRAME_BYTES + 1)])
        assert list(store.checkpoint(Seq(1))) == [b"fits"]

    def test_the_parts_may_come_from_the_same_store(self, store: Store) -> None:
        filled(store, 3)
        store.put_checkpoint(Seq(3), (frame.body for frame in store.frames(after=BEGIN)))
        assert list(store.checkpoint(Seq(3))) == [b"1", b"2", b"3"]


class TestSeveral:
    def test_journals_in_one_store_do_not_see_each_other(self, place: Place, journal: str, store: Store) -> None:
        neighbours = [f"{int(journal, 16) ^ 1:032x}", secrets.token_hex(16)]
        filled(store, 3)
        store.put_checkpoint(Seq(2), [b"ours"])
        for neighbour in neighbours:
            with closing(place.open(neighbour)) as other:
                head = filled(other, 1)
                assert numbers(other) == [1]
                assert other.checkpoints() == []
                other.put_checkpoint(Seq(2), [b"theirs"])
                other.trim(through=Seq(9))
                other.drop_checkpoint(Seq(2))
                assert other.head() == head
        assert numbers(store) == [1, 2, 3]
        assert list(store.checkpoint(Seq(2))) == [b"ours"]

    def test_reopening_sees_the_same(self, place: Place, journal: str, store: Store) -> None:
        head = filled(store, 3)
        store.put_checkpoint(Seq(3), [b"a", b"b"])
        store.close()
        with closing(place.open(journal)) as again:
            assert again.head() == head
            assert numbers(again) == [1, 2, 3]
            assert list(again.checkpoint(Seq(3))) == [b"a", b"b"]
            again.append(made(4, b"4"), onto=head, head=b"head 4")
            assert numbers(again) == [1, 2, 3, 4]

    def test_an_open_reader_sees_what_another_appends(self, place: Place, journal: str, store: Store) -> None:
        head = filled(store, 1)
        with closing(place.open(journal)) as reader:
            assert reader.head() == head
            head = store.append(made(2, b"2"), onto=head, head=b"head 2")
            assert reader.head() == head
            assert numbers(reader) == [1, 2]


def agree(store: Store, winners: dict[str, Sequence[int]]) -> None:
    """Every round has one winner, and the store holds the winner's frame."""
    told = {number: name for name, won in winners.items() for number in won}
    assert sum(len(won) for won in winners.values()) == ROUNDS
    assert {frame.seq: frame.body.decode() for frame in store.frames(after=BEGIN)} == told


class TestTwoWriters:
    def test_exactly_one_of_several_threads_wins_each_round(self, place: Place, journal: str, store: Store) -> None:
        names = ("left", "middle", "right")
        store.create(b"")
        gate = threading.Barrier(len(names))
        won: dict[str, Sequence[int]] = {}

        def run(name: str) -> None:
            with closing(place.open(journal)) as own:
                won[name] = race(own, name, gate)

        threads = [threading.Thread(target=run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        agree(store, won)

    def test_exactly_one_of_two_processes_wins_each_round(self, durable: Place, journal: str) -> None:
        with closing(durable.open(journal)) as store:
            store.create(b"")
            racers = {name: Process(race_alone, durable.url, journal, name) for name in ("left", "right")}
            won: dict[str, Sequence[int]] = {}
            for name, process in racers.items():
                assert process.end() == 0
                won[name] = [int(line) for line in process.told]
            agree(store, won)


def test_error_kinds_tell_whether_to_try_again() -> None:
    assert StoreUnreachableError.retryable
    assert OutcomeUnknownError.retryable
    assert not FencedError.retryable


class TestStaging:
    """Frames of a copy: put behind the head first, and made to count in one step."""

    def test_staged_frames_count_only_once_the_head_has_advanced(self, store: Store) -> None:
        head = filled(store, 2)
        staged = store.stage(made(5, b"5", b"6"), onto=head)
        assert (staged.seq, staged.body) == (head.seq, head.body)
        assert staged.token != head.token
        assert store.head() == staged
        assert numbers(store) == [1, 2]
        assert numbers(store, through=6) == [1, 2, 5, 6]
        staged = store.stage(made(3, b"3", b"4"), onto=staged)
        moved = store.advance(onto=staged, seq=Seq(6), head=b"head 6")
        assert store.head() == moved == StoredHead(seq=Seq(6), body=b"head 6", token=moved.token)
        assert store.spare() == b"head 6"
        assert numbers(store) == [1, 2, 3, 4, 5, 6]
        store.append(made(7, b"7"), onto=moved, head=b"head 7")
        assert numbers(store) == [1, 2, 3, 4, 5, 6, 7]

    def test_a_staged_frame_is_replaced_by_the_next_of_its_number(self, store: Store) -> None:
        staged = store.stage(made(1, b"x" * 1_000_000, b"2"), onto=store.create(b"h"))
        staged = store.stage(made(1, b"1"), onto=staged)
        store.advance(onto=staged, seq=Seq(2), head=b"h2")
        assert numbers(store) == [1, 2]

    def test_a_writer_that_came_first_is_never_overwritten(self, place: Place, journal: str, store: Store) -> None:
        head = filled(store, 2)
        with closing(place.open(journal)) as other:
            theirs = other.append(made(3, b"3"), onto=head, head=b"head 3")
        with pytest.raises(FencedError):
            store.stage(made(3, b"another"), onto=head)
        with pytest.raises(FencedError):
            store.advance(onto=head, seq=Seq(9), head=b"head 9")
        assert store.head() == theirs
        assert numbers(store, through=9) == [1, 2, 3]

    def test_a_writer_is_fenced_by_what_was_staged_under_it(self, store: Store) -> None:
        head = filled(store, 1)
        store.stage(made(2, b"2"), onto=head)
        with pytest.raises(FencedError):
            store.append(made(2, b"another"), onto=head, head=b"h")
        assert numbers(store, through=2) == [1, 2]

    def test_what_does_not_lie_behind_the_head_is_refused(self, store: Store) -> None:
        head = filled(store, 2)
        for frames in (made(2, b"x"), made(1, b"x"), [*made(5, b"x"), *made(4, b"x")]):
            with pytest.raises(ValueError, match="behind"):
                store.stage(frames, onto=head)
        with pytest.raises(ValueError, match="back"):
            store.advance(onto=head, seq=Seq(1), head=b"h")
        with pytest.raises(LimitError):
            store.stage(made(3, b"x" * (MAX_FRAME_BYTES + 1)), onto=head)
        with pytest.raises(LimitError):
            store.stage(made(3, *[b"x"] * (MAX_APPEND_FRAMES + 1)), onto=head)
        with pytest.raises(LimitError):
            store.advance(onto=head, seq=Seq(3), head=b"x" * (MAX_HEAD_BYTES + 1))
        assert store.head() == head
        assert numbers(store) == [1, 2]

    def test_the_largest_there_may_be_is_staged_and_advanced(self, store: Store) -> None:
        head = store.create(b"h" * MAX_HEAD_BYTES)
        staged = store.stage(made(1, b"x" * MAX_FRAME_BYTES), onto=head)
        store.advance(onto=staged, seq=Seq(1), head=b"i" * MAX_HEAD_BYTES)
        assert [frame.body for frame in store.frames(after=BEGIN)] == [b"x" * MAX_FRAME_BYTES]
        assert store.spare() == store.head().body == b"i" * MAX_HEAD_BYTES

    def test_nothing_is_staged_where_no_journal_is(self, store: Store) -> None:
        onto = StoredHead(seq=BEGIN, body=b"", token='W/"nothing"')
        with pytest.raises(NoJournalError):
            store.stage(made(1, b"x"), onto=onto)
        with pytest.raises(NoJournalError):
            store.advance(onto=onto, seq=Seq(0), head=b"h")

    def test_what_lies_behind_the_head_is_cleared_and_nothing_else(self, store: Store) -> None:
        head = filled(store, 2)
        for first in (3, 67, 200):
            head = store.stage(made(first, *(b"%d" % number for number in range(first, first + 60))), onto=head)
        cleared = store.clear(onto=head)
        assert store.head() == cleared
        assert (cleared.seq, cleared.body) == (2, b"head 2")
        assert numbers(store, through=300) == [1, 2]
        store.append(made(3, b"3"), onto=cleared, head=b"head 3")
        assert numbers(store, through=300) == [1, 2, 3]

    def test_nothing_of_a_writer_that_came_first_is_cleared(self, place: Place, journal: str, store: Store) -> None:
        head = filled(store, 2)
        staged = store.stage(made(9, b"9"), onto=head)
        with closing(place.open(journal)) as other:
            other.append(made(3, b"3"), onto=staged, head=b"head 3")
        with pytest.raises(FencedError):
            store.clear(onto=staged)
        assert numbers(store, through=9) == [1, 2, 3, 9]
