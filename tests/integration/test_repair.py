"""A journal with damage in it goes on by one command, beside a real DC and a running agent, and heals the DC again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from adpersist.model.plan.engine import Engine
from tests.crash.deaths import KILLED, dying
from tests.crash.test_agent_health import monitored
from tests.integration.clock import led
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.proof import stamps_unlike
from tests.integration.scene import World, until
from tools.samba_dc import stamps


def spoil(world: World, statement: str, seq: int) -> None:
    with closing(sqlite3.connect(world.store)) as database, database:
        assert database.execute(statement, {"seq": seq}).rowcount == 1


CORRUPT = "UPDATE frame SET body = zeroblob(length(body)) WHERE seq = :seq"
STRAY = "INSERT INTO frame (journal, seq, body) SELECT journal, :seq, body FROM frame WHERE seq = 2"


def test_a_damaged_commit_costs_history_and_nothing_else(world: World, place: Path) -> None:
    run = world.run
    with Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        hands.user("before", parent=office)
        run("agent", "--once", code=0)
        sound = world.head().seq
        hands.user("damaged", parent=office)
        run("agent", "--once", code=0)
        bad = world.head().seq
        hands.user("after", parent=office)
        run("agent", "--once", code=0)
        spoil(world, CORRUPT, bad)

        ran = run("agent", "--once", code=8)
        assert str(bad) in complaint(ran)
        assert "check --repair" in ran.err
        assert "check --repair" in run("check", code=8).out
        done = run("check", "--repair", "--json", code=0).json
        assert done["repaired"] == [
            {
                "taken_up": 0,
                "removed": 0,
                "lost": [{"first": bad, "last": bad}],
                "checkpoints": [],
                "goes_on_from": sound,
            }
        ]
        assert done["lost"] == [{"first": bad, "last": bad}]
        assert done["restorable"][-1]["through"] == sound
        assert run("check", "--repair", "--json", code=0).json["repaired"] == [], "there is nothing left to do"
        run("guard", code=0)  # the DC still is known for the one it was

        run("agent", "--once", code=0)
        run("verify", code=0)
        run("show", "before", "--at", str(sound), code=0)
        assert "lost" in complaint(run("show", "before", "--at", str(bad), code=7))
        assert [each["kind"] for each in run("log", "--json", code=0).json].count("repair") == 1
        run("history", "after", code=0)

        with run.agent(world.log):
            until(lambda: bool(world.head().checkpoints), "the agent saves all of it")
            hands.user("later", parent=office)
            run.settled()
    world.revert()
    run("guard", code=0)
    run("agent", "--once", code=0)
    with Hands(world.dc) as hands:
        assert all(hands.find(f"(cn={name})") for name in ("before", "damaged", "after", "later"))
    run("check", code=0)


def test_an_agent_says_of_a_commit_that_nobody_asked_for_that_it_is_gone(world: World) -> None:
    ahead = world.place / "ahead"
    ahead.write_text("+0")
    with monitored(world, **led(ahead)) as (agent, monitor), Hands(world.dc) as hands:

        def reason() -> str:
            return str(monitor.health()[1]["reason"])

        hands.user("of-an-hour-ago")
        world.run.settled()
        gone = world.captured()
        hands.user("newest")
        world.run.settled()
        spoil(world, "DELETE FROM frame WHERE seq = :seq", gone)
        assert monitor.health()[0] == 200, "it reads nothing that it does not need"
        ahead.write_text("+2h")
        until(lambda: "journal is damaged" in reason(), "the agent found it")
        assert monitor.health()[0] == 503
        assert f"commit {gone}" in reason()
        world.run("check", "--repair", code=0)
        until(lambda: monitor.health()[0] == 200, "it is repaired, and proven")
        assert agent.process.poll() is None
        assert ("journal.damaged" in agent.said, "journal.proven" in agent.said) == (True, True)
    world.run("verify", code=0)


def test_a_running_agent_goes_on_after_a_repair_beside_it(world: World) -> None:
    run = world.run
    with run.agent(world.log) as agent, Hands(world.dc) as hands:
        office = f"OU=Office,{hands.base}"
        hands.user("one", parent=office)
        run.settled()
        spoil(world, CORRUPT, world.head().seq)
        run("check", "--repair", code=0)
        hands.user("two", parent=office)
        until(lambda: world.head().complete, "the agent looks at everything")
        run.settled()
        assert agent.process.poll() is None
        # a frame that a copy or a failover left where the next commit is to go
        agent.stop()
    spoil(world, STRAY, world.head().seq + 1)
    with Hands(world.dc) as hands:
        hands.user("three", parent=office)
    assert "frames after its head" in complaint(run("agent", "--once", code=8))
    assert "stray" in run("check", code=8).out
    run("check", "--repair", code=0)
    run("agent", "--once", code=0)
    run("verify", code=0)
    run("check", code=0)


def test_a_file_that_was_cut_off_costs_history_and_nothing_else(world: World) -> None:
    run = world.run
    with Hands(world.dc) as hands:
        with run.agent(world.log) as agent:
            for name in ("one", "two", "three"):
                hands.user(name)
                run.settled()
            os.truncate(world.store, world.store.stat().st_size // 2)
            hands.user("four")
            assert agent.wait() == 8, "it writes nothing into what nobody can read"
            assert "check --repair" in agent.said
        for words in (("log",), ("agent", "--once")):
            ran = run(*words, code=8)
            assert "damaged" in complaint(ran)
            assert "check --repair" in ran.err
        found = run("check", code=8)
        assert "check --repair" in found.out + found.err
        done = run("check", "--repair", "--json", code=0).json
        assert Path(done["written_anew"]["kept"]).exists()
        assert done["written_anew"]["rows"] > 0
        assert done["lost"]
        run("guard", code=0)  # the DC still is known for the one it was
        run("agent", "--once", code=0)
        run("verify", code=0)
        hands.user("five")
        run("agent", "--once", code=0)
    world.revert()
    run("guard", code=0)
    run("verify", code=0)
    with Hands(world.dc) as hands:
        assert all(hands.find(f"(cn={name})") for name in ("one", "two", "three", "four", "five"))
    assert run("check", "--repair", "--json", code=0).json["written_anew"] is None


def test_a_dc_that_was_put_back_is_healed_to_what_a_repaired_journal_can_tell(world: World, place: Path) -> None:
    run = world.run
    with Hands(world.dc) as hands:
        for name in ("one", "two", "three", "four"):
            hands.user(name)
            run("agent", "--once", code=0)
        bad = world.captured() - 1
        two = hands.guid(f"CN=two,{hands.users}")
    world.dc.kill()
    lived = world.dc.snapshot(place / "lived")
    world.revert()
    spoil(world, CORRUPT, bad)
    run("guard", code=8)
    assert run("check", "--repair", "--json", code=0).json["repaired"][0]["goes_on_from"] == bad - 1
    run("agent", "--once", code=4)
    assert run("plan", "--json", code=2).json["target"] == bad - 1
    world.write_by(Engine.LOCAL)
    assert dying(run, "password", 1, "guard") == KILLED
    run("guard", code=0)
    run("agent", "--once", code=0)
    run("verify", code=0)
    with Hands(world.dc) as hands:
        assert [bool(hands.find(f"(cn={name})")) for name in ("one", "two", "three", "four")] == [
            True,
            True,
            False,
            False,
        ]
        assert hands.guid(f"CN=two,{hands.users}") == two
    world.dc.stop()
    before, after = ({str(two): stamps(each)[str(two)]} for each in (lived, world.dc))
    assert list(stamps_unlike(before, after)) == [], "it came back as a heal brings it, not as news"


def test_a_dc_that_was_put_back_and_a_journal_that_can_tell_nothing_name_the_way_out(world: World) -> None:
    run = world.run
    with Hands(world.dc) as hands:
        hands.user("late")
        run("agent", "--once", code=0)
    world.revert()
    with Hands(world.dc) as hands:
        hands.user("new")
    spoil(world, CORRUPT, 1)
    run("check", "--repair", code=0)
    for command in ("guard", "plan"):
        ran = run(command, code=4)
        assert "no state of the directory can be told" in complaint(ran)
        assert "init --supersede" in ran.err
    assert run.config is not None
    run.config.write_text(run.config.read_text().replace(str(world.store), str(world.place / "anew.db")))
    run("init", "--supersede", "--directory", world.dc.ldapi_url, "--store", f"sqlite://{world.place}/anew.db", code=0)
    run("agent", "--once", code=0)
    run("guard", code=0)
    run("verify", code=0)


def test_an_image_that_remembers_a_commit_that_is_lost_is_healed(world: World) -> None:
    run = world.run
    with Hands(world.dc) as hands:
        hands.user("damaged")
    run("agent", "--once", code=0)
    bad = world.head().seq
    run("agent", "--once", code=0)  # which tells the DC of it
    world.dc.stop()
    world.dc.golden = world.dc.take_golden(world.place / "image")
    world.dc.start()
    with Hands(world.dc) as hands:
        hands.user("after")
    run("agent", "--once", code=0)
    spoil(world, CORRUPT, bad)
    run("check", "--repair", code=0)
    run("agent", "--once", code=0)
    world.revert()
    assert "lost" in complaint(run("plan", "--to", str(bad), code=7))
    assert "after" in run("plan", code=2).out
    run("guard", code=0)
    run("verify", code=0)
