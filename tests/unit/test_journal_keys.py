"""Keys are never overwritten, never half there, and a wrong one is told from a damaged one."""

import base64
import os
from dataclasses import replace
from pathlib import Path

import pytest

from adpersist.errors import ConfigError, ExitCode, IntegrityError, KeyMissingError, WrongKeyError
from adpersist.journal.appending.spare_head import rebuilt
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.drafts.commit_drafts import CommitDrafter
from adpersist.journal.format.head import open_head, seal_head
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.journal.keys.key_file import (
    VARIABLE,
    create_key_file,
    exposure,
    key_from_environment,
    key_from_line,
    key_line,
    read_key_file,
    read_key_line,
)
from adpersist.journal.keys.keyring import DataKey, Keyring
from adpersist.journal.upkeep.check import check_journal
from adpersist.journal.upkeep.copy import JournalCopy
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.fold import fold
from adpersist.stores.memory import MemoryStore
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    NC,
    NOON,
    TEST_KEY,
    changes_of,
    created,
    fresh_store,
    guid,
    key,
    look,
    new_journal,
)
from tests.unit.conftest import Synced


def test_a_new_key_file_is_read_back_and_is_nobodys_business(tmp_path: Path) -> None:
    path = tmp_path / "journal.key"
    made = create_key_file(path)
    assert read_key_file(path).key_id == made.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert exposure(path) is None
    text = path.read_text()
    assert text.startswith("adpersist-key-1:")
    assert text.count("\n") == 1


def test_a_key_file_keeps_its_mode_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_file(tmp_path / "k")
    finally:
        os.umask(before)
    assert exposure(tmp_path / "k") is None


def test_an_existing_key_file_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "journal.key"
    create_key_file(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        create_key_file(path)
    assert path.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        create_key_file(link)


def test_a_key_file_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        create_key_file(tmp_path / "missing" / "k")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o666])
def test_an_open_key_file_is_warned_about(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    create_key_file(path)
    path.chmod(mode)
    found = exposure(path)
    assert found is not None
    assert f"{mode:04o}" in found.says
    assert found.mend == f"chmod 600 {path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_key_of_another_user_is_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "k"
    create_key_file(path)
    os.chown(path, 65_534, 65_534)
    found = exposure(path)
    assert found is not None
    assert "belongs to user 65534" in found.says
    assert found.mend == f"chown {os.geteuid()} {path}"


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="k1"):
        read_key_file(tmp_path / "k1")
    with pytest.raises(KeyMissingError, match="k1"):
        exposure(tmp_path / "k1")
    with pytest.raises(KeyMissingError, match=VARIABLE):
        key_from_environment({})
    with pytest.raises(KeyMissingError):
        read_key_file(tmp_path)  # a directory
    assert KeyMissingError("").exit_code is ExitCode.KEY


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n\n", bytes(100)])
def test_an_empty_key_file_is_a_missing_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    with pytest.raises(KeyMissingError, match=r"is empty$"):
        read_key_file(path)


def test_a_key_cut_short_or_mistyped_is_no_key(tmp_path: Path) -> None:
    line = key_line(TEST_KEY)
    path = tmp_path / "journal.key"
    broken = [line[:cut] for cut in range(1, len(line))]
    broken += [line[:20] + ("A" if line[20] != "A" else "B") + line[21:], line + "0", line + "\n" + key_line(bytes(32))]
    broken += [line.replace("key-1", "key-2"), line.upper(), "hunter2", "\xff" * 60, "x" * 5000]
    for content in broken:
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(KeyMissingError, match=r"journal\.key") as caught:
            read_key_file(path)
        assert TEST_KEY.hex() not in str(caught.value)
        assert line[16:59] not in str(caught.value)


def test_a_key_survives_the_ways_of_editors(tmp_path: Path) -> None:
    path = tmp_path / "k"
    line = key_line(TEST_KEY).encode()
    for content in (
        b" " + line + b" \r\n\r\n",
        b"\xef\xbb\xbf" + line,
        line + b"\n" + line,
        b"The key:\n\n" + line + b"\n",
    ):
        path.write_bytes(content)
        assert read_key_file(path).key_id == LocalKey(TEST_KEY).key_id
        assert read_key_line(path) == key_line(TEST_KEY)
    assert key_from_environment({"K": key_line(TEST_KEY) + "\n"}, "K").key_id == LocalKey(TEST_KEY).key_id


def test_the_key_line_is_what_it_was_in_version_one() -> None:
    """Computed with coreutils: ``base64``, ``tr '+/' '-_'`` and ``sha256sum``."""
    line = "adpersist-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8:2a4d7f57"
    assert key_line(bytes(range(32))) == line
    assert key_from_line(line, source="test").key_id == LocalKey(bytes(range(32))).key_id


