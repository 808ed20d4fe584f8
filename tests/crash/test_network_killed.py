"""A restore over the network, killed between any two of its steps: the next run goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.deaths import KILLED, dying
from tests.integration.commands import complaint
from tests.integration.hands import Hands
from tests.integration.remote import Remote, remote_office, seen_remains
from tests.integration.scene import PASSWORD
from tools.samba_dc import Golden, dump


@pytest.fixture
def remote(golden: Golden, place: Path) -> Iterator[Remote]:
    """A DC with staff, captured over the network."""
    with remote_office(golden, place) as office:
        yield office


def _day(hands: Hands, office: str) -> None:
    """Deletes, swaps, moves, memberships, newcomers."""
    room = f"OU=Names,{hands.base}"
    for old, new in (("left", "between"), ("right", "left"), ("between", "right")):
        hands.rename(f"CN={old},{room}", f"CN={new}")
    hands.delete(f"CN=ada,{office}")
    hands.delete(f"CN=crew,{office}")
    hands.delete(f"CN=visitor,{office}")
    lab = hands.ou("Lab", office)
    hands.rename(f"OU=Annex,{office}", "OU=Annex", lab)
    hands.rename(f"CN=dora,{office}", "CN=Dora", lab)
    hands.user("newcomer", parent=lab, password=PASSWORD)
    hands.set(f"CN=bert,{office}", description="changed", mail="bert@example.org")
    hands.link(f"CN=everyone,{office}", f"CN=bert,{office}")


def test_going_back_in_time_goes_on_after_every_kill(remote: Remote) -> None:
    dc, run, chance = remote.dc, remote.run, random.Random(9)
    dc.stop()
    before = dump(dc)
    dc.start()
    run("mark", "well", code=0)
    with Hands(dc) as hands:
        _day(hands, remote.office)
    run("agent", "--once", code=0)
    words: tuple[str, ...] = ("restore", "--to", "@well", "--yes")
    deaths = 0
    while dying(run, chance.choice(("apply", "applied")), chance.randrange(3, 12), *words) == KILLED:
        words, deaths = ("restore", "--yes"), deaths + 1
        run("agent", "--once", code=4)
        assert not dc.can_login("ada", "")
    assert deaths > 2
    run("verify", "--at", "@well", code=0)
    run("agent", "--once", code=0)
    dc.stop()
    assert seen_remains(before, dump(dc)) == []


def test_a_dc_that_was_put_back_gets_each_account_once(remote: Remote) -> None:
    dc, run, office = remote.dc, remote.run, remote.office
    with Hands(dc) as hands:
        since = hands.ou("Since", office)
        people = [hands.user(f"lost{number}", parent=since, password=PASSWORD) for number in range(5)]
        hands.set(people[0], manager=people[1], description="with everything")
        hands.link(hands.group("losers", people, parent=since), people[0], attribute="managedBy")
        hands.delete(f"CN=visitor,{office}")
    run("agent", "--once", code=0)
    dc.revert()
    dc.start()
    words, chance, deaths = ("restore", "--yes", "--accept-loss"), random.Random(4), 0
    while dying(run, "applied", chance.randrange(3, 12), *words) == KILLED:
        deaths += 1
        assert "restore to commit" in complaint(run("agent", "--once", code=4))
    assert deaths > 2
    run("verify", code=0)
    with Hands(dc) as hands:
        assert len(hands.find("(&(objectClass=user)(cn=lost*))")) == len(people)
        assert len(hands.read(f"CN=losers,{since}", "member")["member"]) == len(people)
        assert hands.read(people[0], "description", "userAccountControl") == {
            "description": [b"with everything"],
            "userAccountControl": [b"512"],
        }
        assert not hands.find("(cn=visitor)")
    assert not dc.can_login("lost0", PASSWORD)
    assert not dc.can_login("lost0", "")
