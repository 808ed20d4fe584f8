"""Whoever holds the store can read nothing and forge nothing: every way to try it is noticed, and named."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from adpersist.errors import IntegrityError, LimitError, WrongKeyError
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.columns.packing import compress
from adpersist.journal.format.frame import digest_of, seal_frame
from adpersist.journal.format.frame_header import HEADER_BYTES, read_header, write_header
from adpersist.journal.format.head import seal_head
from adpersist.journal.format.head_fields import pack_head
from adpersist.journal.format.padding import padded_size
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import KnownCommit, Part, check_journal
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Head, Identity
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import MAX_HEAD_BYTES, Frame, StoredHead
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NC,
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
    pseudorandom,
    set_value,
)

Tampering = Callable[[list[Frame]], list[Frame]]


@pytest.fixture
def store() -> MemoryStore:
    """Eight looks of one change each."""
    store = fresh_store()
    journal = new_journal(store)
    for number in range(1, 9):
        look(journal, [set_value(f"user{number}", b"value %d" % number, usn=number * 10)], number * 10)
    return store


def tampered(store: MemoryStore, tamper: Tampering) -> TamperedStore:
    dishonest = TamperedStore(store)
    dishonest.tamper = tamper
    return dishonest


def read_all(store: MemoryStore) -> None:
    for _ in opened(store).commits():
        pass


def body_replaced(seq: int, body: Callable[[bytes], bytes]) -> Tampering:
    return lambda frames: [replace(each, body=body(each.body)) if each.seq == seq else each for each in frames]


def resum(body: bytes) -> bytes:
    """What a forger does after changing a frame or a head: the checksum is no secret."""
    return body[:-4] + zlib.crc32(body[:-4]).to_bytes(4, "big")


def flipped(body: bytes, bit: int) -> bytes:
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_flipped_bit_of_a_frame_is_noticed(store: MemoryStore) -> None:
    dishonest = TamperedStore(store)
    journal = opened(dishonest)
    frame = next(iter(store.frames(after=Seq(4), through=Seq(5))))
    for bit in range(len(frame.body) * 8):
        dishonest.tamper = body_replaced(5, lambda body, bit=bit: flipped(body, bit))  # type: ignore[misc]
        with pytest.raises(DamagedError) as caught:
            changes_of(journal)
        assert (caught.value.seq, caught.value.damage) == (5, Damage.CORRUPT)


def test_every_flipped_bit_of_a_frame_is_noticed_even_when_the_checksum_is_made_to_fit(store: MemoryStore) -> None:
    dishonest = TamperedStore(store)
    journal = opened(dishonest)
    frame = next(iter(store.frames(after=Seq(4), through=Seq(5))))
    for bit in range(len(frame.body) * 8 - 32):
        dishonest.tamper = body_replaced(5, lambda body, bit=bit: resum(flipped(body, bit)))  # type: ignore[misc]
        with pytest.raises(DamagedError) as caught:
            changes_of(journal)
        assert (caught.value.seq, caught.value.damage) == (5, Damage.FORGED)


def test_every_flipped_bit_of_the_head_is_noticed(store: MemoryStore) -> None:
    dishonest = TamperedStore(store)
    head = store.head()
    for bit in range(len(head.body) * 8):
        for mend in (bytes, resum):
            if mend is resum and bit >= len(head.body) * 8 - 32:
                continue
            dishonest.fake_head = replace(head, body=mend(flipped(head.body, bit)))
            with pytest.raises(IntegrityError):
                Journal.open(dishonest, key())


@pytest.mark.parametrize("cut", [0, 1, 4, 50, 119, 120, 139, 140, 200])
def test_a_truncated_frame_is_noticed(store: MemoryStore, cut: int) -> None:
    with pytest.raises(DamagedError) as caught:
        read_all(tampered(store, body_replaced(3, lambda body: body[:cut])))
    assert caught.value.seq == 3
    with pytest.raises(DamagedError):
        read_all(tampered(store, body_replaced(3, lambda body: resum(body[:cut] + b"1234"))))


@pytest.mark.parametrize("cut", [0, 1, 4, 50, 87, 88, 100, 200])
def test_a_truncated_head_is_noticed(store: MemoryStore, cut: int) -> None:
    dishonest = TamperedStore(store)
    head = store.head()
    for body in (head.body[:cut], resum(head.body[:cut] + b"1234")):
        dishonest.fake_head = replace(head, body=body)
        with pytest.raises(DamagedError):
            Journal.open(dishonest, key())


@pytest.mark.parametrize(
    ("seq", "damage", "helps"),
    [
        (None, Damage.CORRUPT, "--repair-head"),
        (None, Damage.FORGED, "--repair-head"),
        (None, Damage.NEWER, "install that version"),
        (None, Damage.STORE_BEHIND, "bring its newest state back"),
        (Seq(5), Damage.GAP, "a copy of the store"),
        (Seq(5), Damage.CORRUPT, "the store's disk"),
        (Seq(5), Damage.FORGED, "as evidence"),
        (Seq(5), Damage.NEWER, "install that version"),
        (Seq(5), Damage.STRAY, "takes up what follows"),
    ],
)
def test_every_damage_is_answered_with_what_helps_there(seq: Seq | None, damage: Damage, helps: str) -> None:
    told = DamagedError("why", seq=seq, damage=damage)
    assert helps in str(told.hint)
    assert told.message.startswith("the head " if seq is None else "commit 5 ")


def drop(*seqs: int) -> Tampering:
    return lambda frames: [each for each in frames if each.seq not in seqs]


def swap(one: int, other: int) -> Tampering:
    def swapped(frames: list[Frame]) -> list[Frame]:
        bodies = {frame.seq: frame.body for frame in frames}
        bodies[Seq(one)], bodies[Seq(other)] = bodies[Seq(other)], bodies[Seq(one)]
        return [Frame(seq=seq, body=body) for seq, body in bodies.items()]

    return swapped


def repeat(what: int, at: int) -> Tampering:
    def repeated(frames: list[Frame]) -> list[Frame]:
        again = next(frame.body for frame in frames if frame.seq == what)
        return [replace(frame, body=again) if frame.seq == at else frame for frame in frames]

    return repeated


def twice(seq: int) -> Tampering:
    return lambda frames: sorted([*frames, frames[seq - 1]], key=lambda frame: frame.seq)


@pytest.mark.parametrize(
    ("tamper", "seq", "damage"),
    [
        (drop(1), 1, Damage.GAP),
        (drop(4), 4, Damage.GAP),
        (drop(8), 8, Damage.GAP),
        (drop(3, 4, 5), 3, Damage.GAP),
        (drop(*range(1, 9)), 1, Damage.GAP),
        (swap(4, 5), 4, Damage.FORGED),
        (swap(1, 8), 1, Damage.FORGED),
        (repeat(4, 5), 5, Damage.FORGED),
        (repeat(1, 8), 8, Damage.FORGED),
        (twice(5), 6, Damage.FORGED),
    ],
)
def test_dropped_swapped_and_repeated_frames_are_noticed(
    store: MemoryStore, tamper: Tampering, seq: int, damage: Damage
) -> None:
    with pytest.raises(DamagedError) as caught:
        read_all(tampered(store, tamper))
    assert (caught.value.seq, caught.value.damage) == (seq, damage)


def test_commits_before_the_damage_are_still_read(store: MemoryStore) -> None:
    journal = opened(tampered(store, drop(5)))
    assert [commit.seq for commit in journal.commits(through=Seq(4))] == [1, 2, 3, 4]
    assert [commit.seq for commit in journal.commits(after=Seq(6))] == [7, 8]


def test_a_frame_of_another_journal_under_the_same_key_is_noticed(store: MemoryStore) -> None:
    elsewhere = MemoryStore("elsewhere", journal="0" * 32)
    neighbour = Identity(domain=IDENTITY.domain, server=guid("dc2"), dns_name="dc2.corp.example")
    journal = Journal.create(elsewhere, key(), identity=neighbour, writer=AGENT, now=NOON)
    for number in range(1, 9):
        look(journal, [set_value("user", b"v", usn=number)], number)
    foreign = list(elsewhere.frames(after=Seq(0)))
    with pytest.raises(DamagedError, match="unknown key"):
        read_all(tampered(store, lambda frames: [*frames[:4], foreign[4], *frames[5:]]))
    with pytest.raises(DamagedError) as caught:
        Journal.open(elsewhere, key(), expected=opened(store).id)
    assert caught.value.damage is Damage.FORGED


def test_a_frame_of_another_journal_is_refused_even_where_the_data_key_is_the_same(store: MemoryStore) -> None:
    """Only somebody who has the key can make one; it is not ours, whatever its seal says."""

    def anothers(body: bytes) -> bytes:
        data_key = opened(store)._end.tip.keyring.active
        header = read_header(body)
        compressed = data_key.frames.decrypt(header.nonce, body[HEADER_BYTES:-4], body[:HEADER_BYTES])
        return seal_frame(replace(header, journal=bytes(16)), compressed, data_key, pseudorandom("another"))

    dishonest = tampered(store, body_replaced(8, anothers))
    with pytest.raises(DamagedError, match="belongs to journal 0000") as caught:
        read_all(dishonest)
    assert (caught.value.seq, caught.value.damage) == (8, Damage.FORGED)
    [finding] = check_journal(dishonest, key()).findings
    assert (finding.first, finding.damage) == (8, Damage.FORGED)
    assert "belongs to journal 0000" in finding.message


@pytest.mark.parametrize("off", [-8, -1, 1])
def test_a_head_that_is_filed_under_another_number_is_refused(store: MemoryStore, off: int) -> None:
    """It would append its next frames there: over others, or behind a gap."""
    dishonest = TamperedStore(store)
    head = store.head()
    dishonest.fake_head = replace(head, seq=Seq(head.seq + off))
    with pytest.raises(DamagedError, match=f"files it under {head.seq + off}") as caught:
        Journal.open(dishonest, key())
    assert caught.value.damage is Damage.FORGED


def test_a_head_no_store_would_take_is_not_sent(store: MemoryStore) -> None:
    journal = opened(store)
    tip, chance = journal._end.tip, pseudorandom("cookies")

    def with_cookie(size: int) -> Head:
        return replace(tip.head, position=replace(position(80), cookies={NC: cookie[:size]}))

    def sealed(size: int) -> int:
        return len(seal_head(with_cookie(size), tip.keyring, tip.journal, chance))

    def content(size: int) -> int:
        return len(compress(pack_head(with_cookie(size))))

    cookie = chance(MAX_HEAD_BYTES)  # does not shrink
    room = MAX_HEAD_BYTES - (sealed(0) - padded_size(content(0)))
    size = room - content(0) - 40
    while content(size) <= room:
        assert sealed(size) == MAX_HEAD_BYTES, "filled up, and not beyond it"
        size += 1
    with pytest.raises(LimitError) as caught:
        sealed(size)
    assert "prune" in caught.value.hint


@pytest.mark.parametrize(
    ("number", "put", "names"),
    [
        (1, 9, "the head"),
        (2, 9, "the commit after it"),
        (2, 10, "the head, and not the one before it, which says something else"),
        (3, 10, "the commit after it, and not the one before it"),
    ],
)
def test_a_fenced_writers_frame_is_not_taken_for_the_winners(
    store: MemoryStore, number: int, put: int, names: str
) -> None:
    """The store's owner keeps the frames that lost the race; they are sealed with the right key.

    Args:
        store: Eight commits.
        number: How many more the winner makes.
        put: Where one of the loser's is put.
        names: Who tells that it is none of them.
    """
    kept: dict[int, Frame] = {}

    class Keeping(TamperedStore):
        def append(  # type: ignore[override]
            self, frames: list[Frame], *, onto: StoredHead, head: bytes, spare: bool = False
        ) -> StoredHead:
            kept.update({frame.seq: frame for frame in frames})
            return StoredHead(seq=Seq(onto.seq + 1), body=head, token="made up")

    loser, winner = opened_as_agent(Keeping(store)), opened_as_agent(store)
    for count in range(1, number + 1):
        look(loser, [set_value(f"user{count}", b"the loser's")], 80 + count * 10)
        look(winner, [set_value(f"user{count}", b"the winner's")], 80 + count * 10)
    dishonest = tampered(store, lambda frames: [kept[put] if each.seq == put else each for each in frames])
    for through in range(put, 9 + number):
        with pytest.raises(DamagedError) as caught:
            list(opened(dishonest).commits(through=Seq(through)))
        assert caught.value.damage is Damage.FORGED
    found = [(each.first, each.last, each.damage) for each in check_journal(dishonest, key()).findings]
    assert found == [(put, put, Damage.FORGED)], f"{names} says so"


def opened_as_agent(store: MemoryStore) -> Journal:
    """The journal as a process that already holds it has it."""
    journal = Journal.open(store, key(), patience=IMPATIENT)
    journal._end.holder = AGENT
    return journal


def test_a_rewritten_header_does_not_pass(store: MemoryStore) -> None:
    def later(body: bytes) -> bytes:
        header = read_header(body)
        return resum(write_header(replace(header, time_us=header.time_us + 1)) + body[HEADER_BYTES:])

    with pytest.raises(DamagedError, match="seal"):
        read_all(tampered(store, body_replaced(2, later)))


def test_the_wrapped_keys_cannot_be_swapped(store: MemoryStore) -> None:
    """A data key of the forger's own, wrapped by a key of his own that pretends to be ours."""
    forger = new_journal(fresh_store())
    look(forger, [created("mole")], 1)
    foreign_head = forger._end.tip.stored
    dishonest = TamperedStore(store)
    real = store.head()
    dishonest.fake_head = replace(real, body=resum(real.body[:88] + foreign_head.body[88:]))
    with pytest.raises(DamagedError) as caught:
        Journal.open(dishonest, key())
    assert caught.value.damage is Damage.FORGED