def test_a_wrong_key_names_both() -> None:
    store = fresh_store()
    look(new_journal(store), [created("a")], 1)
    with pytest.raises(WrongKeyError) as caught:
        Journal.open(store, key("other"))
    assert key().key_id in str(caught.value)
    assert key("other").key_id in str(caught.value)
    assert caught.value.exit_code is ExitCode.KEY


def test_a_key_of_the_right_name_that_does_not_unwrap_is_a_forgery() -> None:
    class Pretender(LocalKey):
        @property
        def key_id(self) -> str:
            return key().key_id

    store = fresh_store()
    new_journal(store)
    with pytest.raises(DamagedError) as caught:
        Journal.open(store, Pretender(bytes(32)))
    assert caught.value.damage is Damage.FORGED


class WrapsOnly(LocalKey):
    """As a vault's key that we may wrap with, and not unwrap."""

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        raise KeyMissingError("not allowed to unwrap")


class GivesAnother(LocalKey):
    """As a vault whose owner put another data key in place of ours."""

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        return super().unwrap(wrapped, context=context)[::-1]


def test_a_key_that_may_only_wrap_is_not_taken() -> None:
    """Or nobody could open what was just sealed."""
    journal, store = b"journal one 1234", fresh_store()
    with pytest.raises(KeyMissingError, match="not allowed"):
        Keyring.create(WrapsOnly(TEST_KEY), journal)
    opened_ = new_journal(store)
    with pytest.raises(KeyMissingError, match="not allowed"):
        opened_.rotate_key(WrapsOnly(bytes(32)), now=NOON)
    assert Journal.open(store, key()).wrappers == (key().key_id,)


def test_another_data_key_than_the_one_that_is_named_is_a_forgery() -> None:
    journal = b"journal one 1234"
    ring = Keyring.create(key(), journal)
    with pytest.raises(DamagedError, match=f"data key {ring.active.id.hex()} is another one") as refused:
        Keyring.unlock(ring.wrapped, GivesAnother(TEST_KEY), journal)
    assert refused.value.damage is Damage.FORGED


@pytest.mark.parametrize(
    ("wrapper", "hint"),
    [
        ("https://corp.vault.azure.net/keys/journal", "`[key] vault` to https://corp.vault.azure.net/keys/journal"),
        ("0123456789abcdef", "`[key] file`"),
    ],
)
def test_whoever_has_the_wrong_key_is_told_where_the_right_one_goes(wrapper: str, hint: str) -> None:
    journal = b"journal one 1234"
    (wrapped,) = Keyring.create(key(), journal).wrapped
    with pytest.raises(WrongKeyError, match=f"wants the key {wrapper}") as refused:
        Keyring.unlock([replace(wrapped, wrapper=wrapper)], key(), journal)
    assert hint in str(refused.value.hint)


def test_a_wrapped_key_is_bound_to_its_journal() -> None:
    ring = Keyring.create(key(), b"journal one 1234")
    with pytest.raises(IntegrityError):
        Keyring.unlock(ring.wrapped, key(), b"journal two 1234")


def test_keys_that_open_only_some_of_the_data_keys_open_nothing() -> None:
    """Rather now, by name, than in the middle of a restore; nor are the others' wraps given up for such keys."""
    journal = b"journal one 1234"
    ring = Keyring.create(key("lost"), journal)
    with pytest.raises(WrongKeyError, match=key("lost").key_id):
        ring.wrapped_alone(key())
    second = ring.rotated(key(), journal, since=Seq(3), randomness=os.urandom)
    with pytest.raises(WrongKeyError, match=f"wants the key {key('lost').key_id}, the one at hand"):
        Keyring.unlock(second.wrapped, key(), journal)
    retired = replace(second.wrapped[0], wrapper="", wrapped=b"")
    assert Keyring.unlock([retired, second.wrapped[1]], key(), journal).wrappers == (key().key_id,)


def test_old_frames_stay_readable_through_both_rotations() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [created("a")], 10)
    journal.rotate_data_key(now=NOON)
    look(journal, [created("b")], 20)
    journal.rotate_key(key("second"), now=NOON)
    look(journal, [created("c")], 30)
    assert journal.finish_key(now=NOON)
    journal.rotate_data_key(now=NOON)
    look(journal, [created("d")], 40)
    with pytest.raises(WrongKeyError, match=key("second").key_id):
        Journal.open(store, key())
    again = Journal.open(store, key("second"))
    assert changes_of(again) == [created(name) for name in "abcd"]
    again.claim(AGENT, now=NOON)
    look(again, [created("e")], 50)


