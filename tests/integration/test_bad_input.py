"""Everything that can be wrong around a healthy DC: one clear sentence, the documented exit code, nothing lost.

One DC and one journal serve the whole module, and at the end both are as they were at the beginning.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from adpersist.journal.keys.key_file import create_key_file
from tests.images import image
from tests.integration.commands import Adpersist, Ran, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World, copy_journal, init_words, until
from tools.samba_dc import Golden, SambaDC

FAILURE, REVERTED, STORE, DIRECTORY, USAGE, INTEGRITY, KEY, NO_JOURNAL, FULL = 1, 4, 5, 6, 7, 8, 9, 10, 11

COMMANDS = (("status",), ("agent", "--once"), ("guard",), ("plan",), ("verify",), ("restore", "--yes"))
WRITING: tuple[tuple[str, ...], ...] = (("agent", "--once"), ("guard",), ("restore", "--yes"))
READING: tuple[tuple[str, ...], ...] = (("status",), ("plan",), ("verify",))


@pytest.fixture(scope="module")
def healthy(scene: Scene, module_place: Path) -> Iterator[World]:
    """A DC and its journal that no test here may harm."""
    with scene.played(module_place) as world:
        before = world.head()
        yield world
        after = world.run.status()
        assert (after["lineage"], after["lag"]["usn"]) == ("same", 0)
        assert world.commits()[0].seq == 1
        assert world.head().seq == before.seq
        world.run("verify", code=0)


@pytest.fixture(scope="module")
def unwatched(golden: Golden, module_place: Path) -> Iterator[SambaDC]:
    """A DC that no journal watches."""
    with SambaDC(golden, module_place / "unwatched") as dc:
        dc.start()
        yield dc


def changed(world: World, place: Path, **overrides: str) -> Adpersist:
    """The command line with a configuration of its own that differs in some keys, written ``section__key``."""
    assert world.run.config is not None
    lines = world.run.config.read_text().splitlines()
    for name, value in overrides.items():
        section, key = name.split("__")
        at = lines.index(f"[{section}]")
        lines[at + 1 : at + 2] = [f"{key} = {json.dumps(value)}"]
    path = place / "changed.toml"
    path.write_text("\n".join(lines) + "\n")
    return Adpersist(path)


def refused(ran: Ran, code: int, *words: str) -> None:
    """It ended with that exit code and one sentence that holds these words."""
    assert ran.code == code, ran
    sentence = complaint(ran)
    for word in words:
        assert word in sentence, ran


# The directory.


@pytest.mark.parametrize("words", COMMANDS)
def test_no_dc_at_the_socket(healthy: World, place: Path, words: Sequence[str]) -> None:
    run = changed(healthy, place, directory__url=f"ldapi://{place}/nothing/ldapi")
    refused(run(*words), DIRECTORY, "no socket", str(place))


def test_a_socket_path_that_is_a_regular_file(healthy: World, place: Path) -> None:
    (place / "file").write_text("no socket")
    refused(changed(healthy, place, directory__url=f"ldapi://{place}/file")("status"), DIRECTORY, str(place))


def test_a_socket_path_that_is_a_directory(healthy: World, place: Path) -> None:
    refused(changed(healthy, place, directory__url=f"ldapi://{place}")("status"), DIRECTORY, str(place))


def test_a_socket_nobody_listens_on_any_more(healthy: World, place: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(place / "ldapi"))
    refused(changed(healthy, place, directory__url=f"ldapi://{place}/ldapi")("status"), DIRECTORY, "does not answer")


@pytest.mark.parametrize("words", WRITING)
def test_the_unprivileged_socket(healthy: World, place: Path, words: Sequence[str]) -> None:
    run = changed(healthy, place, directory__url=healthy.dc.ldapi_anonymous_url)
    ran = run(*words)
    refused(ran, DIRECTORY, "not privileged")
    assert "ldap_priv" in ran.err


def test_init_on_the_unprivileged_socket_makes_nothing(healthy: World, place: Path) -> None:
    run = Adpersist(place / "adpersist.toml")
    url = healthy.dc.ldapi_anonymous_url
    ran = run("init", "--directory", url, "--store", f"sqlite://{place}/j.db", "--key-file", str(place / "key"))
    refused(ran, DIRECTORY, "not privileged")
    assert not list(place.iterdir())


@contextmanager
def impostor(path: Path, behave: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something on a Unix socket that is no DC."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        open_lines: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                open_lines.append(line)
                try:
                    behave(line)
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for line in open_lines:
                line.close()
            thread.join(5)


def _hang_up(line: socket.socket) -> None:
    line.close()


def _hang_up_later(line: socket.socket) -> None:
    line.recv(4096)
    line.close()


def _say(*answer: bytes) -> Callable[[socket.socket], None]:
    def behave(line: socket.socket) -> None:
        line.recv(4096)
        for part in answer:
            line.sendall(part)

    return behave


def _break_off(line: socket.socket) -> None:
    line.recv(4096)
    line.sendall(bytes.fromhex("3020020101"))
    line.close()


IMPOSTORS: dict[str, Callable[[socket.socket], None]] = {
    "hangs up at once": _hang_up,
    "hangs up when asked": _hang_up_later,
    "speaks HTTP": _say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "sends zeros": _say(bytes(4096)),
    "sends noise": _say(bytes(range(256)) * 16),
    "sends a sequence of nothing": _say(b"\x30\x00"),
    "sends a sequence without end": _say(b"\x30\x84\x7f\xff\xff\xff" + b"A" * 1000),
    "answers another message": _say(bytes.fromhex("300c02017f65070a010004000400")),
    "is done without an entry": _say(bytes.fromhex("300c02010165070a010004000400")),
    "answers with a bind response": _say(bytes.fromhex("300c02010161070a010004000400")),
    "breaks off in an answer": _break_off,
    "never answers": lambda line: None,
}


@pytest.fixture(scope="module")
def fooled(healthy: World, module_place: Path) -> dict[str, Ran]:
    """``status`` against every impostor, side by side: some are waited for."""
    place = module_place / "sockets"
    place.mkdir()

    def meet(number: int, behave: Callable[[socket.socket], None]) -> Ran:
        own = place / str(number)
        own.mkdir()
        with impostor(own / "ldapi", behave):
            return changed(healthy, own, directory__url=f"ldapi://{own}/ldapi")("status", timeout_s=120)

    with ThreadPoolExecutor(len(IMPOSTORS)) as pool:
        return dict(zip(IMPOSTORS, pool.map(meet, range(len(IMPOSTORS)), IMPOSTORS.values()), strict=True))


@pytest.mark.parametrize("kind", IMPOSTORS)
def test_something_that_is_no_dc_at_the_socket(fooled: dict[str, Ran], kind: str) -> None:
    refused(fooled[kind], DIRECTORY)
    assert fooled[kind].took_s < 60, "a wait without an end"


# The key.


@pytest.fixture(scope="module")
def other_key(module_place: Path) -> Path:
    """A key that is whole, and another one."""
    create_key_file(module_place / "other-key")
    return module_place / "other-key"


@pytest.mark.parametrize("words", WRITING)
def test_the_wrong_key(healthy: World, place: Path, other_key: Path, words: Sequence[str]) -> None:
    refused(changed(healthy, place, key__file=str(other_key))(*words), KEY, "key")


def test_a_missing_key_file(healthy: World, place: Path) -> None:
    refused(changed(healthy, place, key__file=str(place / "lost"))("status"), KEY, "key", str(place))


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("empty", lambda _: b""),
        ("blank", lambda _: b"\n\n"),
        ("half", lambda whole: whole[: len(whole) // 2]),
        ("zeroed by a crash", lambda whole: bytes(len(whole))),
        ("mistyped", lambda whole: whole[:30] + (b"A" if whole[30:31] != b"A" else b"B") + whole[31:]),
        ("something else", lambda _: bytes(range(256))),
    ],
)
def test_a_key_file_that_holds_no_key(
    healthy: World, place: Path, what: str, content: Callable[[bytes], bytes]
) -> None:
    (place / "key").write_bytes(content(healthy.key.read_bytes()))
    refused(changed(healthy, place, key__file=str(place / "key"))("status"), KEY, "key", str(place))


def test_a_key_file_that_is_a_directory(healthy: World, place: Path) -> None:
    refused(changed(healthy, place, key__file=str(place))("status"), KEY, "key")


def test_a_damaged_key_in_the_environment_is_named_and_not_shown(healthy: World, place: Path) -> None:
    assert healthy.run.config is not None
    lines = healthy.run.config.read_text().splitlines()
    path = place / "keyless.toml"
    path.write_text("\n".join(line for line in lines if not line.startswith("file = ")))
    secret = healthy.key.read_text().strip()
    good = Adpersist(path, environment={"ADPERSIST_KEY": secret})
    good("status", code=0)
    bad = Adpersist(path, environment={"ADPERSIST_KEY": secret[:-3]})
    ran = bad("status")
    refused(ran, KEY, "ADPERSIST_KEY")
    assert secret[20:40] not in ran.err + ran.out


def test_init_makes_no_second_key_for_a_journal_that_has_one(healthy: World, place: Path) -> None:
    """The agent's disk was put back and its key with it: init must not seal anything with a new one."""
    store = place / "journal.db"
    copy_journal(healthy.store, store)
    run = Adpersist(place / "adpersist.toml")
    ran = run("init", *init_words(healthy.dc, store, place / "new-key"))
    refused(ran, KEY, "key file", str(place / "new-key"))
    assert not run.config or not run.config.exists(), "a configuration that cannot work was written"
    assert not (place / "new-key").exists(), "a key that opens nothing was left behind"


