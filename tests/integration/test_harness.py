"""The harness keeps its own promises, on a real Samba DC.

Every test takes a directory with a short path, as Unix sockets allow no other, and an address that is free, so that DCs
of other tests, and of other test runs, do not stand in the way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import LANGUAGES
from tests.integration.proof import by_name
from tools.samba_dc import (
    AES256,
    AddressInUseError,
    Golden,
    HarnessError,
    NotGoldenError,
    PrerequisiteError,
    ProgramError,
    SambaDC,
    StateError,
    dbcheck,
    dump,
    free_address,
    join,
    kept,
    ldapcmp,
    samba_version,
)
from tools.samba_dc.keeper import parents
from tools.samba_dc.programs import SYSTEM_PYTHON, WANTED

PASSWORD = "Passw0rd.alice"
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def dc(golden: Golden, place: Path) -> Iterator[SambaDC]:
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        yield dc


def alive(process: int) -> bool:
    found = parents().get(process)  # asked once: it may end between two looks
    return found is not None and found[1] not in "ZX"


def accounts(judged: SambaDC | Path) -> dict[bytes, dict[str, tuple[bytes, ...]]]:
    return {entry["sAMAccountName"][0]: entry for entry in dump(judged).values() if "sAMAccountName" in entry}


def test_a_started_dc_answers_at_once_and_logs_in(dc: SambaDC) -> None:
    assert dc.answers()
    assert dc.can_login("Administrator", dc.admin_password)
    assert dc.can_login("Administrator", dc.admin_password, enctypes=AES256)
    assert not dc.can_login("Administrator", "wrong")
    assert not dc.can_login("nobody-at-all", "wrong")


def test_dc_and_judges_are_of_the_samba_that_is_wanted(dc: SambaDC) -> None:
    program = Path(f"/proc/{dc.pid}/exe").readlink()
    running = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    module = subprocess.run(
        [SYSTEM_PYTHON, "-I", "-c", "import samba; print(samba.version)"],
        capture_output=True, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    assert running.strip() == f"Version {samba_version()}"
    assert module.strip() == samba_version()
    assert samba_version().startswith(os.environ.get(WANTED, ""))


def test_another_samba_than_is_wanted_is_refused(golden: Golden, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WANTED, samba_version().partition(".")[0] + ".1")
    dc = SambaDC(golden, place / "dc", address=free_address())
    with pytest.raises(PrerequisiteError, match=WANTED):
        dc.start()
    assert not dc.directory.exists()


def test_a_dc_issues_tickets_for_its_own_ldap_service(dc: SambaDC) -> None:
    dc.kinit("Administrator", dc.admin_password)
    dc.service_ticket("ldap")
    with pytest.raises(ProgramError, match="not found in Kerberos database"):
        dc.service_ticket("no-such-service")


def test_the_privileged_socket_is_system_and_the_other_is_not(dc: SambaDC) -> None:
    def password_hash(url: str) -> str:
        # Not ldapsearch: it always binds, and a bind ends the SYSTEM session.
        command = ["ldbsearch", "-H", url, "-N", "-b", f"CN=Administrator,CN=Users,{dc.base_dn}", "unicodePwd"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    assert "unicodePwd::" in password_hash(dc.ldapi_url_quoted)
    assert "unicodePwd::" not in password_hash(dc.ldapi_anonymous_url_quoted)


def test_the_certificate_names_host_and_address(dc: SambaDC) -> None:
    context = ssl.create_default_context(cafile=str(dc.ca_file))
    for name in (dc.address, dc.names.fqdn):
        with (
            socket.create_connection((dc.address, 636), timeout=5) as line,
            context.wrap_socket(line, server_hostname=name) as wrapped,
        ):
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize(
    ("process_model", "services"),
    [
        ("single", ("rpc", "ldap", "cldap", "kdc", "drepl", "kcc", "dns")),
        ("prefork", ("rpc", "ldap", "cldap", "kdc", "drepl", "kcc", "dns", "s3fs", "winbindd")),
    ],
)
def test_kill_leaves_no_process_and_no_socket(
    golden: Golden, place: Path, process_model: str, services: tuple[str, ...]
) -> None:
    dc = SambaDC(golden, place / "dc", address=free_address(), process_model=process_model, services=services)
    dc.start()
    processes = dc.processes
    assert processes and dc.pid == processes[0]
    dc.kill()
    assert not dc.running
    assert not [process for process in processes if alive(process)]
    assert not [path for path in dc.directory.rglob("*") if path.is_socket()]


def test_kill_reaches_a_stopped_process(dc: SambaDC) -> None:
    pid = dc.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    dc.kill()
    assert not alive(pid)


def test_a_killed_dc_keeps_what_it_acknowledged(dc: SambaDC) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD, "-H", dc.ldapi_url_quoted)
    dc.kill()
    dc.start()
    assert dc.can_login("alice", PASSWORD)


def test_revert_brings_the_golden_state_back(dc: SambaDC) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD)
    assert dc.can_login("alice", PASSWORD)
    dc.revert()
    assert not dc.running
    dc.start()
    assert not dc.can_login("alice", PASSWORD)
    dc.stop()
    assert b"alice" not in accounts(dc)


def test_a_golden_image_can_be_taken_later(dc: SambaDC, place: Path) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD)
    dc.stop()
    with SambaDC(dc.take_golden(place / "later"), place / "dc2", address=free_address()) as later:
        later.start()
        later.samba_tool("user", "delete", "alice")
        later.revert()
        later.start()
        assert later.can_login("alice", PASSWORD)


def test_two_dcs_stand_side_by_side(dc: SambaDC, place: Path) -> None:
    with SambaDC(dc.golden, place / "other", address=free_address()) as other:
        other.start()
        other.samba_tool("user", "create", "alice", PASSWORD)
        assert other.can_login("alice", PASSWORD)
        assert not dc.can_login("alice", PASSWORD)


def test_a_second_dc_on_the_same_address_is_refused(dc: SambaDC, place: Path) -> None:
    with pytest.raises(AddressInUseError):
        SambaDC(dc.golden, place / "other", address=dc.address).start()


def test_a_dc_that_cannot_start_says_why(golden: Golden, place: Path) -> None:
    dc = SambaDC(golden, place / "dc", address=free_address(), options={"server role": "standalone server"})
    with pytest.raises(HarnessError, match="server role"):
        dc.start()
    assert not dc.running


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_dc_dies_with_the_process_that_started_it(golden: Golden, place: Path, number: signal.Signals) -> None:
    script = f"""
