"""A group policy is a container and files, written one after the other: which commits leave one half of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from adpersist.cli.read.log import _with_halves
from adpersist.journal.journal import Journal
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Place, piece_of
from adpersist.model.identity.ids import Seq
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.policies.along import PoliciesAlong, every_policy, writes_a_half
from adpersist.reading.policies.folders import policy_named, version_in
from adpersist.reading.policies.halves import HalfPolicy
from adpersist.reading.policies.places import place_of
from adpersist.restore.files.stale_policies import stale_policies
from adpersist.state.fold import stream_objects
from adpersist.state.state import State
from tests.golden.journal_samples import (
    NC,
    NOON,
    OTHER,
    TamperedStore,
    created,
    fresh_store,
    guid,
    look,
    new_journal,
    opened,
)

NAME = "{11111111-2222-3333-4444-555555555555}"
OTHER_NAME = "{AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE}"
Told = FileState | FileKey | bytes


def place(name: str = NAME) -> str:
    return f"corp.example/Policies/{name}"


def container(version: int, name: str = NAME, **more: bytes) -> Change:
    values = {
        "objectClass": (b"top", b"container", b"groupPolicyContainer"),
        "gPCFileSysPath": (f"\\\\corp.example\\SysVol\\{place(name)}".replace("/", "\\").encode(),),
        "versionNumber": (b"%d" % version,),
    }
    return created(name, values | {attribute: (value,) for attribute, value in more.items()})


def edited(version: int, name: str = NAME) -> Change:
    return Change(kind=Kind.CHANGED, guid=guid(name), nc=NC, values={"versionNumber": (b"%d" % version,)})


def deleted(name: str = NAME) -> Change:
    values = {"isDeleted": (b"TRUE",), "gPCFileSysPath": ()}
    return Change(kind=Kind.DELETED, guid=guid(name), nc=NC, rdn=f"CN={name}\nDEL:0", values=values)


def folder(name: str = NAME) -> FileState:
    return FileState(place=Place.SYSVOL, path=place(name), kind=FileKind.DIRECTORY, mode=0o770)


def ini(version: int | None, name: str = NAME) -> list[Told]:
    """A GPT.INI, its content before it."""
    content = b"[General]\r\n" + (b"" if version is None else b"Version=%d\r\n" % version)
    path = f"{place(name)}/GPT.INI"
    state = FileState(place=Place.SYSVOL, path=path, kind=FileKind.FILE, size=len(content), pieces=(piece_of(content),))
    return [content, state]


def tell(journal: Journal, *told: Told) -> None:
    # content a file was made of before is told once
    journal.commit_files(told, now=NOON)


def root() -> FileState:
    return FileState(place=Place.SYSVOL, path="", kind=FileKind.DIRECTORY, mode=0o755)


def halves(journal: Journal) -> dict[int, list[HalfPolicy]]:
    """Of every commit; and no commit of those that nobody would ask about."""
    found = dict(PoliciesAlong(journal).halves(through=journal.head.seq))
    asked = {commit.seq for commit in journal.commits(after=journal.head.pruned) if writes_a_half(commit)}
    assert found.keys() <= asked
    return {int(seq): half for seq, half in found.items()}


def told(journal: Journal) -> dict[int, list[tuple[str, int | None, int | None]]]:
    return {seq: [(each.half, each.container, each.files) for each in half] for seq, half in halves(journal).items()}


@pytest.fixture
def journal() -> Journal:
    """A policy, and the files of all that there is: commits 1 and 2."""
    made = new_journal(fresh_store())
    look(made, [container(1)], 100)
    tell(made, root(), folder(), *ini(1))
    return made


def test_a_policy_whose_halves_fit_is_none(journal: Journal) -> None:
    assert halves(journal) == {}


def test_a_commit_that_wrote_one_half_of_an_edit_says_so_and_one_with_both_does_not(journal: Journal) -> None:
    look(journal, [edited(2)], 110)
    look(journal, [created("ada")], 120)  # of no policy
    tell(journal, *ini(2))
    tell(journal, *ini(65538))
    look(journal, [edited(65538)], 130)
    assert told(journal) == {3: [("versions", 2, 1)], 6: [("versions", 2, 65538)]}
    (half,) = halves(journal)[3]
    assert half.dn == f"CN={NAME},CN=Policies,CN=System,{NC}"
    assert half.path == place()


def test_a_gpt_ini_that_says_nothing_fits_no_version_but_zero(journal: Journal) -> None:
    tell(journal, *ini(None))
    look(journal, [edited(0)], 110)
    assert told(journal) == {3: [("versions", 1, None)]}


def test_a_container_without_files_and_files_without_a_container(journal: Journal) -> None:
    look(journal, [container(0, OTHER_NAME)], 110)
    tell(journal, folder(OTHER_NAME))
    tell(journal, *ini(0, OTHER_NAME))
    look(journal, [deleted(OTHER_NAME)], 120)
    tell(journal, (Place.SYSVOL, f"{place(OTHER_NAME)}/GPT.INI"))
    tell(journal, (Place.SYSVOL, place(OTHER_NAME)))
    assert told(journal) == {
        3: [("no-files", 0, None)],
        4: [("no-files", 0, None)],
        6: [("no-container", None, 0)],
        7: [("no-container", None, None)],
    }


def test_a_container_that_does_not_say_yet_where_its_files_are_has_the_usual_place(journal: Journal) -> None:
    bare = container(0, OTHER_NAME)
    look(journal, [replace(bare, values={"objectClass": bare.values["objectClass"]})], 110)
    tell(journal, folder(OTHER_NAME), *ini(0, OTHER_NAME))
    assert told(journal) == {3: [("no-files", 0, None)]}


def test_of_the_time_before_somebody_looked_at_files_nothing_is_half() -> None:
    journal = new_journal(fresh_store())
    look(journal, [container(1), container(1, OTHER_NAME)], 100)
    look(journal, [edited(2)], 110)
    assert halves(journal) == {}
    tell(journal, root(), folder(), *ini(2))
    assert told(journal) == {1: [("no-files", 1, None)]}, "the other one never had any"


def test_after_a_restore_a_policy_is_what_it_was_at_the_point(journal: Journal) -> None:
    look(journal, [edited(2)], 110)
    tell(journal, *ini(2))
    restorer = opened(journal._store, None)
    restorer.begin_restore(target=Seq(3), writer=OTHER, now=NOON)
    restorer.end_restore(now=NOON)
    restorer.commit_files([*ini(1)][1:], now=NOON)
    look(restorer, [edited(1)], 120)
    assert told(restorer) == {3: [("versions", 2, 1)]}, "commit 7 tells of what was there at commit 3"


def test_what_is_sound_is_listed_where_something_before_is_damaged() -> None:
    store = fresh_store()
    journal = new_journal(store)
    look(journal, [container(1)], 100)
    tell(journal, root(), folder(), *ini(1))
    look(journal, [edited(2)], 110)
    look(journal, [created("ada")], 120)
    damaged = TamperedStore(store)
    damaged.tamper = lambda frames: [frame for frame in frames if frame.seq != 1]
    newest = opened(damaged).commits(after=Seq(2))
    listed = _with_halves(opened(damaged), newest, journal.head.seq)
    assert [(commit.seq, half) for commit, half in listed] == [(3, None), (4, [])]
    (_, sound), _ = _with_halves(journal, journal.commits(after=Seq(2)), journal.head.seq)
    assert [half["half"] for half in sound or ()] == ["versions"]


def test_what_was_pruned_is_known_from_its_checkpoint(journal: Journal) -> None:
    journal.write_checkpoint(journal.head.seq, stream_objects(journal, journal.head.seq), now=NOON)
    look(journal, [edited(2)], 110)
    journal.prune(oldest=Seq(2), keep_marks=False, keep_image=False, now=NOON)
    assert journal.head.pruned == 2
    assert told(journal) == {3: [("versions", 2, 1)]}


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"[General]\r\nVersion=65537\r\n", 65537),
        (b"[general]\n  version = 3\n", 3),
        (b"", None),
        (b"[General]\r\nVersion=\r\n", None),
        (b"displayName=Version=7\r\n", None),
        pytest.param(b"\0" * 70_000 + b"\nVersion=7", None, id="far behind"),
        (b"[General]\nVersion=4294967295\n", 4294967295),
        (b"[General]\nVersion=00000000000065537\n", 65537),
        pytest.param(b"[General]\nVersion=" + b"9" * 60_000, None, id="digits"),
        pytest.param(b"[General]\nVersion=" + b"0" * 60_000, 0, id="zeros"),
        pytest.param(b"\n" * 60_000 + b"Version=7", 7, id="empty lines"),
    ],
)
def test_the_version_in_a_gpt_ini(content: bytes, version: int | None) -> None:
    """Whatever whoever may edit a policy wrote there: a heal ends with reading them all."""
    assert version_in(content) == version


@pytest.mark.parametrize("said", ["corp.example\\Policies", "corp.example", f"corp.example\\Policies\\{OTHER_NAME}"])
def test_a_policy_has_no_files_but_in_a_folder_of_its_own_name(said: str) -> None:
    """Whoever may make policies could else have the files of all of them taken away with one."""
    rdn, values = said.rpartition("\\")[2], container(1).values
    named = [f"CN={NAME}"] if policy_named(rdn) else [f"CN={rdn}", f"CN={NAME}"]
    said_so = {**values, "gPCFileSysPath": (f"\\\\corp.example\\SysVol\\{said}".encode(),)}
    for each in named:
        assert place_of(ObjectState(guid=guid("any"), nc=NC, parent=None, rdn=each, values=said_so)) is None
    own = ObjectState(guid=guid("any"), nc=NC, parent=None, rdn=f"CN={NAME.lower()}", values=values)
    assert place_of(own) == place()


@pytest.mark.parametrize(
    ("place_said", "ini"),
    [
        (place(), b"[General]\r\nVersion=" + b"9" * 60_000),
        (f"corp.example/a\0b/{NAME}", b""),
        (f"corp.example/{'a' * 5000}/{NAME}", b""),
    ],
    ids=("a number nobody can hold", "a zero byte", "a long name"),
)
def test_a_heal_ends_whatever_a_policy_says_of_itself(tmp_path: Path, place_said: str, ini: bytes) -> None:
    """Anybody who may edit one policy writes both; they are read when everything else is healed."""
    if ini:
        (tmp_path / place()).mkdir(parents=True)
        (tmp_path / place() / "GPT.INI").write_bytes(ini)
    said = "\\\\corp.example\\SysVol\\" + place_said.replace("/", "\\")
    values = {"objectClass": (b"groupPolicyContainer",), "gPCFileSysPath": (said.encode(),), "versionNumber": (b"1",)}
    policy = ObjectState(guid=guid(NAME), nc=NC, parent=None, rdn=f"CN={NAME}", values=values)
    (found,) = stale_policies(State([policy]), tmp_path)
    assert (found.container, found.files) == (1, None)


def test_every_policy_is_known_with_its_last_place(journal: Journal) -> None:
    look(journal, [container(1, OTHER_NAME), created("ada")], 110)
    look(journal, [deleted()], 120)
    found = every_policy(journal)
    assert {each: where.path for each, where in found.items()} == {
        guid(NAME): place(),
        guid(OTHER_NAME): place(OTHER_NAME),
    }
    assert {where.parent for where in found.values()} == {guid("domain")}