def test_a_head_made_without_the_key_is_refused(store: MemoryStore) -> None:
    elsewhere = fresh_store()
    mine = Journal.create(elsewhere, key("forger"), identity=IDENTITY, writer=OTHER, now=NOON)
    look(mine, [created("mole")], 1)
    dishonest = TamperedStore(store)
    dishonest.fake_head = elsewhere.head()
    with pytest.raises(WrongKeyError) as wrong:
        Journal.open(dishonest, key())
    assert key().key_id in wrong.value.message
    assert key("forger").key_id in wrong.value.message


def test_an_older_head_over_newer_frames_is_only_the_older_journal(store: MemoryStore) -> None:
    """The chain does not prove this: rolled back as a whole, a store looks sound. A canary tells."""
    old = store.head()
    journal = opened_as_agent(store)
    look(journal, [set_value("user9", b"newer")], 90)
    dishonest = TamperedStore(store)
    dishonest.fake_head = old
    [spare, behind] = check_journal(dishonest, key()).findings
    assert (behind.part, behind.damage) == (Part.BEHIND, Damage.STRAY), "nor did the frames"
    assert (spare.part, spare.damage) == (Part.SPARE, Damage.STORE_BEHIND), "it did not go back with the head"
    dishonest.fake_spare = b""
    assert check_journal(dishonest, key()).findings == (behind,)
    [finding, _] = check_journal(dishonest, key(), known=[KnownCommit.exactly(Seq(9), journal.head.digest)]).findings
    assert (finding.part, finding.damage) == (Part.HEAD, Damage.STORE_BEHIND)


