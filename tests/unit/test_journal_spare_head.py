"""A lost head is made up again from its spare and the commits after it, and is the one that was lost."""

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adpersist.errors import FencedError, NoJournalError, WrongKeyError
from adpersist.journal.appending.spare_head import followed, open_beside_spare, rebuilt, repair
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.head import OpenHead, open_head
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Seq, Usn
from adpersist.model.journal.head import Head
from adpersist.model.objects.object_state import ObjectState
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import StoredHead
from adpersist.stores.registry import open_store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    NOON,
    OTHER,
    TamperedStore,
    changes_of,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
    opened,
    position,
)
from tests.unit.test_journal_repair import inside


def deeds() -> list[tuple[str, Callable[[Journal], object]]]:
    """Everything that moves a head, in an order a journal sees it."""
    root = ObjectState(guid=guid("domain"), nc="DC=corp,DC=example", parent=None, rdn="DC=corp,DC=example")
    return [
        ("looked", lambda journal: look(journal, [created("a")], 10)),
        ("marked", lambda journal: journal.mark("one", writer=OTHER, now=NOON + 11)),
        ("looked again", lambda journal: look(journal, [created("b")], 20)),
        ("got a data key", lambda journal: journal.rotate_data_key(now=NOON + 21)),
        ("looked under it", lambda journal: look(journal, [created("c")], 30)),
        ("moved the mark", lambda journal: journal.mark("one", writer=OTHER, now=NOON + 31)),
        ("began a restore", lambda journal: journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 32)),
        (
            "began it under another invocationID",
            lambda journal: journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 32, fresh=guid("fresh")),
        ),
        ("ended it", lambda journal: journal.end_restore(now=NOON + 33)),
        ("was claimed", lambda journal: journal.claim(AGENT, now=NOON + 34)),
        ("looked at all", lambda journal: look(journal, [created("d")], 40)),
        ("got a checkpoint", lambda journal: journal.write_checkpoint(journal.head.seq, [root], now=NOON + 41)),
        ("looked once more", lambda journal: look(journal, [created("e")], 50)),
        ("kept who looked", lambda journal: journal.note_use('{"deeds":[]}', writer=OTHER, now=NOON + 51)),
        ("was pruned", lambda journal: journal.prune(oldest=Seq(10), keep_marks=False, now=NOON + 51)),
        ("looked at last", lambda journal: look(journal, [created("f")], 60)),
    ]


def comparable(head: Head) -> Head:
    """Without what may differ: older cookies and witnesses are as good, and whoever repairs is the writer."""
    position = head.position and replace(head.position, cookies={}, canary=Seq(0), rid_next=0)
    return replace(head, position=position, witnesses=(), writer=OTHER, time=0.0)


@pytest.mark.parametrize("count", range(1, len(deeds()) + 1), ids=[name for name, _ in deeds()])
def test_the_spare_and_what_follows_make_the_head_again(count: int) -> None:
    store = fresh_store()
    journal = new_journal(store)
    for _, deed in deeds()[:count]:
        deed(journal)
    found = rebuilt(store, key())
    assert found.stopped is None
    assert comparable(found.tip.head) == comparable(journal.head)
    assert found.tip.keyring.wrapped == journal._end.tip.keyring.wrapped


def test_an_older_head_and_all_that_follows_make_the_newest_one() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    old = open_head(store.head(), key())
    for deed in (
        lambda: journal.mark("one", writer=OTHER, now=NOON + 15),
        lambda: look(journal, [created("b")], 20),
        lambda: journal.mark("two", writer=OTHER, now=NOON + 25),
        lambda: journal.begin_restore(target=Seq(1), writer=OTHER, now=NOON + 30),
        lambda: journal.end_restore(now=NOON + 31),
    ):
        deed()
        found = followed(store, old)
        assert found.stopped is None
        assert comparable(found.tip.head) == comparable(journal.head)
        assert found.tip.head.time == journal.head.time


def test_of_what_the_dc_was_told_no_more_is_taken_as_remembered_than_is_certain() -> None:
    """It is told of each look before the next is captured: a canary beyond that would call a sound DC put back."""
    store = fresh_store()
    journal = new_journal(store)

    def told(usn: int, canary: int) -> None:
        where = replace(position(usn), canary=Seq(canary))
        what = [created(f"user{usn}")]
        journal.commit(what, position=where, usn_from=Usn(usn), witnesses=(), complete=True, now=NOON + usn)

    def remembered(old: OpenHead) -> Seq:
        found = followed(store, old).tip.head.position
        assert found is not None
        return found.canary

    told(10, 0)
    never = open_head(store.head(), key())
    told(20, 1)
    old = open_head(store.head(), key())
    told(30, 2)
    assert remembered(old) == 1
    journal.mark("four", writer=OTHER, now=NOON + 35)
    told(50, 3)
    assert remembered(old) == 3
    told(60, 5)
    assert (remembered(old), remembered(never)) == (5, 0), "who was never told remembers nothing"