# The store and the journal in it.


@pytest.mark.parametrize("words", WRITING)
def test_no_journal(healthy: World, place: Path, words: Sequence[str]) -> None:
    run = changed(healthy, place, store__url=f"sqlite://{place}/none.db")
    refused(run(*words), NO_JOURNAL, str(place))
    assert not (place / "none.db").exists(), "looking made a file"


def test_a_store_that_holds_another_journal_only(healthy: World, place: Path) -> None:
    refused(changed(healthy, place, journal__id="0" * 32)("status"), NO_JOURNAL, "holds no journal")


@pytest.mark.parametrize("words", WRITING)
def test_a_file_that_is_no_database(healthy: World, place: Path, words: Sequence[str]) -> None:
    (place / "j.db").write_bytes(b"certainly no database " * 1000)
    before = (place / "j.db").read_bytes()
    refused(changed(healthy, place, store__url=f"sqlite://{place}/j.db")(*words), INTEGRITY)
    assert (place / "j.db").read_bytes() == before


def test_a_database_of_another_program(healthy: World, place: Path) -> None:
    with closing(sqlite3.connect(place / "j.db")) as database:
        database.execute("CREATE TABLE customers (name TEXT)")
        database.commit()
    before = (place / "j.db").read_bytes()
    refused(changed(healthy, place, store__url=f"sqlite://{place}/j.db")("status"), USAGE, "another program")
    run = Adpersist(place / "adpersist.toml")
    refused(run("init", *init_words(healthy.dc, place / "j.db", place / "key")), USAGE, "another program")
    assert (place / "j.db").read_bytes() == before


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_database(healthy: World, place: Path, part: float) -> None:
    copy_journal(healthy.store, place / "j.db")
    size = (place / "j.db").stat().st_size
    os.truncate(place / "j.db", int(size * part))
    run = changed(healthy, place, store__url=f"sqlite://{place}/j.db")
    for words in READING:
        ran = run(*words)
        if words == ("verify",) or ran.code != 0:  # status reads the head alone, which may still be whole
            refused(ran, INTEGRITY)


