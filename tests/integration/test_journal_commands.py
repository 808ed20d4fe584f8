"""The commands that read, prove and bound the journal, on what a real directory went through; mostly without the DC."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from adpersist.config import load
from adpersist.journal.keys.key_file import create_key_file
from tests.integration.commands import Adpersist, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World, copy_journal, until

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's, which has Samba's own LDIF reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the DC went through.

    Attributes:
        world: Its journal; the DC itself is stopped.
        office: DN of the OU everything happens in.
        guid: Of the user ada.
        sid: The same.
        invocation: invocationID of the DC's database.
        reads: What ldap3 read of ada at the end.
        before: The commit of the mark ``before``.
    """

    world: World
    office: str
    guid: uuid.UUID
    sid: str
    invocation: uuid.UUID
    reads: dict[str, list[bytes]]
    before: int

    @property
    def looked(self) -> int:
        """The commit that ends the first look."""
        return self.before - 3

    @property
    def described(self) -> str:
        """The commit that describes ada."""
        return str(self.before - 2)

    @property
    def filled(self) -> str:
        """The commit that fills the crew and deletes dora."""
        return str(self.before + 1)


@pytest.fixture(scope="module")
def past(scene: Scene, module_place: Path) -> Iterator[Past]:
    """One commit describes ada, one renames her, one is @before; what the next one deletes and fills is taken back."""
    with scene.played(module_place) as world, Hands(world.dc) as hands:
        office, once = f"OU=Office,{hands.base}", ("agent", "--once")
        guid = hands.guid(f"CN=ada,{office}")
        world.run(*once, code=0)  # the copy of the DC has an smb.conf of its own
        hands.set(f"CN=ada,{office}", description="bookkeeper", mail="ada@example.org")
        world.run(*once, code=0)
        ada = hands.rename(f"CN=ada,{office}", "CN=ada lovelace")
        world.run(*once, code=0)
        world.run("mark", "before", code=0)
        hands.link(f"CN=crew,{office}", f"CN=carl,{office}")
        hands.delete(f"CN=dora,{office}")
        world.run(*once, code=0)
        world.run("restore", "--to", "@before", "--yes", code=0)
        hands.set(ada, description="first programmer", userAccountControl="514")
        hands.password(ada, "Passw0rd.ada")
        world.run(*once, code=0)
        reads = hands.read(ada, "objectSid", "description", "sAMAccountName", "whenCreated", "nTSecurityDescriptor")
        server = hands.read("", "dsServiceName")["dsServiceName"][0].decode()
        invocation = uuid.UUID(bytes_le=hands.read(server, "invocationId")["invocationId"][0])
        world.dc.stop()
        yield Past(
            world=world,
            office=office,
            guid=guid,
            sid=_sid(reads["objectSid"][0]),
            invocation=invocation,
            reads=reads,
            before=next(mark.seq for mark in world.head().marks),
        )


def _sid(raw: bytes) -> str:
    """[MS-DTYP] 2.4.2.2, written anew: not the code under test."""
    rids = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    return "-".join(map(str, ["S", raw[0], int.from_bytes(raw[2:8], "big"), *rids]))


@pytest.fixture
def run(past: Past) -> Adpersist:
    return past.world.run


@pytest.fixture
def copied(past: Past, place: Path) -> Adpersist:
    """The command line over a copy of the journal that a test may spoil."""
    return _copied(past, place)


def _copied(past: Past, place: Path) -> Adpersist:
    copy_journal(past.world.store, place / "journal.db")
    shutil.copy2(past.world.key, place / "key")
    assert past.world.run.config is not None
    text = past.world.run.config.read_text()
    path = place / "adpersist.toml"
    path.write_text(
        text.replace(str(past.world.store), str(place / "journal.db")).replace(
            json.dumps(str(past.world.key)), json.dumps(str(place / "key"))
        )
    )
    return Adpersist(path)


# --- log ------------------------------------------------------------------------------------------------------------