@pytest.mark.parametrize("kind", [LocalKey, DataKey])
def test_neither_key_shows_itself(kind: type[LocalKey] | type[DataKey]) -> None:
    held = kind(TEST_KEY)
    shown = repr(held) + repr(vars(held))
    encoded = base64.b64encode(TEST_KEY).decode().rstrip("=")
    for form in (repr(TEST_KEY)[2:-1], TEST_KEY.hex(), encoded, key_line(TEST_KEY)[16:59], repr(list(TEST_KEY))[1:-1]):
        assert form not in shown


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LocalKey(b"short")


def test_a_new_key_file_is_on_the_disk_before_it_is_used(tmp_path: Path, synced: Synced) -> None:
    path = tmp_path / "journal.key"
    create_key_file(path)
    assert synced == [(path, path.read_bytes()), (tmp_path, None)]


# --- nonces ---------------------------------------------------------------------------------------------------------


def test_a_nonce_differs_by_what_is_sealed_by_where_and_by_chance() -> None:
    data_key = DataKey(TEST_KEY)
    same = data_key.nonce(b"header", b"content", bytes)
    assert data_key.nonce(b"header", b"content", bytes) == same, "with the same randomness"
    others = {
        data_key.nonce(b"header", b"another", bytes),
        data_key.nonce(b"another", b"content", bytes),
        data_key.nonce(b"header", b"content", lambda count: b"1" * count),
        DataKey(TEST_KEY[::-1]).nonce(b"header", b"content", bytes),
    }
    assert len(others | {same}) == 5
    assert {len(nonce) for nonce in others} == {12}


def test_no_nonce_is_used_twice_even_when_all_randomness_repeats() -> None:
    """A machine resumed from one snapshot again and again; the same looks, the same marks, the same states."""
    store = fresh_store()
    journal = Journal.create(store, key(), identity=IDENTITY, writer=AGENT, now=NOON, randomness=bytes)
    heads = [store.head().body]
    for number in range(5):
        for deed in (
            lambda: look(journal, [created("same")], 10, now=NOON),
            lambda: journal.mark("same", writer=AGENT, now=NOON),
            lambda: journal.write_checkpoint(Seq(2 * number + 1), [state("same"), state("same")], now=NOON),  # noqa: B023
        ):
            deed()
            heads.append(store.head().body)
    tip = journal._end.tip
    for later in (replace(tip.head, time=NOON + 1), replace(tip.head, digest=bytes(32))):  # only the clear part differs
        heads.append(seal_head(later, tip.keyring, tip.journal, bytes))
    frames = [frame.body for frame in store.frames(after=Seq(0))]
    parts = [part for seq in store.checkpoints() for part in store.checkpoint(seq)]
    assert (len(frames), len(parts), len(heads)) == (10, 5, 18)
    assert len({head[76:88] for head in heads}) == len(heads)
    assert len({frame[76:88] for frame in frames}) == len(frames)
    assert len({part[44:56] for part in parts}) == len(parts)


def state(name: str) -> ObjectState:
    return ObjectState(guid=guid(name), nc=NC, parent=None, rdn=f"CN={name}")


# --- a data key seals so many frames ---------------------------------------------------------------------------------


