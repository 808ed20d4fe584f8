"""The key from a file, the environment or a vault, and from each to the others: through the real command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from adpersist.journal.keys.key_file import create_key_file, read_key_file
from tests.integration.commands import Adpersist, Ran, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene, copy_journal
from tests.integration.vault import Vault, running


@pytest.fixture(scope="module")
def keeper(module_place: Path) -> Iterator[tuple[Vault, Mapping[str, str]]]:
    """A vault, and the environment to reach it in."""
    place = module_place / "vault"
    place.mkdir()
    with running(place) as (vault, environment):
        vault.rotate("journal")
        vault.rotate("other")
        vault.rotate("symmetric", symmetric=True)
        yield vault, environment


@pytest.fixture
def vault(keeper: tuple[Vault, Mapping[str, str]]) -> Iterator[Vault]:
    yield keeper[0]
    keeper[0].status, keeper[0].granted = 0, {"wrapkey", "unwrapkey"}


@pytest.fixture
def run(scene: Scene, place: Path, keeper: tuple[Vault, Mapping[str, str]]) -> Adpersist:
    """The command line over a copy of the scene's journal, with its key in a file, and no DC."""
    copy_journal(scene.store, place / "journal.db")
    shutil.copy2(scene.key, place / "key")
    path = place / "adpersist.toml"
    path.write_text(
        f"[store]\nurl = {json.dumps(f'sqlite://{place}/journal.db')}\n"
        f"[key] # which one\nfile = {json.dumps(str(place / 'key'))}\n[journal]\nid = {json.dumps(scene.journal)}\n"
    )
    return Adpersist(path).with_environment(**keeper[1])


def wants(ran: Ran, key_id: str) -> None:
    """It ends with 9 and names the key it wants."""
    assert ran.code == 9, ran
    assert key_id in complaint(ran)


def rotated(run: Adpersist, *words: str) -> tuple[str, str]:
    """Go over to a key for good; its id, and what is left to do before that."""
    done = run("key", "rotate", *words, "--json", code=0).json
    if not done["todo"]:
        finished = run("key", "rotate", "--finish", "--yes", "--json", code=0).json
        assert finished["key_id"] == done["key_id"]
        assert finished["retired"]
    return done["key_id"], done["todo"] or ""


def sound(run: Adpersist) -> None:
    """Everything from the first commit on is read, and can be written on."""
    run("mark", "still-here", code=0)
    run("check", code=0)


def test_the_key_goes_from_file_to_environment_to_vault_and_back(run: Adpersist, place: Path, vault: Vault) -> None:
    assert run.config is not None
    old = run.config.read_text()
    first = read_key_file(place / "key").key_id

    create_key_file(place / "second")
    line = (place / "second").read_text()
    second, todo = rotated(run.with_environment(NEW_KEY=line), "--new-key-variable", "NEW_KEY")
    assert "ADPERSIST_KEY" in todo
    assert run("check").code == 9, "nothing names a key"
    by_environment = run.with_environment(ADPERSIST_KEY=line)
    sound(by_environment)
    renewed = run.config.read_text()
    run.config.write_text(old)
    sound(run)  # the disk went back: the old configuration still opens it
    run.config.write_text(renewed)
    by_environment("key", "rotate", "--finish", "--yes", code=0)
    run.config.write_text(old)
    wants(run("check"), second)

    by_environment("key", "rotate", "--new-key-variable", "ADPERSIST_KEY", code=0)  # finishes what was cut off
    sound(by_environment)
    third, todo = rotated(by_environment, "--new-key-vault", vault.url("journal"))
    assert (third, todo) == (vault.url("journal"), "")
    sound(run)
    run("key", "rotate", code=0)  # a new data key, wrapped by the vault
    sound(run)
    vault.rotate("journal")  # by the vault itself
    run("key", "rotate", code=0)
    sound(run)

    fourth, todo = rotated(run, "--new-key-file", str(place / "fourth"))
    assert todo == ""
    assert "# which one" in run.config.read_text()
    asked = len(vault.asked)
    sound(run)
    assert len(vault.asked) == asked, "the vault is needed no more"
    assert len({first, second, third, fourth}) == 4


