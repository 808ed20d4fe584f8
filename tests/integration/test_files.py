"""SYSVOL and the local databases: captured in the directory's journal, and put back with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adpersist.directory.samba import local_databases
from adpersist.model.identity.sid import sid_text
from tests.crash.deaths import KILLED, dying
from tests.integration.booting import booted
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World, until
from tools.samba_dc import free_port
from tools.samba_dc.layout import copy_lasting, remove
from tools.samba_dc.programs import run
from tools.samba_dc.unix_numbers import unix_numbers

Face = tuple[object, ...]
"""All that a file shows of itself: kind, owner, mode, time, attributes, content."""


def faces(top: Path) -> dict[str, Face]:
    """What lies below a directory, and itself, by relative path."""
    found: dict[str, Face] = {}
    for path in (top, *sorted(top.rglob("*"))):
        status = path.lstat()
        link, regular = path.is_symlink(), stat.S_ISREG(status.st_mode)
        attributes = () if link else tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))
        content = path.readlink() if link else path.read_bytes() if regular else None
        owner = status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns
        found[os.fsencode(path.relative_to(top)).decode("utf-8", "backslashreplace")] = (*owner, attributes, content)
    return found


def sysvol(world: World) -> Path:
    """The share's directory."""
    return world.dc.layout.state / "sysvol"


def policies(world: World) -> Path:
    return sysvol(world) / world.dc.names.dns_domain / "Policies"


def scripts(world: World) -> Path:
    return sysvol(world) / world.dc.names.dns_domain / "scripts"


def captured(world: World) -> None:
    world.run("agent", "--once", code=0)


def numbers(world: World, *sids: str) -> list[int]:
    """The Unix number of each SID; one that has none is given the next."""
    return list(unix_numbers(world.dc, sids).values())


def sid(hands: Hands, name: str, place: str = "OU=Office") -> str:
    """A person's SID."""
    return sid_text(hands.read(f"CN={name},{place},{hands.base}", "objectSid")["objectSid"][0])