def test_a_running_process_notices_a_store_that_went_back(store: MemoryStore) -> None:
    old = store.head()
    dishonest = TamperedStore(store)
    journal = opened_as_agent(dishonest)
    look(journal, [set_value("user9", b"newer")], 90)
    dishonest.fake_head = old
    with pytest.raises(DamagedError) as caught:
        journal.refresh()
    assert caught.value.damage is Damage.STORE_BEHIND


def test_nothing_that_was_written_lies_in_the_store_in_the_clear() -> None:
    store = fresh_store()
    journal = new_journal(store)
    secrets = [
        b"Bob Example",
        b"bob@corp.example",
        bytes.fromhex("8846f7eaee8fb117ad06bdd830b7586c"),
        b"S-1-5-21-1-2-3-1104",
    ]
    change = created("secretname", {"mail": (secrets[1],), "unicodePwd": (secrets[2],), "displayName": (secrets[0],)})
    look(journal, [change, set_value("secretname", secrets[3], "objectSid", usn=5)], 10)
    journal.mark("before-the-secret-upgrade", writer=AGENT, now=NOON)
    journal.write_checkpoint(journal.head.seq, [], now=NOON)
    raw = store.head().body + b"".join(frame.body for frame in store.frames(after=Seq(0)))
    raw += b"".join(store.checkpoint(journal.head.checkpoints[0].lies_at))
    known = [b"secretname", b"displayName", b"objectSid", b"corp", b"DC=", b"dc1", b"cookie", b"before-the", b"agent"]
    known += [guid("secretname"), guid("domain"), guid("server"), guid("invocation")]
    for needle in [*secrets, *known]:
        assert needle not in raw, needle


