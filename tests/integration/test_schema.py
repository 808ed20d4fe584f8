"""A schema that grew: the feed then reports attributes nobody has heard of, and a reverted DC has never had."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.hands import Hands, extend_schema, wear_badge
from tests.integration.scene import SCHEMA_MAY_CHANGE, Scene, World


@pytest.fixture
def grown(scene: Scene, place: Path) -> Iterator[World]:
    """A DC whose schema was extended under a running agent, and everything captured."""
    with scene.played(place, options=SCHEMA_MAY_CHANGE) as world:
        with world.run.agent(world.log) as agent:
            # Samba in one process sometimes dies of a question asked while it reloads its schema: none is, here
            world.run.settled()
            agent.process.send_signal(signal.SIGSTOP)
            with Hands(world.dc) as hands:
                extend_schema(hands)
            agent.process.send_signal(signal.SIGCONT)
            with Hands(world.dc) as hands:  # a session keeps the schema it began with
                wear_badge(hands, f"CN=ada,OU=Office,{hands.base}", "A-17")
            world.run.settled()
            assert agent.stop() == 0
        yield world


def test_an_attribute_made_since_the_agent_began_is_captured(grown: World) -> None:
    badges = [change.values["adpBadge"] for change in grown.changes(after=0) if "adpBadge" in change.values]
    assert badges == [(b"A-17",)]
    # for everybody, and taken back: the class is to allow it until nobody has it
    with Hands(grown.dc) as hands:
        hands.link(f"CN=User,CN=Schema,CN=Configuration,{hands.base}", "adpBadge", "managedBy", attribute="mayContain")
        hands.set("", schemaUpdateNow="1")
    with Hands(grown.dc) as hands:
        hands.set(f"CN=bert,OU=Office,{hands.base}", adpBadge="B-1", managedBy=f"CN=ada,OU=Office,{hands.base}")
    grown.run("mark", "badged", code=0)
    grown.run("agent", "--once", code=0)
    grown.run("restore", "--to", "@badged", "--yes", code=0)


def test_a_schema_extension_comes_back_and_so_do_its_values(grown: World) -> None:
    grown.revert()
    grown.run("guard", code=0)
    grown.run("verify", code=0)
    with Hands(grown.dc) as hands:
        assert hands.read(f"CN=ada,OU=Office,{hands.base}", "adpBadge")["adpBadge"] == [b"A-17"]
    # put back once more, and this time somebody extends the schema again before the heal
    grown.revert()
    with Hands(grown.dc) as hands:
        hands.outlive_the_second()
        extend_schema(hands)
    with Hands(grown.dc) as hands:
        wear_badge(hands, f"CN=ada,OU=Office,{hands.base}", "local")
        made = hands.guid(f"CN=adp-Badge,CN=Schema,CN=Configuration,{hands.base}")
    notes = [note["what"] for note in grown.run("guard", "--json", code=0).json["restored"]["notes"]]
    assert len(notes) == 2 and all("defined it again" in note for note in notes)
    grown.run("verify", code=0)
    grown.dc.stop()
    grown.dc.start()  # which Samba does not where two definitions have one name
    with Hands(grown.dc) as hands:
        assert hands.read(f"CN=ada,OU=Office,{hands.base}", "adpBadge")["adpBadge"] == [b"A-17"]
        assert hands.guid(f"CN=adp-Badge,CN=Schema,CN=Configuration,{hands.base}") == made


def test_a_schema_the_dc_will_not_extend_is_refused_in_words(grown: World) -> None:
    grown.dc.options = {}
    grown.revert()
    # Samba asks for the setting what comes over LDAP, and not who writes into its database
    grown.write_by(Engine.LDAP)
    ran = grown.run("guard", code=2)
    assert "schema" in ran.err and "adpBadge" in ran.err + ran.out