# --- a day, of files, Unix numbers and rights, and its heal -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What lies beside the directory: files; whose number is whose; rights and shares, as Samba's own tools say."""

    files: dict[str, Face]
    rights: frozenset[frozenset[str]]
    shares: str

    @classmethod
    def of(cls, world: World) -> Facts:
        """As it is now."""
        entries = _ldb(world, "ldbsearch", "privilege=*").split("\n\n")
        lines = (each.splitlines() for each in entries if "\ndn: " in f"\n{each}")
        rights = frozenset(frozenset(line for line in each if not line.startswith("#")) for each in lines)
        shares = run(["sharesec", "netlogon", "--view", _conf(world)], timeout_s=60).stdout
        return cls(files=faces(sysvol(world)), rights=rights, shares=shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """A DC after such a day, a revert and a heal.

    Attributes:
        image, day, reverted, healed: What lay beside the directory before the day, after it, after the revert, at last.
        people: SIDs by name.
        day_one: Numbers given on that day, by SID.
        swapped: Those that bert, ada and carl were given after the revert.
        told: What the guard said.
        policy: The DN of one whose container is newer than its files.
    """

    world: World
    image: Facts
    day: Facts
    reverted: Facts
    healed: Facts
    people: dict[str, str]
    day_one: dict[str, int]
    swapped: list[int]
    told: dict[str, Any]
    policy: str


@pytest.fixture(scope="module")
def healed(scene: Scene, module_place: Path) -> Iterator[Healed]:
    """The day, the revert and the heal, once for all that look at what came of it."""
    with scene.played(module_place) as world:
        captured(world)
        image = Facts.of(world)
        with Hands(world.dc) as hands:
            people = {name: sid(hands, name) for name in ("ada", "bert", "carl", "dora")}
            policy = f"CN={_default(world).name},CN=Policies,CN=System,{hands.base}"
            hands.set(policy, versionNumber="65540")  # replicated from a DC whose files nobody copied yet
        given = [people[name] for name in ("ada", "bert", "dora")]
        day_one = dict(zip(given, numbers(world, *given), strict=True))
        _write_rights(world, people["ada"])
        _write_files(world, owner=day_one[people["ada"]])
        day = Facts.of(world)
        world.revert()
        reverted, swapped = Facts.of(world), numbers(world, *(people[name] for name in ("bert", "ada", "carl")))
        told = world.run("guard", "--json", code=0).json["restored"]
        yield Healed(
            world=world, image=image, day=day, reverted=reverted, healed=Facts.of(world), people=people,
            day_one=day_one, swapped=swapped, told=told, policy=policy,
        )  # fmt: skip


def _default(world: World) -> Path:
    """The default policy's folder."""
    return next(policies(world).glob("{31B2F340*"))


def _write_files(world: World, *, owner: int) -> None:
    default = _default(world)
    ini = default / "GPT.INI"
    made = policies(world) / "{11111111-2222-3333-4444-555555555555}"
    for folder in (made, made / "Machine", made / "User"):
        folder.mkdir(0o770)
        os.setxattr(folder, "security.NTACL", os.getxattr(default, "security.NTACL"))
    (made / "GPT.INI").write_bytes(b"[General]\r\nVersion=1\r\n")
    (made / "Machine" / "Registry.pol").write_bytes(b"PReg\x01\0\0\0" + bytes(range(256)) * 40)
    os.setxattr(made / "GPT.INI", "security.NTACL", os.getxattr(ini, "security.NTACL"))
    os.setxattr(made / "GPT.INI", "user.DOSATTRIB", b"0x2\0\0\0")
    os.chown(made / "GPT.INI", 3000004, 3000000)
    ini.write_bytes(b"[General]\r\nVersion=65537\r\n")
    own = scripts(world) / "ada.txt"
    own.write_bytes(b"mine")
    os.chown(own, owner, 100)
    old = scripts(world) / "logon.bat"
    old.write_bytes(b"echo hello")
    captured(world)
    old.rename(old.with_name("Anmeldung-\u00fc.bat"))
    Path(os.fsdecode(os.fsencode(scripts(world)) + b"/latin-\xfc.cmd")).write_bytes(b"not UTF-8")
    (scripts(world) / "link").symlink_to("logon.bat")
    captured(world)


def _write_rights(world: World, somebody: str) -> None:
    entry = f"objectClass: privilege\nobjectSid: {somebody}\nprivilege: SeBackupPrivilege\n"
    _ldb(world, "ldbadd", stdin=f"dn: sid={somebody}\n{entry}")
    more = "changetype: modify\nadd: privilege\nprivilege: SeTcbPrivilege\nprivilege: SeAuditPrivilege\n"
    _ldb(world, "ldbmodify", stdin=f"dn: sid={somebody}\n{more}")
    _ldb(world, "ldbdel", "sid=S-1-5-32-550")
    run(["sharesec", "netlogon", "--setsddl", "D:(A;;0x001200a9;;;BA)", _conf(world)], timeout_s=60)
    run(["net", "conf", "addshare", "sales", str(world.place), "writeable=y", "guest_ok=n", _conf(world)], timeout_s=60)


def _ldb(world: World, tool: str, *words: str, stdin: str = "") -> str:
    rights = world.dc.private_dir / "privilege.ldb"
    return run([tool, "-H", str(rights), *words], stdin=stdin, timeout_s=60).stdout


def _conf(world: World) -> str:
    return f"--configfile={world.dc.smb_conf}"


def test_a_day_in_sysvol_comes_back_byte_for_byte(healed: Healed) -> None:
    assert healed.reverted.files == healed.image.files != healed.day.files
    assert healed.healed.files == healed.day.files
    (stale,) = healed.told["files"]["stale_policies"]
    assert stale == {"dn": healed.policy, "container_version": 65540, "files_version": 65537}
    world = healed.world
    world.run("verify", code=0)
    world.run("check", code=0)
    head = world.head().seq
    captured(world)
    assert world.head().seq == head, "what was put back is no news"


def test_nobody_gets_the_number_of_somebody_else(healed: Healed) -> None:
    world, people, day_one = healed.world, healed.people, healed.day_one
    assert healed.swapped[0] == day_one[people["ada"]], "the danger: who is asked for first gets it"
    assert healed.swapped[2] == day_one[people["dora"]]
    assert dict(zip(day_one, numbers(world, *day_one), strict=True)) == day_one
    assert (scripts(world) / "ada.txt").stat().st_uid == day_one[people["ada"]]
    (moved,) = numbers(world, people["carl"])
    assert moved > max(day_one.values()) + 900, "what the DC gave meanwhile gives way, far beyond what may be lost"
    captured(world)
    assert numbers(world, people["carl"]) == [moved]
    world.run("verify", code=0)


def test_rights_and_share_permissions_come_back(healed: Healed) -> None:
    """Written and read by Samba's own tools."""
    assert healed.reverted.shares == healed.image.shares != healed.day.shares
    assert healed.reverted.rights == healed.image.rights
    assert len(healed.reverted.rights ^ healed.day.rights) == 2
    assert (healed.healed.rights, healed.healed.shares) == (healed.day.rights, healed.day.shares)
    listed = run(["net", "conf", "list", _conf(healed.world)], timeout_s=60)
    assert f"[sales]\n\tpath = {healed.world.place}\n" in listed.stdout
    assert listed.stderr == "", "the registry is whole for Samba, too"


def test_databases_that_are_gone_altogether_are_made_again(world: World) -> None:
    """Somebody deleted them, or a file system check did; Samba makes none of them whole."""
    with Hands(world.dc) as hands:
        ada = sid(hands, "ada")
    (number,) = numbers(world, ada)
    captured(world)
    rights = Facts.of(world).rights
    world.dc.revert()
    private = world.dc.private_dir
    for name in ("idmap.ldb", "privilege.ldb"):
        (private / name).unlink()
    world.dc.start()
    world.run("guard", code=0)
    assert numbers(world, ada) == [number]
    assert Facts.of(world).rights == rights
    for name in ("idmap.ldb", "privilege.ldb"):
        assert stat.S_IMODE((private / name).stat().st_mode) == 0o600
    indexed = run(["ldbsearch", "-H", str(private / "idmap.ldb"), "-s", "base", "-b", "@INDEXLIST"], timeout_s=60)
    assert {"@IDXATTR: xidNumber", "@IDXATTR: objectSid"} <= set(indexed.stdout.splitlines())
    world.run("verify", code=0)


_WRITES_TO_AN_EMPTY_ONE = """
import sys
sys.path.insert(0, sys.argv[1])
import ldb, local_databases_worker
ldb.Ldb(f"tdb://{sys.argv[2]}")
databases = object.__new__(local_databases_worker.Databases)
databases.path = lambda place: sys.argv[2]
databases.write("idmap", [("S-1-5-18", {"objectClass": b"sidMap", "xidNumber": b"3000001"})], [])
"""


def test_a_database_of_whoever_died_making_it_gets_its_index(tmp_path: Path) -> None:
    """It lies there with nothing in it, as after a power cut in the middle of a heal."""
    path, worker = tmp_path / "idmap.ldb", Path(local_databases.__file__).parent
    run(["/usr/bin/python3", "-c", _WRITES_TO_AN_EMPTY_ONE, str(worker), str(path)], timeout_s=60)
    indexed = run(["ldbsearch", "-H", f"tdb://{path}", "-s", "base", "-b", "@INDEXLIST"], timeout_s=60)
    assert {"@IDXATTR: xidNumber", "@IDXATTR: objectSid"} <= set(indexed.stdout.splitlines())
    found = run(["ldbsearch", "-H", f"tdb://{path}", "(xidNumber=3000001)"], timeout_s=60)
    assert "dn: CN=S-1-5-18" in found.stdout.splitlines()


# --- a power cut between two steps -----------------------------------------------------------------------------------


def test_a_file_lost_right_after_its_commit_is_missed(world: World) -> None:
    """The agent is killed before it could tell the directory, and the machine is put back at once."""
    captured(world)
    script = scripts(world) / "last.bat"
    script.write_bytes(b"the last edit")
    assert dying(world.run, "files", 1, "agent", "--once") == KILLED
    assert world.run.status()["lineage"] == "same"
    world.run("check", code=0)
    world.revert()
    assert world.run.status()["lineage"] == "reverted"
    world.run("guard", code=0)
    assert script.read_bytes() == b"the last edit"


@pytest.fixture(scope="module")
def living(scene: Scene, module_place: Path) -> Iterator[World]:
    """A DC that is never put back, for all that bring back single things; each has a folder of its own."""
    with scene.played(module_place / "l") as played:
        yield played


def test_an_announced_commit_that_never_came_is_no_trouble(living: World) -> None:
    world = living
    captured(world)
    (scripts(world) / "last.bat").write_bytes(b"the last edit")
    assert dying(world.run, "announced", 1, "agent", "--once") == KILLED
    world.run("check", code=0)
    world.run("mark", "between", code=0)
    assert world.run.status()["lineage"] == "same"
    captured(world)
    world.run("verify", code=0)


# --- what was written since the DC was put back -----------------------------------------------------------------------


def _reverted_and_edited(world: World) -> Path:
    """A script whose newest version is in the journal; after the revert somebody writes another one, and a new one."""
    script = scripts(world) / "logon.bat"
    script.write_bytes(b"of the image")
    captured(world)
    world.dc.stop()
    image = world.dc.take_golden(world.place / "image")
    world.dc.start()
    script.write_bytes(b"of the day")
    with Hands(world.dc) as hands:
        hands.user("today")
    captured(world)
    world.dc.kill()
    remove(world.dc.directory)
    copy_lasting(image.directory, world.dc.directory)
    world.dc.start()
    assert script.read_bytes() == b"of the image"
    script.write_bytes(b"local")
    (scripts(world) / "new.bat").write_bytes(b"local, too")
    return script


def test_local_files_give_way_to_the_journal_which_keeps_them(world: World) -> None:
    script = _reverted_and_edited(world)
    world.run("guard", "--on-conflict", "fail", code=2)
    assert script.read_bytes() == b"local"
    told = world.run("guard", "--json", code=0).json["restored"]["files"]
    assert script.read_bytes() == b"of the day"
    assert not (scripts(world) / "new.bat").exists()
    base = f"{world.dc.names.dns_domain}/scripts"
    assert [each["path"] for each in told["local"]] == [f"{base}/logon.bat", f"{base}/new.bat"]

    def shown(name: str) -> str:
        return world.run("files", "show", f"{base}/{name}", "--at", str(told["saved"]), "--content", code=0).out

    assert (shown("logon.bat"), shown("new.bat")) == ("local", "local, too")
    world.run("verify", code=0)
    world.run("files", "restore", f"{base}/new.bat", "--at", str(told["saved"]), "--yes", code=0)
    assert (scripts(world) / "new.bat").read_bytes() == b"local, too"
    world.run("verify", code=0)


def test_local_files_stay_where_the_dcs_word_counts(world: World) -> None:
    script = _reverted_and_edited(world)
    world.run("guard", "--on-conflict", "dc", code=0)
    assert script.read_bytes() == b"local"
    assert (scripts(world) / "new.bat").read_bytes() == b"local, too"
    captured(world)
    world.run("verify", code=0)


# --- one file ---------------------------------------------------------------------------------------------------------


def test_one_folder_is_listed_shown_and_brought_back(living: World) -> None:
    world, shop = living, scripts(living) / "shop"
    script, base = shop / "logon.bat", f"{world.dc.names.dns_domain}/scripts/shop"
    shop.mkdir()
    script.write_bytes(b"first")
    captured(world)
    world.run("mark", "first", code=0)
    (shop / "sub").mkdir()
    (shop / "sub" / "b.bat").write_bytes(b"b")
    script.write_bytes(b"second")
    captured(world)
    world.run("mark", "second", code=0)
    listed = world.run("files", "list", base, "--at", "@second", "--json", code=0).json["files"]
    assert [each["path"] for each in listed] == [base, f"{base}/logon.bat", f"{base}/sub", f"{base}/sub/b.bat"]
    assert listed[0]["owner"] == {"number": shop.stat().st_uid, "sid": listed[0]["owner"]["sid"]}
    assert listed[0]["owner"]["sid"].startswith("S-1-5-")
    assert "b.bat" in world.run("files", "list", code=0).out
    assert "logon.bat" not in world.run("files", "list", f"{base}/sub", code=0).out
    differing = world.run("diff", "@first", "@second", "--json", code=2).json
    assert {(each["path"], each["kind"]) for each in differing["files"]} >= {
        (f"{base}/logon.bat", "changed"),
        (f"{base}/sub/b.bat", "created"),
    }
    files = [each["files"] for each in world.run("log", "--json", code=0).json if each["kind"] == "files"]
    assert all(each["changed"] + each["gone"] for each in files)
    before = faces(shop)
    world.run("files", "restore", base, "--at", "@first", "--json", code=7)  # nobody said yes
    world.run("files", "restore", base, "--at", "@first", "--yes", code=0)
    assert {name for name in faces(shop) if name != "."} == {"logon.bat"}
    assert script.read_bytes() == b"first"
    world.run("verify", code=0)
    world.run("files", "restore", base, "--at", "@second", "--yes", "--json", code=0)
    assert faces(shop) == before
    script.write_bytes(b"in place, which the folder's time does not tell of")
    captured(world)
    world.run("files", "restore", base, "--at", "@second", "--yes", code=0)
    assert faces(shop) == before
    world.run("files", "show", f"{base}/nothing", code=7)
    numbers = world.run("files", "list", "--in", "idmap", "--json", code=0).json["files"]
    assert {"S-1-5-32-544", "CONFIG"} <= {each["path"] for each in numbers}
    conf = world.run("files", "show", "smb.conf", "--in", "settings", "--content", code=0).out
    assert conf == world.dc.smb_conf.read_text()


def test_a_policy_comes_back_as_one_thing(living: World) -> None:
    world = living
    name = "{11111111-2222-3333-4444-555555555555}"
    folder = policies(world) / name
    captured(world)
    world.run("mark", "none-yet", code=0)
    with Hands(world.dc) as hands:
        place = f"\\\\{world.dc.names.dns_domain}\\SysVol\\{world.dc.names.dns_domain}\\Policies\\{name}"
        dn = f"CN={name},CN=Policies,CN=System,{hands.base}"
        hands.add(dn, "groupPolicyContainer", {"gPCFileSysPath": place, "versionNumber": "1", "displayName": "Lock"})
        for half in ("User", "Machine"):
            hands.add(f"CN={half},{dn}", "container")
        (folder / "Machine").mkdir(parents=True)
        (folder / "GPT.INI").write_bytes(b"[General]\r\nVersion=1\r\n")
        (folder / "Machine" / "Registry.pol").write_bytes(b"PReg\x01\0\0\0")
        captured(world)
        before = faces(folder)
        world.run("mark", "whole", code=0)
        for half in ("User", "Machine"):
            hands.delete(f"CN={half},{dn}")
        hands.delete(dn)
        remove(folder)
        (scripts(world) / "other.bat").write_bytes(b"stays")
        captured(world)
        base = f"{world.dc.names.dns_domain}/Policies/{name}"
        own = {base, f"{base}/GPT.INI", f"{base}/Machine", f"{base}/Machine/Registry.pol"}
        planned = world.run("plan", "--to", "@whole", "--json", code=2).json["files"]["differences"]
        assert {each["path"] for each in planned if each["kind"] == "missing"} == own
        part = "--object", name, "--subtree"  # as people know it, and not by its objectGUID
        planned = world.run("plan", "--to", "@whole", *part, "--json", code=2).json["files"]["differences"]
        assert {each["path"] for each in planned} == own, "nothing but its own"
        differing = world.run("verify", "--at", "@whole", *part, "--json", code=2).json["files"]
        assert {each["path"] for each in differing} == own
        world.run("restore", "--to", "@whole", *part, "--yes", code=0)
        world.run("verify", "--at", "@whole", *part, code=0)
        assert faces(folder) == before
        assert hands.read(dn, "gPCFileSysPath")["gPCFileSysPath"] == [place.encode()]
    assert (scripts(world) / "other.bat").read_bytes() == b"stays"
    world.run("verify", code=0)
    told = world.run("history", dn, "--json", code=0).json
    ini = [each["kind"] for each in told["files"] if each["path"] == f"{base}/GPT.INI"]
    assert ini == ["created", "gone", "created"]
    assert {each["kind"] for each in told["events"]} >= {"created", "deleted"}
    assert "Its files:" in world.run("history", dn, code=0).out
    told = world.run("files", "history", f"{base}/GPT.INI", "--json", code=0).json["events"]
    assert [each["kind"] for each in told] == ini
    assert (told[0]["from"], told[0]["to"]["size"], told[1]["to"]) == (None, len(b"[General]\r\nVersion=1\r\n"), None)
    assert "gone" in world.run("files", "history", base, code=0).out
    world.run("files", "history", f"{base}/nothing", code=7)
    archive = world.place / "sysvol.tar"
    world.run("export", "--tar", "--at", "@whole", "--output", str(archive), code=0)
    listed = run(["tar", "-tf", str(archive)], timeout_s=60).stdout.splitlines()
    assert {each.rstrip("/").removeprefix("sysvol/") for each in listed} >= own
    world.run("export", "--tar", code=7)
    world.run("export", "--tar", "--output", str(archive), code=7)  # it is there

    # a point between the two halves of an edit says so
    with Hands(world.dc) as hands:
        hands.set(dn, versionNumber="2")
    captured(world)
    for scope in (part, ()):
        (half,) = world.run("plan", *scope, "--json", code=0).json["files"]["half_policies"]
        assert half == {
            "dn": dn, "path": base, "half": "versions", "container_version": 2, "files_version": 1
        }  # fmt: skip
    assert "Half of a policy" in world.run("plan", *part, code=0).out
    assert world.run("plan", "--to", "@whole", *part, "--json", code=2).json["files"]["half_policies"] == []

    # to a point before there was such a policy: container and files go as one thing, wherever the power is cut
    words = "--to", "@none-yet", *part
    planned = world.run("plan", *words, "--json", code=2).json["files"]["differences"]
    assert {(each["path"], each["kind"]) for each in planned} == {(path, "extra") for path in own}
    assert dying(world.run, "removed", 1, "restore", *words, "--yes") == KILLED
    world.run("restore", *words, "--yes", code=0)
    assert not folder.exists()
    assert (scripts(world) / "other.bat").read_bytes() == b"stays"
    world.run("verify", "--at", "@none-yet", *part, code=0)
    world.run("verify", code=0)
    world.run("restore", "--to", "@whole", *part, "--yes", code=0)
    assert faces(folder) == before


# --- a disk without room ----------------------------------------------------------------------------------------------


@contextmanager
def small_disk(top: Path, size: str) -> Iterator[None]:
    """What lies at a path moves to a disk of its own, of that size."""
    aside = top.with_name(f"{top.name}-aside")
    top.rename(aside)
    top.mkdir()
    run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(top)], timeout_s=30)
    try:
        run(["cp", "--archive", f"{aside}/.", str(top)], timeout_s=30)
        yield
    finally:
        run(["umount", str(top)], timeout_s=30)


