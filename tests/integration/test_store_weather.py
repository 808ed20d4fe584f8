"""What a person sees when the table service is not well: the documented exit code, one sentence, what to do next.

The real command line, a real Azurite, and a proxy between them that does what Azurite never does.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableClient

from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import key_line
from adpersist.stores.azure.access import AZURITE_ACCOUNT, AZURITE_KEY
from adpersist.stores.registry import open_store
from tests.cases import some_of
from tests.contract import proxy as line
from tests.contract.azurite_process import azurite_at
from tests.contract.conftest import azurite
from tests.contract.proxy import Exchange, Proxy, Twist
from tests.golden.journal_samples import IDENTITY, TEST_KEY, created, key, look, new_journal
from tests.integration.clock import hurried
from tests.integration.commands import Adpersist, Agent, complaint
from tests.integration.hands import Hands
from tests.integration.scene import Scene
from tools.samba_dc import free_port

__all__ = ["azurite"]

HURRIED = 8
"""A line that hangs is given up after 15 s, and tried again for 30; a write is settled and tried three times."""

ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """A journal in a table, behind a proxy.

    Attributes:
        run: The command line.
        proxy: What is between.
        table: The table.
        open: The journal, past the proxy.
    """

    run: Adpersist
    proxy: Proxy
    table: TableClient
    open: Callable[[], Journal]


@contextmanager
def far_away(azurite: str, place: Path) -> Iterator[Far]:
    """Five commits in a new table."""
    place.mkdir(exist_ok=True)
    table = f"t{secrets.token_hex(8)}"
    store = open_store(f"azurite://{azurite}/{table}", journal=journal_id(IDENTITY))
    journal = new_journal(store)
    for number in range(1, 6):
        look(journal, [created(f"user{number}")], number)
    (place / "key").write_text(key_line(TEST_KEY) + "\n")
    credential = AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY)
    with Proxy(azurite) as proxy, closing(store):
        (place / "adpersist.toml").write_text(
            f"[store]\nurl = {json.dumps(f'azurite://{proxy.address}/{table}')}\n"
            f"[key]\nfile = {json.dumps(str(place / 'key'))}\n[journal]\nid = {json.dumps(journal.id)}\n"
        )
        environment = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | hurried(HURRIED)
        run = Adpersist(place / "adpersist.toml").with_environment(**environment)
        with TableClient(f"http://{azurite}/{AZURITE_ACCOUNT}", table, credential=credential) as client:
            yield Far(run=run, proxy=proxy, table=client, open=lambda: Journal.open(store, key()))


@pytest.fixture
def far(azurite: str, place: Path) -> Iterator[Far]:
    with far_away(azurite, place) as there:
        yield there


def by_another_clock(exchange: Exchange) -> None:
    """The service refuses a signature dated too far from its own time, and says what time it has."""
    body = b'{"odata.error":{"code":"AuthenticationFailed","message":{"lang":"x","value":"too old"}}}'
    head = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %d\r\n\r\n"
    exchange.say(head % (b"Mon, 05 Jan 2032 12:00:00 GMT", len(body)) + body)


LASTING: dict[str, tuple[Twist, str, str]] = {
    "throttled": (line.odata(429, "TooManyRequests"), "throttling", ""),
    "throttled with a time": (line.odata(429, "TooManyRequests", {"Retry-After": "2"}), "throttling", ""),
    "busy": (line.odata(503, "ServerBusy"), "busy", ""),
    "no backend": (line.say(503, {"Content-Type": "text/html"}, b"<html>no backend</html>"), "busy", ""),
    "dropped": (line.drop, "did not answer", "Check the network"),
    "hanging": (line.hang(16 / HURRIED), "did not answer", "Check the network"),
    "not HTTP": (line.babble, "did not answer", "Check the network"),
    "500": (line.odata(500, "InternalError"), "InternalError", ""),
    "clock": (by_another_clock, "refused the credential", "clock is"),
    "expired": (line.odata(403, "AuthenticationFailed"), "refused the credential", "expired"),
    "revoked": (line.odata(401, "InvalidAuthenticationInfo"), "refused the credential", "renew it"),
}


def lasting(azurite: str, place: Path, name: str, words: tuple[str, ...]) -> None:
    """One command in weather that does not pass."""
    twist, says, hint = LASTING[name]
    with far_away(azurite, place / f"{name} {words[0]}".replace(" ", "-")) as far:
        far.proxy.plan(twist, times=ALWAYS, method="POST" if words[0] == "mark" else "")
        ran = far.run(*words, code=5)
        if words[0] == "log" or "credential" in says:
            assert says in complaint(ran), ran
            assert hint in ran.err, ran
        assert AZURITE_KEY not in ran.err + ran.out
        assert far.open().marks() == ()


def test_weather_that_does_not_pass_is_exit_code_5_and_one_sentence(azurite: str, place: Path) -> None:
    cases: list[tuple[str, tuple[str, ...]]] = [(name, ("log",)) for name in LASTING]
    cases += [(name, ("mark", "here")) for name in ("throttled", "dropped", "clock", "expired")]
    tried = some_of(cases)
    with ThreadPoolExecutor(max_workers=len(tried)) as waiting:  # each is patient for half a minute of its own
        for done in [waiting.submit(lasting, azurite, place, *case) for case in tried]:
            done.result()


PASSING: dict[str, Twist] = {
    "throttled": line.odata(429, "TooManyRequests", {"Retry-After": "1"}),
    "throttled without a time": line.odata(429, "TooManyRequests"),
    "busy": line.odata(503, "ServerBusy"),
    "dropped": line.drop,
    "answer lost": line.lose_answer,
    "answer cut": line.cut_answer,
    "500": line.odata(500, "InternalError"),
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", PASSING)
def test_weather_that_passes_is_not_noticed_and_nothing_stands_twice(far: Far, name: str) -> None:
    far.proxy.plan(PASSING[name], times=2)
    far.run("log", code=0)
    far.proxy.plan(PASSING[name], method="POST", times=2)
    far.run("mark", "here", code=0)
    journal = far.open()
    assert [commit.mark for commit in journal.commits() if commit.mark] == ["here"]
    far.run("check", code=0)


def test_a_credential_that_may_only_read_says_which_role_it_needs(far: Far) -> None:
    far.proxy.plan(line.odata(403, "AuthorizationPermissionMismatch"), method="POST", times=ALWAYS)
    far.run("log", code=0)
    far.run("check", code=0)
    ran = far.run("mark", "here", code=5)
    assert "may not write" in complaint(ran)
    assert "Storage Table Data Contributor" in ran.err


def test_a_table_that_was_deleted_is_no_journal(far: Far) -> None:
    far.table.delete_table()
    for words in (("log",), ("check",), ("mark", "here")):
        ran = far.run(*words, code=10)
        assert "there is no table" in complaint(ran)
        assert "init" not in ran.err, "a store that is missing is no reason to begin another journal"


def test_a_head_row_that_was_deleted_is_put_back(far: Far) -> None:
    before = far.open().head
    far.table.delete_entity(far.open().id, "head")
    assert "--repair-head" in far.run("log", code=8).err
    assert "--repair-head" in far.run("check", code=8).out
    far.run("check", "--repair-head", code=0)
    assert far.open().head.seq == before.seq
    far.run("mark", "here", code=0)
    far.run("check", code=0)


def test_an_agent_notices_a_store_that_went_back_under_it(scene: Scene, place: Path) -> None:
    """Azurite acknowledges before it saves: killed, it comes back as it was some seconds ago."""
    port, data, yesterday = free_port(), place / "data", place / "yesterday"
    data.mkdir()
    with scene.played(place / "played") as world, Hands(world.dc) as hands:
        run = Adpersist(place / "adpersist.toml").with_environment(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        words = ("--directory", world.dc.ldapi_url, "--store", f"azurite://127.0.0.1:{port}/journal")
        with azurite_at(data, port):
            run("init", *words, "--key-file", str(place / "key"), "--supersede", code=0)  # the scene's own journal
            run("agent", "--once", code=0)
            before = run("log", "--json", code=0).json[0]
        shutil.copytree(data, yesterday)
        with azurite_at(data, port):
            agent = Agent(run, place / "agent.log")
            agent.capturing()
            for name in ("today", "evening"):
                hands.user(name)
                run.settled()
        shutil.rmtree(data)
        shutil.copytree(yesterday, data)
        with azurite_at(data, port):
            hands.user("tomorrow")
            assert agent.wait() in (4, 8), agent.said
            assert "went back" in agent.said or "store-behind" in agent.said, agent.said
            assert run("log", "--json", code=0).json[0] == before, "nothing was captured over it"
            assert run("status", "--json", code=4).json["lineage"] == "store-behind"
            found = run("check", "--json", code=8).json
            assert {each["class"] for each in found["findings"]} == {"store-behind"}
            assert found["restorable"]
            run("agent", "--once", "--accept-store-behind", code=0)
            run("verify", code=0)
            run("check", code=0)