def test_an_empty_database_file(healthy: World, place: Path) -> None:
    (place / "j.db").touch()
    refused(changed(healthy, place, store__url=f"sqlite://{place}/j.db")("status"), NO_JOURNAL, "holds no journal")


def test_a_flipped_bit_anywhere_is_found_before_anything_is_restored(healthy: World, place: Path) -> None:
    copy_journal(healthy.store, place / "j.db")
    with closing(sqlite3.connect(place / "j.db")) as database:
        ((body,),) = database.execute("SELECT body FROM frame WHERE seq = 1").fetchall()
        flipped = body[:5000] + bytes([body[5000] ^ 1]) + body[5001:]
        database.execute("UPDATE frame SET body = ? WHERE seq = 1", (flipped,))
        database.commit()
    run = changed(healthy, place, store__url=f"sqlite://{place}/j.db")
    with Hands(healthy.dc) as hands:
        usn = hands.usn()
        for words in (("plan",), ("verify",), ("agent", "--once"), ("restore", "--yes")):
            refused(run(*words), INTEGRITY)
        assert hands.usn() == usn


@pytest.fixture
def read_only(place: Path) -> Iterator[Path]:
    """A directory root may not write to either."""
    (place / "ground").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "adpersist-test", str(place / "ground")], check=True)
    try:
        yield place / "ground"
    finally:
        subprocess.run(["umount", str(place / "ground")], check=True)