def test_a_share_whose_disk_is_not_mounted_is_not_taken_for_empty_and_not_filled(world: World) -> None:
    """SYSVOL lies on a disk of its own, which nobody mounted when the machine came up again."""
    top, disk = sysvol(world), world.place / "disk"
    run(["cp", "--archive", f"{top}/.", str(disk)], timeout_s=30)
    base = f"{world.dc.names.dns_domain}/scripts"
    captured(world)

    def mount() -> None:
        run(["mount", "--bind", str(disk), str(top)], timeout_s=30)

    def unmount() -> None:
        run(["umount", str(top)], timeout_s=30)

    def empty() -> None:
        remove(top)
        top.mkdir()

    empty()
    mount()
    try:
        (scripts(world) / "day.bat").write_bytes(b"of the day")
        with Hands(world.dc) as hands:
            hands.user("today")
        captured(world)
        day = faces(top)
    finally:
        unmount()
    head = world.head().seq
    captured(world)
    assert world.head().seq == head, "nothing there is news"
    world.dc.revert()
    remove(disk)
    run(["cp", "--archive", f"{top}/.", str(disk)], timeout_s=30)  # its disk went back, too
    empty()
    world.dc.start()
    told = world.run("guard", "--json", code=2).json["restored"]
    assert list(top.iterdir()) == [], "nothing lies where the disk will be"
    assert told["left"] == 0
    with Hands(world.dc) as hands:
        assert sid(hands, "today", "CN=Users"), "the directory came back all the same"
    assert "not mounted" in told["files"]["troubles"][0]
    assert f"{base}/day.bat" in {each["path"] for each in told["files"]["left"]}
    assert "not mounted" in world.run("files", "restore", base, "--yes", code=2).err
    assert list(top.iterdir()) == []
    assert f"{base}/day.bat" in world.run("files", "list", base, code=0).out
    mount()
    try:
        told = world.run("guard", "--json", code=0).json["restored"]["files"]
        assert (told["left"], told["troubles"]) == ([], [])
        assert faces(top) == day
        world.run("verify", code=0)
    finally:
        unmount()


