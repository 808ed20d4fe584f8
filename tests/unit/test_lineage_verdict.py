"""The verdict on a DC, from evidence worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.verdict import is_newest, judge
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import Position, Witness
from adpersist.model.journal.lineage import Lineage, Verdict
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.stamps import CHANGED, Written

HERE, ELSEWHERE = Guid(b"\1" * 16), Guid(b"\2" * 16)
ALICE, BOB = Guid(b"a" * 16), Guid(b"b" * 16)


def stamp(version: int = 3, time: int = 1000, origin: Guid = HERE, usn: int = 500) -> Stamp:
    return Stamp(version=version, time=time, origin=origin, usn=Usn(usn))


def written(write: Stamp) -> Written:
    return Written(attid=0, stamp=write, local_usn=write.usn)


def witness(seq: int = 10, guid: Guid = ALICE, write: Stamp | None = None, attribute: str = "mail") -> Witness:
    return Witness(seq=Seq(seq), guid=guid, attribute=attribute, stamp=write or stamp())


def verdict(
    *witnesses: Witness,
    usn: int = 600,
    at: int = 600,
    invocation: Guid = HERE,
    remembered: int = 9,
    told: int = 9,
    held: int = 9,
    newest: bool = False,
    **found: Stamp | None,
) -> Lineage:
    """Judge; ``alice`` and ``bob`` say what the DC has of the witnesses' attribute, None: nothing."""
    people = {"alice": ALICE, "bob": BOB}
    stamps = {
        people[name]: {witnesses[0].attribute: written(write)} for name, write in found.items() if write is not None
    }
    position = Position(invocation=HERE, usn=Usn(at), canary=Seq(told))
    return judge(
        position,
        witnesses,
        remembered=Seq(remembered),
        held=Seq(held),
        is_newest=newest,
        usn=Usn(usn),
        invocation=invocation,
        stamps=stamps,
    )


def test_a_dc_that_still_has_everything_is_the_same() -> None:
    assert verdict(witness(), alice=stamp()).verdict is Verdict.SAME


def test_a_dc_that_went_on_is_the_same() -> None:
    found = verdict(witness(), usn=9999, alice=stamp(version=4, time=1010, usn=9998))
    assert (found.verdict, found.renamed) == (Verdict.SAME, False)


def test_a_usn_that_went_back_proves_a_revert_whatever_else_is_there() -> None:
    found = verdict(witness(), usn=599, at=600, newest=True, alice=stamp())
    assert found.verdict is Verdict.REVERTED
    assert "599" in found.evidence
    assert "600" in found.evidence


def test_a_canary_that_went_back_proves_a_revert_though_the_usn_overtook() -> None:
    found = verdict(witness(), usn=9999, remembered=4, told=9, alice=stamp())
    assert (found.verdict, found.about) == (Verdict.REVERTED, 4)


def test_a_witness_that_is_gone_was_undone() -> None:
    assert verdict(witness(), alice=None).verdict is Verdict.REVERTED


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(stamp(version=2, time=900, usn=300), id="an older version"),
        pytest.param(stamp(version=3, time=999, usn=500), id="an earlier write of the same version"),
        pytest.param(stamp(version=3, time=2000, usn=900), id="the same version written again by the same database"),
    ],
)
def test_a_write_that_is_not_the_captured_one_was_undone(found: Stamp) -> None:
    assert verdict(witness(), usn=9999, alice=found).verdict is Verdict.REVERTED


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(stamp(version=4, time=999, usn=900), id="a later version, by a clock that was set back"),
        pytest.param(
            stamp(version=3, time=1001, origin=ELSEWHERE, usn=2), id="another DC's write of the same version won"
        ),
    ],
)
def test_a_write_that_won_by_the_rules_of_replication_undoes_nothing(found: Stamp) -> None:
    assert verdict(witness(), usn=9999, alice=found).verdict is Verdict.SAME


def test_one_lost_witness_among_many_is_enough_and_tells_how_far_back() -> None:
    found = verdict(witness(10, BOB), witness(12, ALICE), bob=stamp(), alice=None)
    assert (found.verdict, found.about) == (Verdict.REVERTED, 10)
    found = verdict(witness(10, BOB), witness(12, ALICE), bob=None, alice=None)
    assert (found.verdict, found.about) == (Verdict.REVERTED, None)