def test_a_data_key_seals_so_many_commits_and_no_more() -> None:
    """By itself far fewer than is safe, [NIST SP 800-38D] 8.3: 2**32 with random nonces."""
    assert CommitDrafter(keys=key(), randomness=os.urandom, time=NOON).commits_a_key == 2**30
    store = fresh_store()
    journal = new_journal(store)
    scribe = CommitDrafter(keys=key(), randomness=os.urandom, time=NOON, commits_a_key=3)
    for number in range(8):
        journal._end.append(lambda base: scribe.mark(base, f"m{number}", AGENT))  # noqa: B023
    sealed = [frame.body[68:76] for frame in store.frames(after=Seq(0))]
    wrapped = journal._end.tip.keyring.wrapped
    assert [each.since for each in wrapped] == [0, 3, 6]
    assert sealed == [wrapped[number // 3].id for number in range(8)]
    assert check_journal(store, key()).findings == ()


def test_while_either_of_two_keys_opens_the_journal_none_is_shut_out_by_a_new_data_key() -> None:
    store = fresh_store()
    journal = new_journal(store)
    journal.rotate_key(key("new"), now=NOON)
    with pytest.raises(ConfigError, match="two keys open the journal"):
        journal.rotate_data_key(now=NOON)
    with pytest.raises(ConfigError, match=f"to the key {key('new').key_id} already"):
        journal.rotate_key(key("third"), now=NOON)
    scribe = CommitDrafter(keys=key("new"), randomness=os.urandom, time=NOON, commits_a_key=1)
    for number in range(3):
        journal._end.append(lambda base: scribe.mark(base, f"m{number}", AGENT))  # noqa: B023
    for each in (key(), key("new")):
        assert [mark.name for mark in Journal.open(store, each).marks()] == ["m0", "m1", "m2"]
    assert journal.finish_key(now=NOON)
    assert journal.finish_key(now=NOON) is False, "no other opens it"
    journal._end.append(lambda base: scribe.mark(base, "m3", AGENT))
    assert len(journal._end.tip.keyring.wrapped) == 2, "it was put off"


class CountedKey(LocalKey):
    """A vault, as far as it is asked."""

    def __init__(self) -> None:
        super().__init__(TEST_KEY)
        self.asked = 0

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        self.asked += 1
        return super().unwrap(wrapped, context=context)


def rotated_often(store: MemoryStore, times: int) -> Journal:
    """Two looks with every data key: commits 1 and 2 with the first, 3 and 4 with the second."""
    journal = new_journal(store)
    for number in range(times):
        for usn in (2 * number + 1, 2 * number + 2):
            look(journal, [created(f"user{usn}")], usn)
        if number + 1 < times:
            journal.rotate_data_key(now=NOON)
    return journal


def test_opening_costs_one_unwrap_however_many_data_keys_there_are() -> None:
    store = fresh_store()
    rotated_often(store, 6)
    vault = CountedKey()
    journal = Journal.open(store, vault)
    assert vault.asked == 1
    assert len(changes_of(journal, after=9)) == 3
    assert vault.asked == 2, "commit 10 is sealed with the key before the last"
    assert len(changes_of(journal)) == 12
    assert vault.asked == 6
    assert len(changes_of(journal)) == 12
    assert vault.asked == 6, "none is asked for twice"


@pytest.mark.parametrize(("through", "left"), [(2, 6), (3, 5), (4, 5), (5, 4), (12, 1)])
def test_data_keys_go_with_the_frames_they_sealed(through: int, left: int) -> None:
    store = fresh_store()
    journal = rotated_often(store, 6)
    seed, everything = journal.seed, journal.wrappers
    journal.write_checkpoint(Seq(through), [*fold(journal, Seq(through)).values()], now=NOON)
    journal.prune(oldest=Seq(through), keep_marks=True, now=NOON)

    vault = CountedKey()
    journal = Journal.open(store, vault)
    tip = open_head(store.head(), vault)
    assert len([each for each in tip.keyring.wrapped if not each.is_retired]) == left
    assert (journal.seed, journal.wrappers) == (seed, everything), "the DC and copies know the journal by its seed"
    assert set(fold(journal)) == {guid(f"user{number}") for number in range(1, 13)}
    assert check_journal(store, key()).findings == ()
    assert vault.asked <= 1 + left

    journal.claim(AGENT, now=NOON)
    look(journal, [created("later")], 90)
    journal.rotate_key(key("new"), now=NOON)
    Journal.open(store, key("new")).finish_key(now=NOON)
    assert check_journal(store, key("new")).findings == ()
    assert Journal.open(store, key("new")).seed == seed
    assert rebuilt(store, key("new")).tip.head == open_head(store.head(), key("new")).head
    target = fresh_store()
    JournalCopy(store, target, key("new"), expected=None).run()
    assert check_journal(target, key("new")).findings == ()


@pytest.mark.parametrize("late", [False, True])
def test_the_key_that_sealed_the_first_checkpoint_stays(late: bool) -> None:
    store = fresh_store()
    journal = rotated_often(store, 1)

    def save() -> None:
        journal.write_checkpoint(Seq(2), [*fold(journal, Seq(2)).values()], now=NOON)

    if not late:
        save()
    journal.rotate_data_key(now=NOON)
    look(journal, [created("user3")], 3)
    if late:
        save()
    journal.prune(oldest=Seq(2), keep_marks=True, now=NOON)
    assert len(list(Journal.open(store, key()).read_checkpoint(Seq(2)))) == 2


def test_an_agent_with_the_old_key_goes_on_when_the_change_is_finished() -> None:
    store = fresh_store()
    rotated_often(store, 3)
    agent = Journal.open(store, key())
    agent.claim(AGENT, now=NOON)
    other = Journal.open(store, key())
    other.rotate_key(key("new"), now=NOON)
    Journal.open(store, key("new")).finish_key(now=NOON)
    agent.refresh()
    look(agent, [created("later")], 90)
    assert check_journal(store, key("new")).findings == ()
    with pytest.raises(WrongKeyError):
        changes_of(agent)