def test_a_full_disk_keeps_nobody_from_coming_back_and_the_next_guard_goes_on_with_the_files(world: World) -> None:
    base = f"{world.dc.names.dns_domain}/scripts"
    (scripts(world) / "old.bat").write_bytes(b"of the image, and taken away since")
    captured(world)
    world.dc.stop()
    image = world.dc.take_golden(world.place / "image")
    world.dc.start()
    (scripts(world) / "old.bat").unlink()
    (scripts(world) / "installer.msi").write_bytes(os.urandom(4 << 20))
    (scripts(world) / "small.bat").write_bytes(b"small")
    with Hands(world.dc) as hands:
        hands.user("today")
    captured(world)
    before = faces(sysvol(world))
    world.dc.kill()
    remove(world.dc.directory)
    copy_lasting(image.directory, world.dc.directory)
    world.dc.start()
    with small_disk(sysvol(world), "1m"):
        told = world.run("guard", "--json", code=2).json["restored"]
        assert told["left"] == 0
        with Hands(world.dc) as hands:
            assert sid(hands, "today", "CN=Users")
        assert "No space left" in told["files"]["troubles"][0]
        assert {each["path"] for each in told["files"]["left"]} >= {f"{base}/installer.msi", f"{base}/small.bat"}
        assert not (scripts(world) / "old.bat").exists(), "what needs no room is done"
        (ended,) = [each for each in world.run("log", "--json", code=0).json if each["kind"] == "restore-end"]
        assert {each["kind"] for each in ended["differences"]} == {"file"}
        assert world.run.status()["files"]["left"] == ended["left"] > 0
        assert "still to be put back" in world.run("status", code=0).out

        # what the disk shows of the image is no news meanwhile; what somebody writes is
        (scripts(world) / "new.bat").write_bytes(b"written meanwhile")
        captured(world)
        listed = {each["path"] for each in world.run("files", "list", base, "--json", code=0).json["files"]}
        assert {f"{base}/new.bat", f"{base}/installer.msi", f"{base}/small.bat"} <= listed

        world.run("guard", code=2)
        run(["mount", "-o", "remount,size=64m", str(sysvol(world))], timeout_s=30)
        told = world.run("guard", "--json", code=0).json["restored"]["files"]
        assert (told["left"], told["troubles"]) == ([], [])
        after = faces(sysvol(world))
        assert after.pop(f"{base}/new.bat")[-1] == b"written meanwhile"
        after[base] = before[base]  # its time moved with the new file
        assert after == before
        world.run("verify", code=0)
        assert world.run.status()["files"]["left"] == 0
        head = world.head().seq
        captured(world)
        assert world.head().seq == head, "what was put back is no news"