def test_who_remembers_the_last_commit_is_the_same_though_witnesses_were_expunged() -> None:
    assert verdict(witness(), newest=True, alice=None).verdict is Verdict.SAME


@pytest.mark.parametrize("found", [pytest.param(None, id="gone"), pytest.param(stamp(version=2), id="older")])
@pytest.mark.parametrize(("held", "expected"), [(9, Verdict.REVERTED), (10, Verdict.SAME)])
def test_what_was_captured_by_a_commit_the_dc_had_all_of_was_expunged(
    found: Stamp | None, held: int, expected: Verdict
) -> None:
    assert verdict(witness(10), remembered=10, held=held, alice=found).verdict is expected


@pytest.mark.parametrize(("look", "newest"), [(7, True), (8, False)])
def test_an_announced_commit_of_files_is_newest_unless_a_look_has_its_number(look: int, newest: bool) -> None:
    """Whoever announced the eighth was killed, and the next look became it: an image in between lacks what that saw."""
    told = Canary.announcing(b"seed", Seq(8))
    last = [Canary.of(b"seed", Seq(each), b"digest") for each in (8, look)]
    assert is_newest(told, last) is newest


def test_a_witness_is_known_by_its_attribute_id_whatever_the_schema_calls_it() -> None:
    """LAPS: the attribute was written before the agent's schema named it."""
    called = replace(witness(attribute="0x8a1b2c3d"), attid=0x8A1B2C3D)
    there = {ALICE: {"ms-Mcs-AdmPwd": replace(written(stamp()), attid=0x8A1B2C3D), CHANGED: written(stamp(usn=900))}}
    assert judged(called, there).verdict is Verdict.SAME
    gone = {ALICE: {"0x8a1b2c3d": written(stamp()), CHANGED: written(stamp(usn=900))}}
    assert judged(called, gone).verdict is Verdict.REVERTED


def judged(called: Witness, stamps: dict[Guid, dict[str, Written]]) -> Lineage:
    position = Position(invocation=HERE, usn=Usn(600), canary=Seq(9))
    return judge(
        position, [called],
        remembered=Seq(9), held=Seq(9), is_newest=False, usn=Usn(600), invocation=HERE, stamps=stamps,
    )  # fmt: skip


def test_another_invocation_id_of_the_same_database_is_the_same_by_its_witnesses() -> None:
    found = verdict(witness(), invocation=ELSEWHERE, alice=stamp())
    assert (found.verdict, found.renamed) == (Verdict.SAME, True)
    assert verdict(witness(), invocation=ELSEWHERE, alice=None).verdict is Verdict.REVERTED


def test_another_invocation_id_without_any_witness_is_a_revert() -> None:
    assert verdict(invocation=ELSEWHERE).verdict is Verdict.REVERTED
    assert verdict(invocation=HERE).verdict is Verdict.SAME


def test_a_write_to_links_alone_bears_witness_by_its_usn() -> None:
    links = witness(attribute=CHANGED, write=stamp(version=0, time=0, usn=500))
    assert verdict(links, alice=stamp(version=0, time=0, usn=500)).verdict is Verdict.SAME
    assert verdict(links, alice=stamp(version=0, time=0, usn=700)).verdict is Verdict.SAME
    assert verdict(links, usn=9999, alice=stamp(version=0, time=0, usn=400)).verdict is Verdict.REVERTED


def test_usns_of_another_invocation_id_bear_no_witness() -> None:
    links = witness(attribute=CHANGED, write=stamp(version=0, time=0, usn=500))
    other = witness(8, BOB, stamp())
    stamps = {ALICE: {CHANGED: written(stamp(usn=3))}, BOB: {"mail": written(stamp())}}
    found = judge(
        Position(invocation=HERE, usn=Usn(600)), [links, other],
        remembered=Seq(0), held=Seq(0), is_newest=False, usn=Usn(600), invocation=ELSEWHERE, stamps=stamps,
    )  # fmt: skip
    assert found.verdict is Verdict.SAME