def test_log_lists_the_newest_commit_first_and_marks_what_a_restore_left_behind(run: Adpersist) -> None:
    commits = run("log", "--json", code=0).json
    assert [each["seq"] for each in commits] == sorted((each["seq"] for each in commits), reverse=True)
    by_seq = {each["seq"]: each for each in commits}
    mark = next(each for each in commits if each["mark"] == "before")
    assert by_seq[mark["seq"] + 1]["abandoned"]
    assert by_seq[mark["seq"] + 1]["changes"] == {"changed": 1, "deleted": 1}
    assert not by_seq[mark["seq"]]["abandoned"]
    ended = next(each for each in commits if each["kind"] == "restore-end")
    assert (ended["target"], ended["timeline"]) == (mark["seq"], 2)
    lines = run("log", code=0).out.splitlines()
    assert len(lines) == len(commits) + 1
    assert "@before" in next(line for line in lines if " mark " in line)


def test_log_shows_a_part_of_the_journal(past: Past, run: Adpersist) -> None:
    def seqs(*words: str) -> list[int]:
        return [each["seq"] for each in run("log", "--json", *words, code=0).json]

    last = seqs()[0]
    assert seqs("--limit", "2") == [last, last - 1]
    assert seqs("--limit", "9" * 30) == seqs("--limit", "0")
    assert seqs("--from", "2", "--to", "4") == [4, 3, 2]
    assert seqs("--from", "@before") == list(range(last, past.before - 1, -1))
    assert seqs("--from", "-9w") == seqs(), "a moment before the journal began is its beginning"
    assert seqs("--from", "4", "--to", "2") == []


def test_a_point_that_is_none_is_told_in_one_sentence(run: Adpersist) -> None:
    for words in (("log", "--from", "yesterday"), ("show", "ada", "--at", "@nothing"), ("diff", "1", "999")):
        assert run(*words).code == 7, words


# --- show -----------------------------------------------------------------------------------------------------------


def test_show_finds_an_object_by_every_kind_of_name(past: Past) -> None:
    for name in ("ada", "ADA", f"{{{past.guid}}}", past.sid, f"cn=Ada Lovelace, {past.office.lower()}"):
        found = past.world.run("show", name, "--json", code=0).json
        assert (found["guid"], found["sid"]) == (str(past.guid), past.sid), name


def test_show_has_the_bytes_the_directory_has(past: Past) -> None:
    attributes = past.world.run("show", "ada", "--json", code=0).json["attributes"]
    for name, values in past.reads.items():
        assert sorted(attributes[name]["raw"]) == sorted(base64.b64encode(each).decode() for each in values), name


def test_show_decodes_values_for_people(past: Past) -> None:
    said = past.world.run("show", "ada", code=0).out
    assert "514 (ACCOUNTDISABLE | NORMAL_ACCOUNT)" in said
    assert past.sid in said
    assert f"CN=Person,CN=Schema,CN=Configuration,{past.office.partition(',')[2]}" in said
    assert "9223372036854775807 (never)" in said
    assert f"(memberOf)                     CN=crew,{past.office}" in said


def test_show_tells_what_was_true_at_a_point(past: Past) -> None:
    then = past.world.run("show", "ada", "--at", past.described, "--json", code=0).json
    assert then["dn"] == f"CN=ada,{past.office}"
    assert then["attributes"]["description"]["values"] == ["bookkeeper"]
    crew = past.world.run("show", "crew", "--at", past.filled, "--json", code=0).json
    assert f"CN=carl,{past.office}" in [each["dn"] for each in crew["links"]["member"]], (
        "an abandoned point is readable"
    )


def test_show_finds_a_deleted_object_by_the_name_it_had(past: Past) -> None:
    found = past.world.run("show", f"CN=dora,{past.office}", "--at", past.filled, "--json", code=0).json
    assert found["deleted"]
    assert found["former_dn"] == f"CN=dora,{past.office}"
    assert "Deleted Objects" in found["dn"]


def test_no_secret_is_shown_unless_asked_for(past: Past) -> None:
    run = past.world.run
    asked = run("show", "ada", "--json", "--secrets", code=0).json["attributes"]
    secrets = [raw for name in ("unicodePwd", "supplementalCredentials", "ntPwdHistory") for raw in asked[name]["raw"]]
    assert len(base64.b64decode(asked["unicodePwd"]["raw"][0])) == 16
    for words in (
        ("show", "ada"),
        ("show", "ada", "--json"),
        ("history", "ada"),
        ("history", "ada", "--json"),
        ("diff", "1"),
        ("diff", "1", "--json"),
        ("export", "--ldif"),
        ("export", "--json"),
    ):
        out = run(*words).out.replace("\n ", "")
        assert "\n" in out, words
        for secret in secrets:
            assert secret not in out, words
            assert base64.b64decode(secret).hex() not in out, words
    assert "<secret, 16 bytes>" in run("show", "ada", code=0).out