def _freeze(path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)


def test_a_store_that_cannot_be_written_is_still_read(healthy: World, place: Path, read_only: Path) -> None:
    copy_journal(healthy.store, read_only / "j.db")
    run = changed(healthy, place, store__url=f"sqlite://{read_only}/j.db")
    _freeze(read_only)
    for words in READING:
        run(*words, code=0)
    for words in WRITING[::2]:
        refused(run(*words), STORE, "j.db")
    # an agent waits for it, and says for what
    log = place / "agent.log"
    agent = run.start("agent", log=log)
    try:
        until(lambda: "j.db" in log.read_text(encoding="utf-8"), "it is told")
        assert agent.poll() is None
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(60) == 0


def test_init_on_read_only_ground(unwatched: SambaDC, place: Path, read_only: Path) -> None:
    _freeze(read_only)
    run = Adpersist(place / "adpersist.toml")
    refused(run("init", *init_words(unwatched, read_only / "j.db", place / "key")), STORE, str(read_only))
    assert not (place / "adpersist.toml").exists()
    refused(run("init", *init_words(unwatched, place / "j.db", read_only / "key")), USAGE, str(read_only))
    other = Adpersist(read_only / "adpersist.toml")
    refused(other("init", *init_words(unwatched, place / "j2.db", place / "key2")), USAGE, str(read_only))
    # and what was begun is gone on with
    run("init", *init_words(unwatched, place / "j.db", place / "key"), code=0)
    run("status", code=0)


@pytest.fixture
def cramped(place: Path) -> Iterator[Path]:
    """A disk with room for a journal, and not for much of it."""
    (place / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "adpersist-test", str(place / "disk")], check=True)
    try:
        yield place / "disk"
    finally:
        subprocess.run(["umount", str(place / "disk")], check=True)