def sealed_by_another(store: MemoryStore) -> StoredHead:
    """A head of the same journal, made with another key."""
    elsewhere = fresh_store()
    Journal.create(elsewhere, key("another"), identity=IDENTITY, writer=OTHER, now=NOON)
    return replace(elsewhere.head(), seq=store.head().seq)


def test_a_head_that_wants_another_key_than_its_spare_was_put_there(store: MemoryStore) -> None:
    dishonest, sound = TamperedStore(store), store.head()
    dishonest.fake_head = sealed_by_another(store)
    assert open_beside_spare(dishonest, sound, key()).head == open_head(sound, key()).head
    with pytest.raises(DamagedError, match="which opens its spare") as forged:
        open_beside_spare(dishonest, dishonest.fake_head, key())
    assert forged.value.damage is Damage.FORGED
    for spare in (b"", dishonest.fake_head.body, b"no head"):  # none, or one that says nothing else
        dishonest.fake_spare = spare
        with pytest.raises(WrongKeyError):
            open_beside_spare(dishonest, dishonest.fake_head, key())


def test_a_repaired_head_is_its_own_spare_and_of_now(store: MemoryStore) -> None:
    inside(store).head = replace(store.head(), body=flipped(store.head().body))
    made = repair(store, key(), writer=OTHER, now=NOON + 100.5)
    assert made is not None
    assert (made.time, made.writer, store.spare()) == (NOON + 100.5, OTHER, store.head().body)
    assert open_head(store.head(), key()).head == made


def test_a_prune_that_lets_go_of_commits_alone_is_in_the_spare() -> None:
    store = fresh_store()
    journal = new_journal(store)
    for number in range(1, 6):
        look(journal, [created(f"user{number}")], number)
    journal.write_checkpoint(Seq(3), [], now=NOON)
    before = journal.head
    journal.prune(oldest=Seq(4), keep_marks=True, now=NOON)
    assert replace(journal.head, pruned=before.pruned) == before, "nothing else of the head changed"
    assert rebuilt(store, key()).tip.head.pruned == journal.head.pruned == 3


@pytest.fixture
def store() -> MemoryStore:
    """All of it."""
    made = fresh_store()
    journal = new_journal(made)
    for _, deed in deeds():
        deed(journal)
    return made


def flipped(body: bytes) -> bytes:
    """Another last byte, whatever it was."""
    return body[:-1] + bytes([body[-1] ^ 1])


def spoiled(store: MemoryStore) -> TamperedStore:
    """Its head is rubbish, until somebody puts another in its place."""

    class Spoiled(TamperedStore):
        def append(self, frames, *, onto, head, spare=False):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            made = super().append(frames, onto=onto, head=head, spare=spare)
            self.fake_head = None
            return made

    found = Spoiled(store)
    head = store.head()
    found.fake_head = replace(head, body=flipped(head.body))
    return found


def test_a_damaged_head_is_put_right_and_the_journal_goes_on(store: MemoryStore) -> None:
    broken = spoiled(store)
    before = opened(store).head
    with pytest.raises(DamagedError) as caught:
        Journal.open(broken, key())
    assert "--repair-head" in caught.value.hint
    verdict = check_journal(broken, key())
    assert [each.damage for each in verdict.findings] == [Damage.CORRUPT]
    assert verdict.rebuilt == before.seq
    assert [(span.after, span.through) for span in verdict.restorable] == [(8, 12)]

    assert repair(broken, key(), writer=OTHER, now=NOON + 70) is not None
    assert check_journal(broken, key()).findings == ()
    journal = opened(broken)
    assert comparable(journal.head) == comparable(before)
    journal.claim(AGENT, now=NOON + 71)
    look(journal, [created("g")], 80)
    assert check_journal(broken, key()).findings == ()
    assert changes_of(journal, after=Seq(12)) == [created("g")]


def test_a_sound_head_is_left_as_it_is(store: MemoryStore) -> None:
    before = store.head()
    assert repair(store, key(), writer=OTHER, now=NOON + 70) is None
    assert store.head() == before


def test_whoever_held_the_journal_is_fenced_by_a_repair(store: MemoryStore) -> None:
    holder = opened(store, AGENT)
    repair(spoiled(store), key(), writer=OTHER, now=NOON + 70)
    with pytest.raises(FencedError, match=OTHER.host):
        look(holder, [created("late")], 90)