def test_check_proves_a_sound_journal(store: MemoryStore) -> None:
    verdict = check_journal(store, key())
    assert verdict.findings == ()
    assert verdict.commits == 8
    assert verdict.size == sum(len(frame.body) for frame in store.frames(after=Seq(0)))
    assert [(span.after, span.through) for span in verdict.restorable] == [(0, 8)]


@pytest.mark.parametrize(
    ("tamper", "expected", "left"),
    [
        (drop(4), [(4, 4, Damage.GAP)], 3),
        (drop(3, 4, 6), [(3, 4, Damage.GAP), (6, 6, Damage.GAP)], 2),
        (drop(8), [(8, 8, Damage.GAP)], 7),
        (swap(4, 5), [(4, 5, Damage.FORGED)], 3),
        (repeat(4, 6), [(6, 6, Damage.FORGED)], 5),
        (body_replaced(5, lambda body: body[:-1]), [(5, 5, Damage.CORRUPT)], 4),
        (body_replaced(8, lambda body: resum(flipped(body, 1200))), [(8, 8, Damage.FORGED)], 7),
    ],
)
def test_check_names_every_damaged_place_and_what_is_left(
    store: MemoryStore, tamper: Tampering, expected: list[tuple[int, int, Damage]], left: int
) -> None:
    verdict = check_journal(tampered(store, tamper), key())
    assert [(each.first, each.last, each.damage) for each in verdict.findings] == expected
    assert [(span.after, span.through) for span in verdict.restorable] == [(0, left)]