def test_an_unknown_object_is_told_in_one_sentence(run: Adpersist) -> None:
    for name in (
        "nobody-at-all",
        "S-1-5-21-1-2-3-4",
        str(uuid.uuid4()),
        "CN=no,DC=where",
        "S-1-99999999999999999999",
        "",
    ):
        assert run("show", name).code == 7, name
        assert run("history", name).code == 7, name


# --- history --------------------------------------------------------------------------------------------------------


def test_history_follows_an_object_through_renames_and_says_who_wrote(past: Past) -> None:
    events = past.world.run("history", "ada", "--json", code=0).json["events"]
    assert [each["kind"] for each in events] == ["first-seen", "changed", "moved", "changed"]
    described = events[1]["attributes"]["description"]
    assert (described["from"], described["to"]) == ([], ["bookkeeper"])
    written = described["written"]
    assert (written["by"], written["version"]) == ("DC1", 1)
    assert events[1]["who"] is None
    assert events[1]["why"].startswith("written on DC1; ")
    assert written["invocation_id"] == str(past.invocation)
    assert abs(time.time() - _seconds(written["time"])) < 600
    assert (events[2]["dn_from"], events[2]["dn_to"]) == (f"CN=ada,{past.office}", f"CN=ada lovelace,{past.office}")
    assert events[3]["attributes"]["description"]["from"] == ["bookkeeper"]