def test_a_repair_gives_way_to_a_head_that_moves_meanwhile(store: MemoryStore) -> None:
    broken = spoiled(store)
    look(opened(store, AGENT), [created("quick")], 90)
    with pytest.raises(FencedError):
        repair(broken, key(), writer=OTHER, now=NOON + 91)
    assert check_journal(store, key()).findings == ()


def test_a_head_that_is_gone_is_no_empty_place(tmp_path: Path) -> None:
    store = open_store(f"sqlite://{tmp_path}/journal.db", journal=journal_id(IDENTITY))
    journal = new_journal(store)
    for _, deed in deeds():
        deed(journal)
    before = journal.head
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        database.execute("DELETE FROM journal")
    for attempt in (opened, new_journal):
        with pytest.raises(DamagedError) as caught:
            attempt(store)
        assert caught.value.damage is Damage.GAP
    [finding] = check_journal(store, key()).findings
    assert finding.damage is Damage.GAP
    assert repair(store, key(), writer=OTHER, now=NOON + 70) is not None
    assert check_journal(store, key()).findings == ()
    assert comparable(opened(store).head) == comparable(before)
    store.close()


@pytest.mark.parametrize(
    "deed",
    [
        lambda journal: journal.refresh(),
        lambda journal: journal.beat(now=NOON + 50, told=Seq(0)),
        lambda journal: look(journal, [created("late")], 9),
    ],
    ids=["reads", "says that it lives", "commits"],
)
def test_whoever_has_the_journal_open_learns_that_its_head_is_gone_and_not_all_of_it(
    tmp_path: Path, deed: Callable[[Journal], object]
) -> None:
    store = open_store(f"sqlite://{tmp_path}/journal.db", journal=journal_id(IDENTITY))
    journal = new_journal(store)
    look(journal, [created("early")], 1)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        database.execute("DELETE FROM journal")
    with pytest.raises(DamagedError, match="missing") as caught:
        deed(journal)
    assert "--repair-head" in caught.value.hint
    store.close()


def test_without_a_spare_there_is_nothing_to_repair() -> None:
    with pytest.raises(NoJournalError):
        repair(fresh_store(), key(), writer=OTHER, now=NOON)
    store = fresh_store()
    new_journal(store)
    with pytest.raises(NoJournalError):
        repair(spoiled(store), key(), writer=OTHER, now=NOON)


def test_a_spare_is_not_opened_without_the_key(store: MemoryStore) -> None:
    with pytest.raises(WrongKeyError):
        repair(spoiled(store), key("another"), writer=OTHER, now=NOON)


def test_a_spare_that_was_changed_or_is_anothers_is_refused(store: MemoryStore) -> None:
    class Lying(TamperedStore):
        lie: bytes | None = None

        def spare(self) -> bytes | None:
            return self.lie

    broken = Lying(store)
    head = store.head()
    broken.fake_head = replace(head, body=b"rubbish")
    real = store.spare()
    assert real is not None
    changed = bytearray(real)
    changed[30] ^= 1
    summed = bytes(changed[:-4]) + zlib.crc32(changed[:-4]).to_bytes(4, "big")
    for lie in (b"", real[:60], bytes(changed), summed):
        broken.lie = lie
        with pytest.raises(DamagedError):
            repair(broken, key(), writer=OTHER, now=NOON)
        [finding] = check_journal(broken, key()).findings
        assert "no sound spare" in finding.message


def test_a_commit_damaged_as_well_is_named_and_nothing_is_cut_off(store: MemoryStore) -> None:
    broken = spoiled(store)
    spare = rebuilt(store, key())
    last = spare.tip.head.seq
    broken.tamper = lambda frames: [
        replace(each, body=flipped(each.body)) if each.seq == last else each for each in frames
    ]
    with pytest.raises(DamagedError) as caught:
        repair(broken, key(), writer=OTHER, now=NOON)
    assert caught.value.seq == last
    classes = [(str(each.part), each.first, each.damage) for each in check_journal(broken, key()).findings]
    assert classes == [("head", 0, Damage.CORRUPT), ("commit", last, Damage.CORRUPT)]


def test_an_idle_or_busy_journal_does_not_write_its_head_twice() -> None:
    class Counting(MemoryStore):
        spares = 0

        def append(self, frames, *, onto, head, spare=False) -> StoredHead:  # type: ignore[no-untyped-def]  # noqa: ANN001
            self.spares += spare
            return super().append(frames, onto=onto, head=head, spare=spare)

    inner = fresh_store()
    store = Counting(inner.location.removeprefix("memory://"), journal=inner._key[1])
    journal = new_journal(store)
    for number in range(1, 30):
        look(journal, [created(f"user{number}")], number)
    assert store.spares == 1, "once, when the first look gave the journal a position"