def test_a_full_disk_loses_nothing_acknowledged(world: World, place: Path, cramped: Path) -> None:
    run = world.run
    assert run.config is not None
    subprocess.run(["mount", "-o", "remount,size=4m", str(cramped)], check=True)
    copy_journal(world.store, cramped / "j.db")
    run.config.write_text(run.config.read_text().replace(f"sqlite://{world.store}", f"sqlite://{cramped}/j.db"))
    run("agent", "--once", code=0)
    durable = run.status()["durable"]["seq"]
    found = os.statvfs(cramped)
    with (cramped / "ballast").open("wb") as ballast:
        ballast.write(bytes(found.f_bavail * found.f_frsize - 150 * 1024))
    with Hands(world.dc) as hands:
        for number in range(6):  # more than there is room for
            hands.user(f"photographed{number}", attributes={"jpegPhoto": os.urandom(80_000)})
    refused(run("agent", "--once"), FULL, "full")
    agent = run.start("agent", log=place / "agent.log")
    try:
        until(lambda: "the disk is full" in (place / "agent.log").read_text(), "the agent says what it waits for")
        assert run.status()["durable"]["seq"] == durable
        (cramped / "ballast").unlink()
        agent.send_signal(signal.SIGHUP)  # it would have looked by itself in half a minute
        run.settled()
        assert agent.poll() is None, "it ended over something that passes"
    finally:
        agent.kill()
        agent.wait(60)
    run("verify", code=0)
    run("check", code=0)


def test_a_full_disk_is_pruned_in_the_room_that_is_kept_for_it(world: World, place: Path, cramped: Path) -> None:
    run, store = world.run, cramped / "j.db"
    assert run.config is not None
    subprocess.run(["mount", "-o", "remount,size=40m", str(cramped)], check=True)
    copy_journal(world.store, store)
    run.config.write_text(run.config.read_text().replace(f"sqlite://{world.store}", f"sqlite://{store}"))
    with Hands(world.dc) as hands:
        for number in range(20):
            hands.user(f"pictured{number}", attributes={"jpegPhoto": os.urandom(60_000)})
        run("agent", "--once", code=0)
        for number in range(10):
            hands.set(f"CN=pictured{number},{hands.users}", jpegPhoto=os.urandom(60_000))
        run("agent", "--once", code=0)
    run("mark", "now", code=0)
    time.sleep(1.1)  # all of it is old
    assert run("prune", "--keep", "1s", "--dry-run", "--json", code=0).json["commits"] > 0
    reserve = cramped / "j.db-reserve"
    assert reserve.exists()
    with (cramped / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):  # until there is no room at all
        while True:
            ballast.write(bytes(4096))
    held = store.stat().st_size
    for words in (("status",), ("log",), ("check",)):
        run(*words, code=0)
    refused(run("mark", "later"), FULL, "full")
    assert reserve.exists(), "only what makes room may have the reserve"
    done = run("prune", "--keep", "1s", "--yes", "--compact", "--json", code=0).json
    assert done["reserve_given_up"]
    assert done["commits"] > 0
    assert store.stat().st_size < held
    run("mark", "later", code=0)
    run("verify", code=0)
    (cramped / "ballast").unlink()
    run("mark", "roomy", code=0)
    assert reserve.exists(), "it is kept anew"
    assert run("prune", "--keep", "1s", "--yes", "--json", code=0).json["reserve_given_up"] is False
    run("check", code=0)
    run("verify", code=0)


def test_a_dc_whose_journal_is_full_is_healed_in_half_of_that_room(world: World, cramped: Path) -> None:
    run, store = world.run, cramped / "j.db"
    assert run.config is not None
    subprocess.run(["mount", "-o", "remount,size=12m", str(cramped)], check=True)
    copy_journal(world.store, store)
    run.config.write_text(run.config.read_text().replace(f"sqlite://{world.store}", f"sqlite://{store}"))
    with Hands(world.dc) as hands:
        hands.user("late")
    run("agent", "--once", code=0)
    reserve = cramped / "j.db-reserve"
    held = reserve.stat().st_size
    with (cramped / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):  # until there is no room at all
        while True:
            ballast.write(bytes(4096))
    run("guard", code=0)
    assert reserve.stat().st_size == held, "a DC that is well takes no room"
    world.revert()
    run("guard", code=0)
    run("verify", code=0)
    with Hands(world.dc) as hands:
        assert hands.find("(sAMAccountName=late)")
    assert reserve.stat().st_size == held // 2
    assert run("prune", "--keep", "1s", "--yes", "--json", code=0).json["reserve_given_up"]
    run("check", code=0)