def test_check_can_begin_behind_what_is_proven(store: MemoryStore) -> None:
    seen: list[tuple[int, int]] = []
    verdict = check_journal(
        tampered(store, drop(2)), key(), after=Seq(5), progress=lambda seq, last: seen.append((seq, last))
    )
    assert verdict.findings == ()
    assert seen == [(6, 8), (7, 8), (8, 8)]


def test_check_says_so_when_the_head_itself_is_damaged(store: MemoryStore) -> None:
    dishonest = TamperedStore(store)
    head = store.head()
    dishonest.fake_head = replace(head, body=flipped(head.body, 999))
    [finding] = check_journal(dishonest, key()).findings
    assert (finding.part, finding.damage) == (Part.HEAD, Damage.CORRUPT)


def test_check_notices_a_history_of_its_own(store: MemoryStore) -> None:
    sound = KnownCommit.exactly(Seq(5), digest_of(next(iter(store.frames(after=Seq(4)))).body))
    assert check_journal(store, key(), known=[sound]).findings == ()
    [finding] = check_journal(store, key(), known=[KnownCommit.exactly(Seq(5), bytes(32))]).findings
    assert (finding.first, finding.damage) == (5, Damage.FORGED)


def test_a_point_behind_the_damage_is_restorable_from_a_checkpoint(store: MemoryStore) -> None:
    opened(store).write_checkpoint(Seq(6), [], now=NOON)
    verdict = check_journal(tampered(store, drop(3)), key())
    assert [(span.after, span.through) for span in verdict.restorable] == [(0, 2), (5, 8)]