import threading, time
from pathlib import Path
from tools.samba_dc import Golden, SambaDC, free_address
dc = SambaDC(Golden.load(Path({str(golden.directory)!r})), Path({str(place / "dc")!r}), address=free_address())
starter = threading.Thread(target=dc.start)
starter.start()
starter.join()
time.sleep(0.5)
print(*dc.processes, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as test:
        assert test.stdout is not None
        processes = [int(word) for word in test.stdout.readline().split()]
        assert processes and all(alive(process) for process in processes), "a DC outlives the thread that started it"
        test.send_signal(number)
    deadline = time.monotonic() + 5
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [process for process in processes if alive(process)]


def test_a_detached_dc_is_found_and_killed_by_another_process(golden: Golden, place: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tools.samba_dc", *words],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    where = str(place / "dc")
    started = command("start", where, "--golden", str(golden.directory), "--address", free_address())
    assert started.returncode == 0, started.stderr
    assert command("status", where).returncode == 0
    dc = SambaDC.load(place / "dc")
    assert dc.answers()
    assert command("kill", where).returncode == 0
    assert command("status", where).returncode == 3
    assert not dc.running


def test_the_foreground_command_runs_the_dc(golden: Golden, place: Path) -> None:
    dc = SambaDC(golden, place / "dc", address=free_address())
    dc.prepare()
    with subprocess.Popen(dc.command(), stdin=subprocess.DEVNULL, start_new_session=True) as samba:
        try:
            dc.wait_ready()
            assert dc.can_login("Administrator", dc.admin_password)
        finally:
            os.killpg(samba.pid, signal.SIGKILL)


def test_a_half_made_image_is_not_taken_for_golden(place: Path) -> None:
    (place / "private").mkdir()
    with pytest.raises(NotGoldenError):
        Golden.load(place)
    with pytest.raises(NotGoldenError):
        Golden.provision(place)


def test_provisioning_again_loads_what_is_there(golden: Golden) -> None:
    assert Golden.provision(golden.directory) == golden


def test_an_image_is_kept_for_a_day_and_one_half_made_never(golden: Golden, place: Path) -> None:
    image = place / "images" / golden.directory.name
    shutil.copytree(golden.directory, image, symlinks=True)
    assert kept(image.parent, "samdom", languages=LANGUAGES).admin_password == golden.admin_password
    yesterday = time.time() - 25 * 3600
    os.utime(image, (yesterday, yesterday))
    (place / "images" / f"unfinished-{image.name}" / "private").mkdir(parents=True)
    fresh = kept(image.parent, "samdom", languages=LANGUAGES)
    assert fresh.directory == image
    assert fresh.admin_password != golden.admin_password
    assert kept(image.parent, "samdom", languages=LANGUAGES) == fresh


def test_an_image_has_texts_for_consoles_in_its_languages_alone(golden: Golden) -> None:
    texts = [name for name in by_name(golden.directory) if ",CN=DisplaySpecifiers," in name]
    assert [name for name in texts if name.startswith("CN=user-Display,")], "it has some"
    languages = {name.partition(",CN=DisplaySpecifiers,")[0].rpartition(",")[2] for name in texts}
    assert languages == {f"CN={language}" for language in LANGUAGES}


def test_judges_refuse_a_running_dc(dc: SambaDC, place: Path) -> None:
    for judge in (dump, dbcheck, lambda judged: ldapcmp(judged, judged)):
        with pytest.raises(StateError):
            judge(dc)
    with pytest.raises(StateError):
        dc.snapshot(place / "snapshot")


def test_a_dump_holds_raw_values_and_secrets(dc: SambaDC) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD)
    dc.stop()
    found = accounts(dc)
    administrator = found[b"Administrator"]
    assert len(administrator["unicodePwd"][0]) == 16
    assert administrator["supplementalCredentials"]
    assert administrator["objectSid"][0][-4:] == (500).to_bytes(4, "little")
    assert len(administrator["objectGUID"][0]) == 16
    # The NT hash is MD4 of the password in UTF-16: known from outside, computed with openssl's legacy provider.
    nt_hash = subprocess.run(
        ["openssl", "dgst", "-provider", "legacy", "-provider", "default", "-md4", "-binary"],
        input=PASSWORD.encode("utf-16-le"), capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    assert found[b"alice"]["unicodePwd"] == (nt_hash,)


def test_a_dump_shows_tombstones_only_when_asked(dc: SambaDC) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD)
    dc.samba_tool("user", "delete", "alice")
    dc.stop()
    tombstones = [entry for entry in dump(dc, deleted=True).values() if b"TRUE" in entry.get("isDeleted", ())]
    assert b"alice" in {entry.get("sAMAccountName", (b"",))[0] for entry in tombstones}
    assert b"alice" not in accounts(dc)


def test_ldapcmp_tells_equal_from_different(dc: SambaDC, place: Path) -> None:
    dc.stop()
    before = dc.snapshot(place / "before")
    assert ldapcmp(before, dc.snapshot(place / "same")) == []
    dc.start()
    dc.samba_tool("user", "create", "alice", PASSWORD)
    dc.stop()
    after = dc.snapshot(place / "after")
    assert "CN=ALICE" in "".join(ldapcmp(before, after))
    assert ldapcmp(before, after, ("CONFIGURATION", "SCHEMA")) == []
    assert ldapcmp(dc.golden, before) == []


def test_dbcheck_is_clean_on_a_fresh_dc_and_not_on_a_broken_one(dc: SambaDC, place: Path) -> None:
    dc.stop()
    image = dc.take_golden(place / "image")
    verdict = dbcheck(image)
    assert verdict.ok, verdict.text
    assert json.loads((image.judgements / "dbcheck.json").read_text())["text"] == verdict.text, "kept for all"
    # A SID beyond the RID set, written past Samba's checks: dbcheck must object, whatever it said of the image before.
    written_past_samba(
        image.directory / "private" / "sam.ldb",
        f"dn: CN=RID Set,CN=DC1,OU=Domain Controllers,{dc.base_dn}\nchangetype: modify\n"
        "replace: rIDNextRID\nrIDNextRID: 900000\n",
    )
    assert not dbcheck(image).ok
    assert not dbcheck(image, since=dc.golden).ok


def written_past_samba(database: Path, ldif: str) -> None:
    subprocess.run(
        ["ldbmodify", "-H", f"tdb://{database}", "--relax"],
        input=ldif, text=True, capture_output=True, check=True, timeout=30,
    )  # fmt: skip


def test_dbcheck_of_what_has_changed_sees_what_has_to_do_with_it(dc: SambaDC, place: Path) -> None:
    dc.samba_tool("user", "create", "alice", PASSWORD)
    dc.samba_tool("group", "create", "crew")
    dc.samba_tool("group", "addmembers", "crew", "alice")
    dc.stop()
    image = dc.take_golden(place / "image")
    assert dbcheck(dc, since=image).ok
    # the group is as it was, but its member no longer knows of it: only at the group does Samba see that
    partition = next((dc.private_dir / "sam.ldb.d").glob("DC=SAMDOM*.ldb"))
    written_past_samba(partition, f"dn: CN=alice,CN=Users,{dc.base_dn}\nchangetype: modify\ndelete: memberOf\n")
    found = dbcheck(dc, since=image)
    assert "missing backlink" in found.text
    assert sorted(line for line in found.text.splitlines() if line.startswith("ERROR")) == sorted(
        line for line in dbcheck(dc).text.splitlines() if line.startswith("ERROR")
    )


def test_a_joined_dc_replicates_both_ways(dc: SambaDC, place: Path) -> None:
    with join(dc, place / "second", address=free_address()) as second:
        dc.samba_tool("user", "create", "alice", PASSWORD)
        second.samba_tool("user", "create", "bob", PASSWORD)
        deadline = time.monotonic() + 60
        while not (second.can_login("alice", PASSWORD) and dc.can_login("bob", PASSWORD)):
            assert time.monotonic() < deadline, second.log_tail()
            time.sleep(0.2)


def test_a_command_with_another_samba_leaves_those_that_run_their_partners(place: Path) -> None:
    """Each finds its DC's partners by a hosts file of its own, mounted where the other Debian's lies."""
    for name in ("venv", "root/etc/ssl/certs", *(f"root/{name}" for name in ("dev", "proc", "sys", "tmp", "run"))):
        (place / name).mkdir(parents=True)
    programs = [str(shutil.which(name)) for name in ("sh", "mount", "umount", "cat")]
    linked = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True, timeout=30).stdout
    libraries = {word for word in linked.split() if word.startswith("/") and not word.endswith(":")}
    subprocess.run(["cp", "--parents", "-L", *programs, *libraries, str(place / "root")], check=True, timeout=30)
    (place / "hosts").write_text("127.0.0.2 partner\n")
    enter = ["unshare", "--mount", str(REPOSITORY / "tools" / "with_samba"), "--enter", str(place), "sh", "-c"]
    looking = f"mount --bind {place / 'hosts'} /etc/hosts && echo mounted && read line && cat /etc/hosts"
    with subprocess.Popen([*enter, looking], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "mounted\n"
        subprocess.run([*enter, ":"], check=True, timeout=30)
        assert first.communicate("look\n", timeout=30)[0] == "127.0.0.2 partner\n"
