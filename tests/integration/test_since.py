"""Looking only at what a DC wrote since its newest memory finds what a full look finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import pytest

from adpersist import config
from adpersist.agent import connections
from adpersist.capture.capture import Capture
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.canary import Canary
from adpersist.journal.holder import Role, new_writer
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import target_of
from adpersist.restore.convergence import as_replica
from adpersist.restore.convergence.convergence import Convergence
from adpersist.restore.live_state import ImageState, LiveState
from adpersist.restore.wanted import wanted_state
from adpersist.state.fold import fold
from adpersist.state.state import State
from tests.integration.hands import Hands
from tests.integration.scene import PASSWORD, World


def _writes(_: World, hands: Hands) -> None:
    office = f"OU=Office,{hands.base}"
    hands.user("stranger", parent=office, password=PASSWORD)
    hands.set(f"CN=ada,{office}", description="written since", otherTelephone=["1", "2"])
    hands.set(f"CN=visitor,{office}", mail=[])
    hands.password(f"CN=bert,{office}", "Passw0rd.since")
    hands.unlink(f"CN=crew,{office}", f"CN=bert,{office}")
    hands.link(f"CN=crew,{office}", f"CN=dora,{office}")
    hands.rename(f"OU=Annex,{office}", "OU=Wing", hands.base)
    hands.delete(f"CN=carl,{office}")


def _rights(world: World, hands: Hands) -> None:
    """Everything below inherits them, whether they are given to a container or it is moved below another."""
    office, dc = f"OU=Office,{hands.base}", world.dc
    dc.samba_tool("dsacl", "set", f"--objectdn={office}", "--sddl=(A;CI;RP;;;AU)", "-H", dc.ldapi_url_quoted)
    hands.rename(f"OU=Names,{hands.base}", "OU=Names", office)


def _reanimation(_: World, hands: Hands) -> None:
    """The links of a deleted object are lost, and no feed says so when it lives again."""
    office = f"OU=Office,{hands.base}"
    for name in ("bert", "crew"):
        identity = hands.guid(f"CN={name},{office}")
        hands.delete(f"CN={name},{office}")
        hands.undelete(identity, f"CN={name},{office}", sAMAccountName=name)


def _nothing(_: World, __: Hands) -> None:
    pass


@pytest.mark.parametrize("life", [_nothing, _writes, _rights, _reanimation])
def test_a_look_since_the_newest_memory_finds_what_a_full_one_does(
    world: World, life: Callable[[World, Hands], None]
) -> None:
    before = DomainController.connect(world.dc.ldapi_url)
    ahead = LiveState(before)
    ahead.look_ahead(before.feed.contexts)
    with Hands(world.dc) as hands:
        life(world, hands)
    dc, base = _remembered(world)
    try:
        everything = _plainly(LiveState(dc).refresh())
        assert _plainly(LiveState(dc, base=base).refresh()) == everything
        # so does one at everything of which something had been seen ahead
        assert _plainly(ahead.refresh()) == everything
        assert ahead.is_whole
    finally:
        before.close()
        dc.close()


def test_what_is_seen_while_the_rest_is_received_proves_a_heal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hands(world.dc) as hands:
        _writes(world, hands)
        _rights(world, hands)
    world.run("agent", "--once", code=0)
    world.revert()
    ahead, look_ahead = list[str](), LiveState.look_ahead

    def noted(live: LiveState, contexts: Collection[str]) -> None:
        ahead.extend(contexts)
        look_ahead(live, contexts)

    monkeypatch.setattr(LiveState, "look_ahead", noted)
    monkeypatch.setattr(as_replica, "_A_LOOK_COSTS", 10_000)  # of so little that is lost it would not be worth it
    dc = DomainController.connect(world.dc.ldapi_url)
    with world.journal() as journal:
        convergence = Convergence(dc, wanted_state(journal, dc=dc))
        outcome = convergence.run(heals=True)
    assert outcome.lost
    assert not outcome.left
    assert sorted(ahead) == sorted(dc.feed.contexts), "each once, the domain among them, to which all of it was written"
    assert convergence.proof is not None
    assert _plainly(convergence.seen) == _plainly(LiveState(dc).refresh())
    dc.close()


def test_the_plan_after_a_revert_is_the_same_either_way(world: World) -> None:
    with Hands(world.dc) as hands:
        _writes(world, hands)
    world.run("agent", "--once", code=0)
    world.revert()
    time.sleep(1.1)  # where nothing is known of the image, a local write is told by its time alone, in seconds
    with Hands(world.dc) as hands:
        hands.set(f"CN=emil,OU=Annex,OU=Office,{hands.base}", description="local")
    dc = DomainController.connect(world.dc.ldapi_url)
    with world.journal() as journal:
        quick, thorough = (Convergence(dc, wanted_state(journal, dc=asked)).plan() for asked in (dc, None))
    dc.close()
    assert {step.guid for step in quick.steps} == {step.guid for step in thorough.steps}
    assert sorted(map(repr, quick.steps)) == sorted(map(repr, thorough.steps))
    assert quick.conflicts == thorough.conflicts


def test_the_proof_of_a_restore_is_captured_as_it_was_and_what_came_since_after_it(world: World) -> None:
    dc = DomainController.connect(world.dc.ldapi_url)
    with world.journal() as journal, Hands(world.dc) as hands:
        journal.begin_restore(target=journal.head.seq, writer=new_writer(Role.VISITOR), now=time.time())
        _writes(world, hands)
        have = LiveState(dc, like=fold(journal))
        seen = _plainly(have.refresh())
        hands.set(f"CN=dora,OU=Office,{hands.base}", description="later")
        hands.ou("Later")
        journal.end_restore(now=time.time())
        dc.leave_canary(Canary.of(journal.seed, journal.head.seq, journal.head.digest))
        capture = Capture.begin(dc, journal, new_writer(Role.VISITOR))
        capture.look(shown=have.proof)
        assert _plainly(fold(journal)) == seen
        capture.look()
        assert _plainly(fold(journal)) == _plainly(LiveState(dc).refresh()) != seen
    dc.close()


def _remembered(world: World) -> tuple[DomainController, ImageState]:
    assert world.run.config is not None
    dc = DomainController.connect(world.dc.ldapi_url)
    journal = connections.journal(config.load(world.run.config, {}), dc.identity)
    base = wanted_state(journal, dc=dc).base
    journal.close()
    assert base is not None
    return dc, base


def _plainly(state: State) -> dict[Guid, object]:
    """Without the order of values, which says nothing, and links of the deleted, which nobody restores."""
    return {
        guid: (
            item.parent,
            item.rdn,
            {name: sorted(found) for name, found in item.values.items()},
            {
                name: lit
                for name, found in item.links.items()
                if not item.deleted and (lit := {each for each in found if _lives(each, state)})
            },
        )
        for guid, item in state.items()
    }


def _lives(value: bytes, state: State) -> bool:
    target = target_of(value)
    return target is None or state.is_live(target)