def test_init_on_a_full_disk_can_be_repeated(unwatched: SambaDC, place: Path, cramped: Path) -> None:
    ballast = cramped / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
    run = Adpersist(place / "adpersist.toml")
    refused(run("init", *init_words(unwatched, cramped / "j.db", place / "key")), FULL)
    refused(Adpersist(cramped / "c.toml")("init", *init_words(unwatched, place / "k.db", place / "key")), USAGE)
    assert not (cramped / "c.toml").exists(), "half a configuration was left behind"
    ballast.unlink()
    run("init", *init_words(unwatched, cramped / "j.db", place / "key"), code=0)


def test_a_store_url_with_a_credential_is_not_repeated(healthy: World, place: Path) -> None:
    url = "azure://account/table?sv=1&sig=TOPSECRETSIGNATURE"
    ran = changed(healthy, place, store__url=url)("status")
    refused(ran, USAGE, "credential")
    assert "TOPSECRET" not in ran.err + ran.out


# Another domain.


@pytest.fixture(scope="module")
def stranger(module_place: Path) -> Iterator[World]:
    """A DC of another domain, with a journal of its own."""
    far = image("stranger", realm="OTHER.EXAMPLE.ORG", domain="OTHER", hostname="dc9")
    (module_place / "made").mkdir()
    with Scene.make(far, module_place / "made").played(module_place / "abroad") as world:
        yield world


@pytest.mark.parametrize("words", COMMANDS)
def test_a_journal_of_another_domain(healthy: World, stranger: World, place: Path, words: Sequence[str]) -> None:
    run = changed(healthy, place, directory__url=stranger.dc.ldapi_url)
    ran = run(*words)
    assert ran.code == REVERTED, ran
    if words == ("status",):
        assert changed(healthy, place, directory__url=stranger.dc.ldapi_url).status()["lineage"] == "replaced"
    else:
        assert "dc9" in complaint(ran)
        assert "dc1" in complaint(ran)


def test_two_domains_may_share_one_store(healthy: World, stranger: World, place: Path) -> None:
    copy_journal(healthy.store, place / "j.db")
    run = Adpersist(place / "adpersist.toml")
    run("init", *init_words(stranger.dc, place / "j.db", place / "key"), "--supersede", code=0)
    run("agent", "--once", code=0)
    changed(healthy, place, store__url=f"sqlite://{place}/j.db")("verify", code=0)


# The configuration.


def test_init_where_no_configuration_can_be_written(unwatched: SambaDC, place: Path) -> None:
    (place / "file").touch()
    words = init_words(unwatched, place / "j.db", place / "key")
    for path in (place / "file" / "adpersist.toml", Path("/proc/adpersist.toml"), place):
        refused(Adpersist(path)("init", *words), USAGE)
    refused(Adpersist(place / "c.toml")("init", *words[:4], "--key-file", str(place / "file" / "key")), KEY)


def test_init_says_what_it_lacks(place: Path, healthy: World) -> None:
    run = Adpersist(place / "adpersist.toml")
    refused(run("init"), USAGE, "--directory")
    refused(run("init", "--directory", healthy.dc.ldapi_url), USAGE, "--store")
    assert not list(place.iterdir())