def _seconds(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def test_history_tells_what_a_restore_took_back(past: Past) -> None:
    events = past.world.run("history", "dora", "--json", code=0).json["events"]
    assert [(each["kind"], each["abandoned"]) for each in events] == [
        ("first-seen", False),
        ("deleted", True),
        ("taken-back", False),
    ]
    crew = past.world.run("history", "crew", "--attribute", "member", "--json", code=0).json["events"]
    assert [each["links"]["member"] for each in crew[-2:]] == [
        {"added": [f"CN=carl,{past.office}"], "removed": []},
        {"added": [], "removed": [f"CN=carl,{past.office}"]},
    ]


def test_history_knows_names_of_the_past(past: Past) -> None:
    found = past.world.run("history", f"CN=ada,{past.office}", "--json", code=0).json
    assert found["guid"] == str(past.guid)


# --- the index ------------------------------------------------------------------------------------------------------


def test_what_is_looked_up_in_the_index_is_what_the_journal_tells(copied: Adpersist, past: Past, place: Path) -> None:
    newest = copied("log", "--json", code=0).json[0]["time"]
    indexed = copied.with_environment(ADPERSIST_JOURNAL_INDEX=str(place / "index"))
    folding = copied.with_environment(ADPERSIST_JOURNAL_INDEX="off")
    questions = [
        ("show", "ada", "--secrets"),
        ("show", "crew", "--at", past.filled),
        ("show", f"CN=dora,{past.office}", "--at", past.filled),
        ("show", "Administrators"),
        ("history", "ada"),
        ("history", "dora"),
        ("history", f"CN=ada,{past.office}"),
        ("history", "crew", "--attribute", "member"),
        ("log", "--what", "ada", "--limit", "0"),
        ("log", "--attribute", "MEMBER", "--limit", "1"),
    ]

    def compare() -> None:
        for words in questions:
            mine, theirs = (run(*words, "--json") for run in (indexed, folding))
            assert (mine.code, mine.out) == (theirs.code, theirs.out), words

    compare()
    assert past.filled in {str(each["seq"]) for each in indexed("log", "--what", "dora", "--json", code=0).json}
    until(lambda: time.time() - datetime.fromisoformat(newest).timestamp() > 1, "nothing is younger than what is kept")
    copied("prune", "--keep", "1s", "--yes", code=0)
    compare()
    (path,) = (place / "index").glob("*.index")
    with closing(sqlite3.connect(path)) as connection:
        pruned, first = connection.execute("SELECT pruned, (SELECT min(seq) FROM commits) FROM made").fetchone()
    assert pruned > 0
    assert first is None or first > pruned, "what was pruned is still in it"
    complaint(indexed("log", "--what", "nobody", code=7))


# --- diff -----------------------------------------------------------------------------------------------------------


def test_diff_lists_what_differs_between_two_points(past: Past) -> None:
    found = past.world.run("diff", "@before", past.filled, "--json", code=2).json["objects"]
    assert {(each["kind"], each["dn_from"]) for each in found} == {
        ("deleted", f"CN=dora,{past.office}"),
        ("changed", f"CN=crew,{past.office}"),
    }
    assert "bookkeeper" in past.world.run("diff", str(past.before - 3), past.described, code=2).out


def test_diff_between_equal_points_finds_nothing(past: Past) -> None:
    run = past.world.run
    ended = next(each["seq"] for each in run("log", "--json", code=0).json if each["kind"] == "restore-end")
    assert run("diff", "@before", str(ended), "--json", code=0).json["objects"] == []


def test_diff_takes_a_span_of_time_as_a_point(copied: Adpersist) -> None:
    # "-0s" is now: were it taken for an option, the code would be 7
    assert copied("diff", "-0s", code=0).out.startswith("No difference")


# --- export ---------------------------------------------------------------------------------------------------------


def _parsed(ldif: Path) -> list[tuple[str, dict[str, list[str]]]]:
    """LDIF as Samba's own reader understands it: DNs and base64 values, in order.

    It knows no `version:`, which RFC 2849 demands at the beginning: the head is taken off.
    """
    assert ldif.read_text().startswith("version: 1\n")
    script = (
        "import base64, json, ldb, sys\n"
        "db = ldb.Ldb()\n"
        "print(json.dumps([(str(m.dn), {n: [base64.b64encode(bytes(v)).decode() for v in m[n]] for n in m.keys()"
        " if n != 'dn'}) for _, m in db.parse_ldif(open(sys.argv[1]).read().partition('\\n\\n')[2])]))"
    )
    done = subprocess.run([SYSTEM_PYTHON, "-c", script, str(ldif)], capture_output=True, check=True, timeout=120)
    parsed: list[tuple[str, dict[str, list[str]]]] = [(dn, values) for dn, values in json.loads(done.stdout)]
    return parsed


def test_export_is_ldif_that_samba_reads_with_containers_first(past: Past, place: Path) -> None:
    past.world.run("export", "--ldif", "--output", str(place / "all.ldif"), code=0)
    assert (place / "all.ldif").stat().st_mode & 0o777 == 0o600
    entries = _parsed(place / "all.ldif")
    assert len(entries) > 2000
    seen: set[str] = set()
    for dn, _ in entries:
        seen.add(dn.casefold())
        above = dn.partition(",")[2].casefold()
        assert above in seen or dn.upper().startswith("DC="), f"{dn} stands before its container"
    ada = dict(entries)[f"CN=ada lovelace,{past.office}"]
    for name, values in past.reads.items():
        assert sorted(ada[name]) == sorted(base64.b64encode(each).decode() for each in values), name
    assert not {"unicodePwd", "supplementalCredentials", "ntPwdHistory"} & {n for _, values in entries for n in values}
    crew = dict(entries)[f"CN=crew,{past.office}"]["member"]
    assert base64.b64encode(f"CN=ada lovelace,{past.office}".encode()).decode() in crew


def test_export_of_a_point_with_secrets(past: Past, place: Path) -> None:
    past.world.run("export", "--ldif", "--secrets", "--at", str(past.looked), "-o", str(place / "then.ldif"), code=0)
    entries = dict(_parsed(place / "then.ldif"))
    assert len(base64.b64decode(entries[f"CN=ada,{past.office}"]["unicodePwd"][0])) == 16
    assert past.world.run("export", "--ldif", "-o", str(place / "then.ldif")).code == 7, "no file is overwritten"


# --- check ----------------------------------------------------------------------------------------------------------


def test_check_proves_a_journal_and_names_its_newest_commit(copied: Adpersist) -> None:
    proven = copied("check", "--json", code=0).json
    assert proven["ok"]
    assert proven["findings"] == []
    assert proven["restorable"] == [{"after": 0, "through": proven["head"]["seq"]}]
    known = f"{proven['head']['seq']}:{proven['head']['digest']}"
    copied("check", "--known", known, code=0)
    copied("check", "--from", "3", code=0)


def test_check_tells_a_store_that_was_rolled_back(past: Past, place: Path) -> None:
    (place / "old").mkdir()
    (place / "new").mkdir()
    old, new = _copied(past, place / "old"), _copied(past, place / "new")
    new("mark", "later", code=0)
    head = new("check", "--json", code=0).json["head"]
    found = old("check", "--known", f"{head['seq']}:{head['digest']}", "--json", code=8).json
    assert [each["class"] for each in found["findings"]] == ["store-behind"]


@pytest.mark.parametrize(
    ("spoil", "classes"),
    [
        ("UPDATE frame SET body = zeroblob(length(body)) WHERE seq = :bad", {"corrupt"}),
        ("DELETE FROM frame WHERE seq = :bad", {"gap"}),
        ("UPDATE frame SET body = (SELECT body FROM frame WHERE seq = :bad - 1) WHERE seq = :bad", {"forged"}),
    ],
)
def test_check_names_the_damage_and_what_is_still_restorable(
    past: Past, place: Path, spoil: str, classes: set[str]
) -> None:
    run, good, bad = _copied(past, place), past.looked, past.looked + 1
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        assert database.execute(spoil, {"bad": bad}).rowcount == 1
    found = run("check", "--json", code=8).json
    assert {each["class"] for each in found["findings"]} == classes
    assert {(each["first"], each["last"]) for each in found["findings"]} == {(bad, bad)}
    assert found["restorable"][0] == {"after": 0, "through": good}
    assert run("show", "ada", "--at", str(good)).code == 0
    assert run("show", "ada").code == 8
    assert f"Still restorable: 1-{good}" in run("check", code=8).out


def test_another_journal_under_the_same_key_in_the_place_of_ours_is_no_journal_of_ours(past: Past, place: Path) -> None:
    run = _copied(past, place)
    assert run.config is not None
    ours = "0123456789abcdef" * 2
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        database.execute("UPDATE journal SET name = ?", (ours,))
        database.execute("UPDATE spare SET name = ?", (ours,))
    text = run.config.read_text()
    theirs = load(run.config).journal.id
    run.config.write_text(text.replace(theirs, ours))
    found = run("check", "--json", code=8).json
    assert [(each["class"], each["part"]) for each in found["findings"]] == [("forged", "head")]
    assert found["restorable"] == []
    for words in (
        ("log",),
        ("show", "ada"),
        ("history", "ada"),
        ("diff", "1"),
        ("export", "--ldif"),
        ("mark", "here"),
        ("checkpoint",),
        ("prune", "--keep", "1s"),
        ("key", "rotate"),
        ("key", "rotate", "--new-key-file", str(place / "key2")),
        ("check", "--repair-head"),
    ):
        assert theirs in complaint(run(*words, code=8)), words
    run.config.write_text(text)
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        database.execute("UPDATE journal SET name = ?", (theirs,))
        database.execute("UPDATE spare SET name = ?", (theirs,))
    assert run("check", "--json", code=0).json["ok"], "something was written to the other journal"
    assert not [each for each in run("log", "--json", code=0).json if each["mark"] == "here"]


# --- bounding -------------------------------------------------------------------------------------------------------


def test_a_state_read_from_a_checkpoint_is_the_same(past: Past, place: Path) -> None:
    run = _copied(past, place)
    before = run("export", "--ldif", "--secrets", code=0).out
    made = run("checkpoint", "--json", code=0).json
    assert made["seq"] == run("checkpoint", "--json", code=0).json["seq"], "it is made once"
    with closing(sqlite3.connect(place / "journal.db")) as database, database:
        # behind the checkpoint nothing is needed any more
        assert database.execute("DELETE FROM frame WHERE seq < ?", (made["seq"] - 1,)).rowcount > 0
    assert run("export", "--ldif", "--secrets", code=0).out == before


def test_prune_says_what_goes_and_lets_only_that_go(copied: Adpersist) -> None:
    newest = copied("log", "--json", code=0).json[0]
    last, made = newest["seq"], datetime.fromisoformat(newest["time"]).timestamp()
    until(lambda: time.time() - made > 1, "nothing is younger than what is kept")
    before = copied("export", "--ldif", "--secrets", code=0).out
    assert copied("prune", "--keep", "30d", "--json", code=0).json["commits"] == 0
    words = ("prune", "--keep", "1s", "--drop-marks")
    planned = copied(*words, "--dry-run", "--json", code=0).json
    assert planned["marks"] == ["before"]
    assert "more than half" in planned["doubts"][0]
    assert "more than half" in complaint(copied(*words, code=7)), "it wants a person's word"
    assert copied("log", "--json", "--limit", "0", code=0).json[-1]["seq"] == 1, "a dry run changed something"
    done = copied(*words, "--yes", "--json", code=0).json
    assert {**done, "dry_run": True} == planned
    assert done["through"] == last
    copied("check", code=0)
    assert copied("export", "--ldif", "--secrets", code=0).out == before
    assert copied("show", "ada", "--at", "2").code == 7
    assert copied("export", "--ldif", "--at", "@before").code == 7
    assert not any(commit["mark"] for commit in copied("log", "--json", "--limit", "0", code=0).json)


def test_prune_keeps_marked_points_unless_told(copied: Adpersist) -> None:
    before = copied("export", "--ldif", "--at", "@before", code=0).out
    done = copied("prune", "--keep", "1s", "--yes", "--json", code=0).json
    assert done["marks"] == []
    assert done["commits"] > 0
    assert copied("export", "--ldif", "--at", "@before", code=0).out == before
    copied("check", code=0)


def test_prune_refuses_an_age_that_is_none(copied: Adpersist) -> None:
    for age in ("", "0d", "-1d", "30", "d", "1.5d", "30 days"):
        assert copied("prune", f"--keep={age}").code == 7, age


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_new_data_key_leaves_everything_readable(copied: Adpersist) -> None:
    before = copied("export", "--ldif", "--at", "2", code=0).out
    copied("key", "rotate", code=0)
    copied("mark", "sealed-anew", code=0)
    copied("check", code=0)
    assert copied("export", "--ldif", "--at", "2", code=0).out == before


def test_a_new_key_file_takes_over_and_the_old_one_opens_nothing(past: Past, place: Path) -> None:
    run = _copied(past, place)
    assert run.config is not None
    old_config = place / "old.toml"
    shutil.copy2(run.config, old_config)
    done = run("key", "rotate", "--new-key-file", str(place / "new key"), "--json", code=0).json
    assert (done["created"], done["already"], done["todo"]) == (True, False, None)
    run("check", code=0)
    Adpersist(old_config)("mark", "by-the-old-one", code=0)  # the machine's disk went back, and the new key with it
    assert "--finish" in run("key", "rotate", code=7).err
    assert "going over" in complaint(run("key", "rotate", "--new-key-file", str(place / "third"), code=7))
    assert "restart" in complaint(run("key", "rotate", "--finish", code=7))
    assert "names the key" in complaint(Adpersist(old_config)("key", "rotate", "--finish", "--yes", code=7))
    finished = run("key", "rotate", "--finish", "--yes", "--json", code=0).json
    assert (finished["key_id"], finished["finished"]) == (done["key_id"], True)
    assert run("key", "rotate", "--finish", "--json", code=0).json["retired"] is None
    run("check", code=0)
    run("key", "rotate", code=0)
    assert Adpersist(old_config)("check").code == 9
    assert done["key_id"] in Adpersist(old_config)("log").err, "the key it wants is named"
    assert (place / "new key").stat().st_mode & 0o777 == 0o600


def test_a_key_change_cut_off_before_the_configuration_followed_is_finished_by_the_same_command(
    past: Past, place: Path
) -> None:
    run = _copied(past, place)
    assert run.config is not None
    text = run.config.read_text()
    words = ("key", "rotate", "--new-key-file", str(place / "key2"), "--json")
    run(*words, code=0)
    run.config.write_text(text)
    assert run(*words, code=0).json["already"]
    run("check", code=0)


def test_a_key_file_named_by_the_environment_is_left_to_whoever_set_it(past: Past, place: Path) -> None:
    run = _copied(past, place).with_environment(ADPERSIST_KEY_FILE=str(place / "key"))
    create_key_file(place / "key2")
    done = run("key", "rotate", "--new-key-file", str(place / "key2"), "--json", code=0).json
    assert done["config"] is None
    assert "ADPERSIST_KEY_FILE" in done["todo"]
    run.with_environment(ADPERSIST_KEY_FILE=str(place / "key2"))("check", code=0)


def test_a_recovery_sheet_opens_the_journal_and_a_kept_copy_is_proven(past: Past, place: Path) -> None:
    run = _copied(past, place)
    assert run.config is not None
    sheet = run("key", "escrow", code=0).out
    line = (place / "key").read_text().strip()
    assert line in sheet
    assert f"sqlite://{place}/journal.db" in sheet
    run("key", "escrow", "--output", str(place / "sheet.txt"), code=0)
    assert (place / "sheet.txt").stat().st_mode & 0o777 == 0o600
    assert "exists already" in complaint(run("key", "escrow", "-o", str(place / "sheet.txt"), code=7))
    found = run("key", "check", str(place / "sheet.txt"), "--json", code=0).json
    assert (found["opens"], found["newest"]) == (True, True)
    assert found["key_id"] == run("key", "escrow", "--json", code=0).json["key_id"]
    run("key", "check", str(place / "key"), code=0)

    create_key_file(place / "other")
    assert "wants the key" in complaint(run("key", "check", str(place / "other"), code=9))
    (place / "sheet.txt").write_text(sheet.replace(line, line[:-1] + ("0" if line[-1] != "0" else "1")))
    assert "damaged" in complaint(run("key", "check", str(place / "sheet.txt"), code=9))
    (place / "empty").touch()
    for path in ("empty", "lost"):
        assert str(place / path) in complaint(run("key", "check", str(place / path), code=9))

    run("key", "rotate", "--new-key-file", str(place / "key2"), code=0)
    assert not run("key", "check", str(place / "key"), "--json", code=0).json["newest"]
    assert "old one of two" in run("key", "check", str(place / "key"), code=0).out
    assert "Also opened by" in run("key", "escrow", code=0).out
    run("key", "rotate", "--finish", "--yes", code=0)
    run("key", "check", str(place / "key"), code=9)


# --- beside a running agent -----------------------------------------------------------------------------------------


def test_everything_works_beside_a_running_agent_and_fences_nobody(scene: Scene, place: Path) -> None:
    with scene.played(place) as world, Hands(world.dc) as hands, world.run.agent(world.log) as agent:
        for number, words in enumerate(
            (
                ("mark", "one"),
                ("checkpoint",),
                ("key", "rotate"),
                ("key", "rotate", "--new-key-file", str(place / "key2")),
                ("key", "rotate", "--finish", "--yes"),
                ("prune", "--keep", "1s", "--yes"),
                ("check",),
                ("log",),
            )
        ):
            world.run(*words, code=0)
            hands.set(f"CN=ada,OU=Office,{hands.base}", description=f"written {number}")
            world.run.settled()
            assert agent.process.poll() is None, f"{words} stopped the agent: {agent.said}"
        shown = world.run("show", "ada", "--json", code=0).json
        assert shown["attributes"]["description"]["values"] == ["written 7"]
        world.run("verify", code=0)


def test_the_agent_makes_checkpoints_by_policy(scene: Scene, place: Path) -> None:
    with scene.played(place) as world, Hands(world.dc) as hands:
        assert world.run.config is not None
        world.run.config.write_text(
            world.run.config.read_text().replace("[journal]\n", "[journal]\ncheckpoint_every_commits = 3\n")
        )
        with world.run.agent(world.log):
            for number in range(7):
                hands.set(f"CN=ada,OU=Office,{hands.base}", description=f"written {number}")
                world.run.settled()
            # they are written beside the capture
            until(lambda: len(world.head().checkpoints) >= 2, "the second checkpoint is written")
        world.run("check", code=0)
