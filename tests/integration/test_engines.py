"""Both ways to write: the same verdicts and the same database, and the local one only where it is safe."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adpersist.directory.domain_controller import DomainController
from adpersist.directory.samba.database import Database
from adpersist.directory.write.step_writes import create
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.errors import DirectoryUnreachableError, NoSuchEntryError, WriteRefusedError
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.plan.engine import Engine
from adpersist.model.plan.step import Create, Delete, Link, Modify, Move, Step
from adpersist.restore.live_state import LiveState
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.scene import ENGINES, SCHEMA_MAY_CHANGE, Scene, World, until
from tools.samba_dc import dbcheck, dump
from tools.samba_dc.filling import fill

OFFICE = "OU=Office,DC=samdom,DC=example,DC=com"


@contextmanager
def connected(world: World) -> Iterator[DomainController]:
    dc = DomainController.connect(world.dc.ldapi_url)
    try:
        yield dc
    finally:
        dc.close()


def guid(number: int) -> Guid:
    return Guid(bytes([number]) * 16)


def user(number: int, *, parent: str = OFFICE, **values: bytes) -> Create:
    name = b"step%d" % number
    given = {"sAMAccountName": name, "userAccountControl": b"514", **values}
    return Create(
        guid=guid(number),
        dn=f"CN={name.decode()},{parent}",
        values={"objectClass": (b"top", b"person", b"organizationalPerson", b"user")}
        | {key: (value,) for key, value in given.items()},
        reason="test",
    )


def changed(number: int, **values: bytes) -> Modify:
    given = {name: (value,) for name, value in values.items()}
    return Modify(guid=guid(number), dn=f"step{number}", values=given, reason="test")


def mixed() -> list[Step]:
    """Good steps and refused ones, in an order in which the refused ones must not cost their neighbours anything."""
    crew = Create(
        guid=guid(99),
        dn=f"CN=steps,{OFFICE}",
        values={"objectClass": (b"top", b"group"), "sAMAccountName": (b"steps",), "groupType": (b"-2147483646",)},
        reason="test",
    )
    return [
        *(user(number) for number in range(1, 6)),
        user(6, parent="OU=Nowhere,DC=samdom,DC=example,DC=com"),
        changed(1, description=b"before"),
        user(7, instanceType=b"no number"),
        crew,
        Link(guid=guid(99), dn="steps", added={"member": frozenset({ref(guid(1)), ref(guid(2))})}, reason="test"),
        Link(guid=guid(99), dn="steps", added={"member": frozenset({ref(guid(3)), ref(guid(6))})}, reason="test"),
        changed(2, whenCreated=b"20200101000000.0Z", description=b"old"),
        changed(8, description=b"nobody"),
        Move(guid=guid(3), dn="step3", parent_dn=f"OU=Annex,{OFFICE}", rdn="CN=moved", reason="test"),
        Delete(guid=guid(4), dn="step4", reason="test"),
        user(10),
        user(1),
    ]


def test_both_engines_come_to_the_same_verdicts_and_the_same_database(scene: Scene, place: Path) -> None:
    verdicts: dict[Engine, list[tuple[type, int] | None]] = {}
    found: dict[Engine, dict[str, dict[str, tuple[bytes, ...]]]] = {}
    for engine in ENGINES:
        with scene.played(place / engine) as world:
            with connected(world) as dc, dc.writing(engine) as target:
                verdicts[engine] = [
                    (type(verdict), verdict.result) if verdict is not None else None
                    for verdict in target.apply(mixed())
                ]
            world.dc.stop()
            found[engine] = {
                key: {
                    name: tuple(sorted(entry.get(name, ())))
                    for name in ("distinguishedName", "description", "member", "isDeleted")
                }
                for key, entry in dump(world.dc, deleted=True).items()
            }
            assert [
                entry.get("whenCreated") for key, entry in dump(world.dc).items() if key.startswith("02020202-")
            ] == [(b"20200101000000.0Z",)]
            verdict = dbcheck(world.dc, since=world.dc.golden)
            assert verdict, verdict.text
    assert verdicts[Engine.LOCAL] == verdicts[Engine.LDAP]
    assert [at for at, verdict in enumerate(verdicts[Engine.LDAP]) if verdict is not None] == [5, 7, 10, 12, 16]
    assert found[Engine.LOCAL] == found[Engine.LDAP]


def test_a_batch_whose_worker_is_killed_has_never_happened(world: World) -> None:
    database = Database(world.dc.sam_ldb)
    with pytest.raises(DirectoryUnreachableError), database.transaction():
        database.add(f"OU=half,{OFFICE}", {"objectClass": (b"organizationalUnit",)}, ())
        os.kill(database.pid, signal.SIGKILL)
        database.add(f"OU=other half,{OFFICE}", {"objectClass": (b"organizationalUnit",)}, ())
    database.close()
    with connected(world) as dc:  # nor does it cost the better way
        dc.begin_writing(Engine.AUTO)
        assert dc._opening is not None
        os.kill(dc._opening._worker.pid, signal.SIGKILL)
        with dc.writing(Engine.AUTO) as way:
            assert isinstance(way, TransactionalTarget)
    with Hands(world.dc) as hands:
        assert hands.find("(|(ou=half)(ou=other half))") == []
        hands.ou("whole")
    world.dc.stop()
    assert dbcheck(world.dc, since=world.dc.golden)


def test_a_database_that_was_opened_before_writes_as_what_the_dc_goes_on_as(world: World) -> None:
    fresh = Guid(bytes(range(16)))
    with connected(world) as dc:
        dc.begin_writing(Engine.LOCAL, receives=True)
        time.sleep(5)  # the worker has it open
        dc.renew_invocation(fresh)
        dc.reconnect()
        with dc.writing(Engine.LOCAL) as way:
            assert list(way.apply([user(1), changed(1, description=b"by us")])) == [None, None]
            assert isinstance(way, TransactionalTarget)
            way.rest()
            assert list(way.apply([user(2)])) == [None]
        have = LiveState(dc).refresh()
    for number in (1, 2):
        assert {stamp.origin for stamp in have[guid(number)].stamps.values()} == {fresh}


def test_answers_that_come_together_are_all_taken(world: World) -> None:
    database = Database(world.dc.sam_ldb)
    with database.transaction():
        for number in range(1, 9):
            database.send(create(user(number)))
        time.sleep(2)
        assert database.verdicts() == [None] * 8
    database.close()


def test_what_is_sent_ahead_of_a_refusal_is_undone_and_what_comes_after_it_never_done(world: World) -> None:
    writes = [create(user(1)), create(user(2)), create(user(1)), create(user(3))]
    database = Database(world.dc.sam_ldb)
    with pytest.raises(WriteRefusedError), database.transaction():
        for write in writes:
            database.send(write)
        refusals = [type(verdict) for verdict in database.verdicts()]
        assert refusals == [type(None), type(None), WriteRefusedError, WriteRefusedError]
    # nothing is left of it: neither the good ones nor their transaction
    worker = database.pid
    database.rest()
    assert not Path(f"/proc/{worker}").exists()
    with database.transaction():
        database.send(create(user(3)))
        assert database.verdicts() == [None]
    database.rest()
    dc = DomainController.connect(world.dc.ldapi_url)
    dc.renew_invocation(Guid(bytes(range(16))))
    dc.close()
    with pytest.raises(DirectoryUnreachableError, match="another database"):  # it may have been put back meanwhile
        database.delete(f"CN=step3,{OFFICE}", ())
    database.close()
    with Hands(world.dc) as hands:
        assert [name for number in (1, 2, 3) for name in hands.find(f"(cn=step{number})")] == [f"CN=step3,{OFFICE}"]
    world.dc.stop()
    assert dbcheck(world.dc, since=world.dc.golden)


def _lose_a_user(world: World) -> None:
    with Hands(world.dc) as hands:
        hands.user("engineer", parent=f"OU=Office,{hands.base}")
    world.run("agent", "--once", code=0)
    world.revert()


def test_who_is_received_counts_logins_from_0_though_a_run_was_killed_before(scene: Scene, place: Path) -> None:
    crowd = 500  # in several transactions
    counting = "(&(objectClass=user)(badPwdCount=0)(logonCount=0))"
    with scene.played(place, options=SCHEMA_MAY_CHANGE) as world:
        world.dc.stop()
        fill(world.dc.private_dir, world.dc.base_dn, crowd, tree="Lost")
        world.dc.start()
        with Hands(world.dc) as hands:
            before = set(hands.find(counting))
            hands.set(f"CN=Bad-Pwd-Count,CN=Schema,CN=Configuration,{hands.base}", searchFlags="1")  # an index
        world.run("agent", "--once", code=0)
        assert len(before) > crowd
        world.revert()
        guard = world.run.start("guard", log=world.log)
        with Hands(world.dc) as hands:
            until(lambda: hands.find("(sAMAccountName=lost000000)") != [], "the first of them come")
            guard.kill()
            guard.wait(10)
            lost = before - set(hands.find(counting))
            assert lost, "it was killed too late"
            world.run("guard", code=0)
            assert set(hands.find(counting)) == before
        world.run("verify", code=0)


def _elsewhere(world: World) -> World:
    """The same DC, its privileged socket reached through a directory that holds no database."""
    link = world.place / "away" / "ldap_priv"
    link.parent.mkdir()
    link.symlink_to(world.dc.ldapi_path.parent)
    path = world.place / "adpersist.toml"
    path.write_text(path.read_text().replace(str(world.dc.ldapi_path.parent), str(link)))
    return world


def test_the_local_engine_is_refused_in_words_where_it_is_not_safe_and_nothing_is_written(world: World) -> None:
    _lose_a_user(world)
    ran = _elsewhere(world).run("restore", "--yes", "--engine", "local", code=7)
    assert "sam.ldb" in complaint(ran)
    assert "--engine ldap" in ran.err
    with Hands(world.dc) as hands:
        assert hands.find("(cn=engineer)") == []


def test_by_itself_the_safe_way_is_taken(world: World) -> None:
    _lose_a_user(world)
    ran = world.run("restore", "--yes", code=0)
    assert "engine=local" in ran.err
    world.revert()
    ran = _elsewhere(world).run("guard", code=0)
    assert "engine=ldap" in ran.err
    world.run("verify", code=0)


def test_by_itself_it_goes_on_over_ldap_where_sambas_code_gives_up(world: World) -> None:
    """An assertion of Samba's ends the worker, each time it is asked the same; the DC's own process it does not end."""
    with connected(world) as dc:
        with dc.writing(Engine.LOCAL) as target:
            assert isinstance(target, TransactionalTarget)
            os.kill(target.pid, signal.SIGABRT)
            with pytest.raises(DirectoryUnreachableError):
                list(target.apply([user(1)]))
        with dc.writing(Engine.AUTO) as target:
            assert isinstance(target, TransactionalTarget)
            assert list(target.apply([user(2)])) == [None]
            os.kill(target.pid, signal.SIGABRT)
            _, refused, *others = target.apply([user(3), user(4, parent="OU=Nowhere,DC=x"), changed(2, info=b"later")])
            assert isinstance(refused, NoSuchEntryError | WriteRefusedError)
            assert others == [None]
            assert list(target.apply([user(5)])) == [None], "in the next round, too"
    with Hands(world.dc) as hands:
        found = [name for number in range(1, 6) for name in hands.find(f"(cn=step{number})")]
    assert found == [f"CN=step{number},{OFFICE}" for number in (2, 3, 5)]


def test_a_database_that_is_not_the_running_dcs_is_not_written_to(scene: Scene, world: World, place: Path) -> None:
    """A copy lies where the DC's own is looked for: the same invocationID, and not what the DC shows."""
    _lose_a_user(world)
    away = place / "copy"
    with Hands(world.dc) as hands:
        hands.set(f"OU=Office,{hands.base}", description="the DC went on")
    (away / "ldap_priv").mkdir(parents=True)
    for path in (scene.golden.directory / "private").iterdir():
        if path.name != "ldap_priv":
            (away / path.name).symlink_to(path)
    (away / "ldap_priv" / "ldapi").symlink_to(world.dc.ldapi_path)
    path = world.place / "adpersist.toml"
    path.write_text(path.read_text().replace(str(world.dc.ldapi_path.parent.parent), str(away)))
    assert "not the database" in complaint(world.run("restore", "--yes", "--engine", "local", code=7))