def test_a_wrong_key_is_told_by_the_id_of_the_right_one(run: Adpersist, place: Path, vault: Vault) -> None:
    assert run.config is not None
    right = read_key_file(place / "key").key_id
    text = run.config.read_text()
    create_key_file(place / "wrong")
    run.config.write_text(text.replace(str(place / "key"), str(place / "wrong")))
    wants(run("check"), right)
    run.config.write_text(text.replace("file =", "# file ="))
    assert "no key is configured" in complaint(run("check", code=9))
    wants(run.with_environment(ADPERSIST_KEY=(place / "wrong").read_text())("check"), right)
    wants(run.with_environment(ADPERSIST_KEY_VAULT=vault.url("journal"))("check"), right)
    run.with_environment(ADPERSIST_KEY=(place / "key").read_text())("check", code=0)
    run.config.write_text(text)
    assert run.with_environment(ADPERSIST_KEY_VAULT=vault.url("journal"))("check").code == 7, "two keys are named"

    run("key", "rotate", "--new-key-vault", vault.url("journal"), code=0)
    named = run.config.read_text()
    run.config.write_text(named.replace("/keys/journal", "/keys/other"))
    ran = run("check")
    wants(ran, vault.url("journal"))
    assert "[key] vault" in ran.err


def test_a_vault_that_does_not_help_is_one_sentence(run: Adpersist, vault: Vault) -> None:
    run("key", "rotate", "--new-key-vault", vault.url("journal"), code=0)
    vault.granted = {"wrapkey"}
    ran = run("check", code=9)
    assert vault.url("journal") in complaint(ran)
    assert "unwrapKey" in ran.err
    vault.granted = {"wrapkey", "unwrapkey"}
    vault.status = 503
    assert vault.url("journal") in complaint(run("check", code=9))
    vault.status = 0
    run("check", code=0)
    assert run.config is not None
    text = run.config.read_text()
    run.config.write_text(text.replace(vault.address, "127.0.0.1:1"))
    wants_other = run("check")
    assert wants_other.code == 9, "another URL is another key"
    nobody = run.with_environment(IDENTITY_ENDPOINT="", AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
    run.config.write_text(text)
    assert "no credential" in complaint(nobody("check", code=9))


def test_a_key_that_may_not_be_used_is_not_gone_over_to(run: Adpersist, vault: Vault) -> None:
    vault.granted = {"unwrapkey"}
    assert "wrapKey" in run("key", "rotate", "--new-key-vault", vault.url("journal"), code=9).err
    vault.granted = {"wrapkey"}  # what it wrapped nobody could open again
    assert "unwrapKey" in run("key", "rotate", "--new-key-vault", vault.url("journal"), code=9).err
    sound(run)
    vault.granted = {"wrapkey", "unwrapkey"}
    assert "vault_algorithm" in run("key", "rotate", "--new-key-vault", vault.url("symmetric"), code=9).err
    assert "no key" in complaint(run("key", "rotate", "--new-key-vault", vault.url("absent"), code=9))
    sound(run)


def test_a_symmetric_key_has_no_public_half(run: Adpersist, vault: Vault) -> None:
    by_hsm = run.with_environment(ADPERSIST_KEY_VAULT_ALGORITHM="A256KW")
    rotated(by_hsm, "--new-key-vault", vault.url("symmetric"))
    sound(by_hsm)


def test_without_the_extra_the_hint_says_how_to_get_it(run: Adpersist, place: Path, vault: Vault) -> None:
    (place / "hidden").mkdir()
    (place / "hidden" / "sitecustomize.py").write_text("import sys\nsys.modules['azure.identity'] = None\n")
    ran = run.with_environment(PYTHONPATH=f"{place / 'hidden'}:{Path(__file__).parents[2]}")(
        "key", "rotate", "--new-key-vault", vault.url("journal"), code=7
    )
    assert "adpersist[vault]" in ran.err
    sound(run)


def test_more_than_one_new_key_is_a_mistake(run: Adpersist, place: Path, vault: Vault) -> None:
    words = ("--new-key-file", str(place / "x"), "--new-key-vault", vault.url("journal"))
    assert "more than one" in complaint(run("key", "rotate", *words, code=7))
    assert not (place / "x").exists()


def test_init_and_the_agent_with_a_vaults_key(
    scene: Scene, place: Path, keeper: tuple[Vault, Mapping[str, str]], vault: Vault
) -> None:
    with scene.played(place / "played") as world:
        run = Adpersist(place / "vault.toml").with_environment(**keeper[1])
        words = ("--directory", world.dc.ldapi_url, "--store", f"sqlite://{place}/vault.db")
        vaulted = ("--key-vault", vault.url("journal"))
        made = run("init", *words, *vaulted, "--supersede", "--json", code=0).json  # of the scene's own journal
        assert made["key"] == {"file": None, "vault": vault.url("journal"), "created": False}
        assert not (place / "key").exists()
        run("init", *words, *vaulted, code=0)
        with run.agent(place / "vault.log"), Hands(world.dc) as hands:
            hands.user("newcomer")
            run.settled()
        run("verify", code=0)
        world.revert()
        run("guard", "--on-revert", "restore", code=0)
        run("verify", code=0)
        with Hands(world.dc) as hands:
            assert hands.find("(cn=newcomer)")
