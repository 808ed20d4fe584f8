"""Bad input ends with one clear sentence, the documented exit code, and nothing lost."""

import shutil
import socket
import threading
from pathlib import Path

import pytest

from adpersist.journal.keyfile import create_key_file
from tests.integration.commands import Ran
from tests.integration.scene import World

_KEY_LINE_HEAD = "adpersist-key-1:"


def _sentence(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, str(ran)
    assert ran.err.startswith("adpersist: ") or "\nadpersist: " in ran.err, str(ran)
    for word in words:
        assert word in ran.err, str(ran)


def _at(world: World, socket_path: Path) -> Ran:
    return world.run.with_environment(ADPERSIST_DIRECTORY_URL=f"ldapi://{socket_path}")("status")


def test_no_dc_at_the_socket(world: World) -> None:
    _sentence(_at(world, world.place / "nowhere"), 6, "there is no socket at")
    world.dc.kill()
    _sentence(world.run("agent", "--once"), 6)


def test_a_file_is_no_socket(world: World) -> None:
    _sentence(_at(world, world.store), 6, "does not answer")


def test_the_unprivileged_sibling_is_refused(world: World) -> None:
    _sentence(_at(world, world.dc.private_dir / "ldapi"), 6, "not privileged")


@pytest.mark.parametrize("answer", [b"", b"0\x03\x02\x01\x05" * 50, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9])
def test_something_that_is_not_ldap_on_the_socket(world: World, answer: bytes) -> None:
    path = world.place / "strange"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def talk() -> None:
            peer, _ = listener.accept()
            peer.recv(100)
            peer.sendall(answer)
            peer.close()

        threading.Thread(target=talk, daemon=True).start()
        _sentence(_at(world, path), 6)


def test_a_socket_that_never_answers_is_given_up(world: World) -> None:
    path = world.place / "silent"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        _sentence(_at(world, path), 6, "went away")


def test_a_key_that_is_missing_empty_half_or_another(world: World) -> None:
    good = world.key.read_text()
    world.key.unlink()
    _sentence(world.run("status"), 7, "key file")
    for damaged in ("", good[:20], _KEY_LINE_HEAD):
        world.key.write_text(damaged)
        _sentence(world.run("status"), 7, str(world.key))
    other = world.place / "other"
    create_key_file(other)
    shutil.copy(other, world.key)
    _sentence(world.run("status"), 8, "wants the key")
    world.key.write_text(good)
    world.run("status", code=0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"[store", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b'[store]\nurll = "x"\n', "store.urll"),
        (b'[capture]\ninterval_s = "often"\n', "capture.interval_s"),
        (b"", "no directory is configured"),
    ],
)
def test_a_configuration_that_cannot_be_used(world: World, text: bytes, word: str) -> None:
    assert world.run.config is not None
    world.run.config.write_bytes(text)
    _sentence(world.run("status"), 7, word)


def test_a_store_that_is_missing_foreign_or_cut_short(world: World) -> None:
    other = world.place / "other.db"
    run = world.run.with_environment(ADPERSIST_STORE_URL=f"sqlite://{other}")
    _sentence(run("status"), 7, "there is no file")
    assert not other.exists()
    other.write_bytes(b"this is no database " * 500)
    _sentence(run("agent", "--once"), 8, str(other))
    world.run("status", code=0)  # whatever lies beside the database is in it now
    with other.open("wb") as cut:
        cut.write(world.store.read_bytes()[:20_000])
    _sentence(run("agent", "--once"), 8, str(other))


def test_words_that_mean_nothing(world: World) -> None:
    for words in (("frobnicate",), ("status", "--nope"), ("plan", "--to", "banana"), ("plan", "--to", "@nobody")):
        _sentence(world.run(*words), 7)


def test_init_again_changes_nothing_and_init_with_other_words_is_refused(world: World) -> None:
    assert world.run.config is not None
    before = world.head(), world.key.read_bytes(), world.run.config.read_bytes()
    words = ("init", "--directory", world.dc.ldapi_url, "--key-file", str(world.key))
    world.run(*words, "--store", f"sqlite://{world.store}", code=0)
    _sentence(world.run(*words, "--store", f"sqlite://{world.place}/else.db"), 7, "says something else")
    assert before == (world.head(), world.key.read_bytes(), world.run.config.read_bytes())
    assert not (world.place / "else.db").exists()