def test_a_boot_opens_without_the_files_that_have_no_room_and_the_next_one_brings_them(world: World) -> None:
    (scripts(world) / "installer.msi").write_bytes(os.urandom(4 << 20))
    with Hands(world.dc) as hands:
        hands.user("today")
    captured(world)
    before = faces(sysvol(world))
    world.revert()
    world.dc.kill()

    def left(log: Path) -> int:
        """What is left of files once the DC was proven and is open."""
        world.dc.prepare()
        with booted(world.dc, world.run, log):
            with Hands(world.dc) as hands:
                assert sid(hands, "today", "CN=Users")
            return int(world.run.status()["files"]["left"])

    with small_disk(sysvol(world), "1m"):
        assert left(world.place / "first.log") > 0
        assert not (scripts(world) / "installer.msi").exists()
        run(["mount", "-o", "remount,size=64m", str(sysvol(world))], timeout_s=30)
        assert left(world.place / "second.log") == 0
        assert faces(sysvol(world)) == before


# --- an agent that runs, a power cut ----------------------------------------------------------------------------------


def test_a_running_agent_sees_files_and_never_those_of_an_image(world: World) -> None:
    base = f"{world.dc.names.dns_domain}/scripts"
    with Hands(world.dc) as hands:
        ada = sid(hands, "ada")

    def listed() -> dict[str, int]:
        found = world.run("files", "list", base, "--json", code=0).json["files"]
        return {each["path"]: each["size"] for each in found}

    def numbered() -> set[str]:
        found = world.run("files", "list", "--in", "idmap", "--json", code=0).json["files"]
        return {each["path"] for each in found}

    told = world.run.with_environment(ADPERSIST_HEALTH_LISTEN=f"127.0.0.1:{free_port()}")
    assert told.status()["files"]["lag_s"] is None, "nobody says"
    with told.agent(world.log) as agent:
        until(lambda: any(commit.files.states for commit in world.commits()), "it looked at files once")
        until(lambda: told.status()["files"]["lag_s"] == 0, "nothing there is behind")
        assert "s behind in SYSVOL" in told("status", code=0).out
        (scripts(world) / "live.bat").write_bytes(b"x" * 1000)
        until(lambda: listed().get(f"{base}/live.bat") == 1000, "a file is captured though the directory stands still")
        numbers(world, ada)
        until(lambda: ada in numbered(), "a Unix number is captured")
        before = faces(sysvol(world))
        world.dc.revert()  # under the agent's eyes, file by file
        world.dc.start()
        assert agent.wait() == 4
    assert listed()[f"{base}/live.bat"] == 1000, "what an image shows is no news"
    world.run("guard", code=0)
    assert faces(sysvol(world)) == before


