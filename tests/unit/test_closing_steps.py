"""What closes a gap is worked out beside a DC that is being written to, so without it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.step import Exempt, Modify, Reanimate, Step
from adpersist.model.plan.terms import OnConflict
from adpersist.restore.conflicts.resolution import Resolution
from adpersist.restore.convergence.comparison import Comparison
from adpersist.restore.convergence.planning import closing_steps
from adpersist.state.differences import gaps
from adpersist.state.state import State

NC = "DC=model"


def item(name: str, parent: ObjectState | None, description: bytes = b"") -> ObjectState:
    guid = Guid(hashlib.sha256(name.encode()).digest()[:16])
    values = {"description": (description,)} if description else {}
    above = parent.guid if parent is not None else None
    return ObjectState(guid=guid, nc=NC, parent=above, rdn=name, values=values)


def steps(want: State, have: State) -> list[Step]:
    """What closes all that differs."""
    seen = Comparison(
        want=want,
        have=have,
        exempt=Exempt(),
        gaps=list(gaps(want, have, Exempt())),
        held=[],
        following=[],
        resolution=Resolution(conflicts=(), policy=OnConflict.JOURNAL),
        usurping=frozenset(),
        occupied=frozenset(),
        notes=(),
    )
    return list(closing_steps((f"CN=Schema,{NC}", NC), seen))


def test_what_closes_a_gap_is_worked_out_without_asking_the_dc() -> None:
    root = item(NC, None)
    want, have = State([root, item("CN=one", root, b"journal")]), State([root, item("CN=one", root, b"here")])
    assert [(step.op, step.dn) for step in steps(want, have)] == [("modify", f"CN=one,{NC}")]


def test_what_the_recycle_bin_kept_is_given_again_at_once() -> None:
    """Samba takes it away as it reanimates: for a round an account would be without a password, and enabled."""
    root = item(NC, None)
    wanted = replace(
        item("CN=one", root, b"kept"), values={"description": (b"kept",), "unicodePwd": (b"x",), "objectSid": (b"s",)}
    )
    kept = replace(wanted, rdn="CN=one\\0ADEL:x", values={**wanted.values, "isDeleted": (b"TRUE",)})
    reanimate, modify = steps(State([root, wanted]), State([root, kept]))
    assert isinstance(reanimate, Reanimate)
    assert isinstance(modify, Modify)
    assert {"description": (b"kept",), "unicodePwd": (b"x",)}.items() <= modify.values.items()
    assert "objectSid" not in modify.values, "what even a recycled one keeps"