def test_init_twice_changes_nothing_and_init_otherwise_is_refused(unwatched: SambaDC, place: Path) -> None:
    run = Adpersist(place / "adpersist.toml")
    words = init_words(unwatched, place / "j.db", place / "key")
    first = run("init", *words, "--json", code=0).json
    assert (first["journal"]["created"], first["key"]["created"]) == (True, True)
    kept = {path: path.read_bytes() for path in (place / "key", place / "adpersist.toml")}
    second = run("init", *words, "--json", code=0).json
    assert (second["journal"]["created"], second["key"]["created"]) == (False, False)
    assert second["journal"]["id"] == first["journal"]["id"]
    for different in (
        init_words(unwatched, place / "other.db", place / "key"),
        init_words(unwatched, place / "j.db", place / "other-key"),
    ):
        refused(run("init", *different), USAGE, "something else")
    assert {path: path.read_bytes() for path in kept} == kept
    assert not (place / "other.db").exists()
    assert not (place / "other-key").exists()
    assert (place / "key").stat().st_mode & 0o077 == 0
    assert (place / "adpersist.toml").stat().st_mode & 0o077 == 0


# Words and environment.


@pytest.mark.parametrize("to", ["nonsense", "@nowhere", "99999999", "usn:x"])
def test_a_restore_to_a_point_that_is_none_leaves_the_agent_alone(healthy: World, to: str) -> None:
    head = healthy.head()
    refused(healthy.run("restore", "--yes", f"--to={to}"), USAGE)
    assert healthy.head() == head, "somebody took the journal over"


def test_verify_and_plan_say_so_too(healthy: World) -> None:
    for words in (("plan", "--to=nonsense"), ("verify", "--at=nonsense")):
        refused(healthy.run(*words), USAGE, "nonsense")


def test_a_restore_nobody_agreed_to_writes_nothing(healthy: World) -> None:
    head = healthy.head()
    refused(healthy.run("restore", "--json"), USAGE, "nothing was written")
    assert healthy.run("restore", stdin="n\n").code == USAGE
    assert healthy.run("restore", stdin="").code == FAILURE
    assert healthy.head() == head


@pytest.mark.parametrize("before", [True, False])
def test_options_stand_before_or_after_the_commands_name(healthy: World, before: bool) -> None:
    bare, options = Adpersist(None), ("--config", str(healthy.run.config), "--json")
    ran = bare(*options, "status", code=0) if before else bare("status", *options, code=0)
    assert ran.json["lineage"] == "same"


HOSTILE = {
    "ADPERSIST_STORE_URL": "\udcff\udcfe",
    "ADPERSIST_CAPTURE_INTERVAL_S": "fast",
    "ADPERSIST_CAPTURE_SHARE": "inf",
    "ADPERSIST_KEY_FILE": "\x1b[2Jkey",
    "ADPERSIST_JOURNAL_ID": "a" * 100_000,
    "ADPERSIST_DIRECTORY_URL": "ldapi:///" + "x" * 100_000,
    "ADPERSIST_LOG_LEVEL": "\n\nadpersist: all is well",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_environment(healthy: World, name: str) -> None:
    ran = healthy.run.with_environment(**{name: HOSTILE[name]})("status")
    assert ran.code in {USAGE, DIRECTORY, KEY}, ran
    sentence = complaint(ran)
    assert "\x1b" not in ran.err
    assert len(sentence) < 2000, "a wall of text is no sentence"


def test_variables_that_mean_nothing_are_no_error(healthy: World) -> None:
    healthy.run.with_environment(ADPERSIST_STORE_COLOUR="red", ADPERSIST_="", ADPERSISTENT="1")("status", code=0)


def test_a_service_manager_that_does_not_listen_is_no_error(healthy: World, place: Path) -> None:
    world = World(place=place, dc=healthy.dc, run=healthy.run, store=place / "j.db", key=healthy.key)
    copy_journal(healthy.store, world.store)
    # told of nothing, not even of where this DC's smb.conf lies: what it commits to a copy, the DC would hear of
    run = changed(healthy, place, store__url=f"sqlite://{world.store}").with_environment(ADPERSIST_FILES_SYSVOL="off")
    for address in (str(place / "nobody"), "@adpersist-nobody", "/" + "x" * 200):
        with run.with_environment(NOTIFY_SOCKET=address).agent(place / "agent.log") as agent:
            assert agent.stop() == 0
    shutil.rmtree(place, ignore_errors=True)