def test_a_guard_killed_anywhere_among_files_ends_where_it_should(world: World) -> None:
    with Hands(world.dc) as hands:
        ada = sid(hands, "ada")
        hands.user("today")
    (scripts(world) / "old.bat").write_bytes(b"of the image")
    captured(world)
    world.dc.stop()
    image = world.dc.take_golden(world.place / "image")
    world.dc.start()
    (scripts(world) / "old.bat").unlink()
    numbers(world, ada)
    for name in ("one", "two", "three"):
        (scripts(world) / f"{name}.bat").write_bytes(name.encode())
    captured(world)
    before = faces(sysvol(world))
    world.dc.kill()
    remove(world.dc.directory)
    copy_lasting(image.directory, world.dc.directory)
    world.dc.start()
    for point, number in (("numbers", 1), ("aside", 2), ("named", 1), ("removed", 1)):
        assert dying(world.run, point, number, "guard") == KILLED, point
        world.run("agent", "--once", code=4)
    world.run("guard", code=0)
    assert faces(sysvol(world)) == before
    assert not list(world.dc.layout.state.glob(".adpersist-*"))
    world.run("verify", code=0)


def test_a_heal_after_which_samba_would_not_start_says_so_before_it_begins(world: World) -> None:
    line = "\tad dc functional level = 2016\n"
    conf = world.dc.smb_conf
    old = conf.read_text()
    conf.write_text(old.replace("[global]\n", f"[global]\n{line}", 1))
    with Hands(world.dc) as hands:
        hands.set(hands.base, **{"msDS-Behavior-Version": "7"})
    captured(world)
    world.revert()  # smb.conf, too
    assert conf.read_text() == old
    head = world.head()
    assert line.strip() in world.run("guard", code=7).err
    assert world.head() == head
    conf.write_text(f"{old}# somebody's note\n")
    writing = world.run.with_environment(ADPERSIST_FILES_RESTORE_SMB_CONF="true")
    told = writing("guard", "--json", code=0).json["restored"]
    assert told["files"]["smb_conf_differs"] is False
    assert conf.read_text() == old.replace("[global]\n", f"[global]\n{line}", 1)
    assert {"place": "settings", "path": "smb.conf"} in told["files"]["local"]
    words = "files", "show", "smb.conf", "--in", "settings", "--content", "--at", str(told["files"]["saved"])
    assert "somebody's note" in world.run(*words, code=0).out
    world.run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.read(hands.base, "msDS-Behavior-Version")["msDS-Behavior-Version"] == [b"7"]
