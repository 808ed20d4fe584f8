"""Whatever a day did to names, memberships and places: the plan undoes its loss without meeting one refusal."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.link_values import to_others
from adpersist.model.plan.step import Exempt
from adpersist.restore.plan.identities.evictions import evicted_copy
from adpersist.restore.plan.plan import steps
from adpersist.state.differences import gaps
from tests.cases import cases
from tests.property.directory_model import DELETED, NC, PRIMARY, ROOT, Model, Refused

NAMES = ("a", "b", "c", "d")
EXEMPT = Exempt(derived=frozenset({"isDeleted"}))
CONTEXTS = ("CN=Schema,DC=model", NC)


def guid(number: int) -> Guid:
    """As random as real ones are, and the same every time."""
    return Guid(hashlib.sha256(number.to_bytes(4, "big")).digest()[:16])


class Life:
    """Somebody at work on a model; what the rules forbid is simply not done."""

    def __init__(self, model: Model, choose: random.Random, *, first: int) -> None:
        self._model = model
        self._choose = choose
        self._next = first

    def act(self) -> None:
        deeds: Sequence[Callable[[], None]] = (
            self._create, self._create, self._move, self._move, self._rename, self._account, self._delete,
            self._undelete, self._join, self._leave,
        )  # fmt: skip
        try:
            self._choose.choice(deeds)()
        except (Refused, IndexError):
            return

    def _living(self) -> list[Guid]:
        return [key for key, node in self._model.nodes.items() if not node.deleted and key not in {ROOT, DELETED}]

    def _places(self) -> list[Guid]:
        return [ROOT, *(key for key in self._living() if self._model.nodes[key].rdn.startswith("OU="))]

    def _create(self) -> None:
        self._next += 1
        name = self._choose.choice(NAMES)
        if self._choose.random() < 0.4:
            self._model.create(guid(self._next), self._choose.choice(self._places()), f"OU={name}", {})
            return
        values = {"sAMAccountName": (name.encode(),), "objectClass": (b"user",)}
        if self._choose.random() < 0.5:
            values["userPrincipalName"] = (f"{name}@model".encode(),)
        self._model.create(guid(self._next), self._choose.choice(self._places()), f"CN={name}", values)

    def _move(self) -> None:
        moved = self._choose.choice(self._living())
        self._model.move(moved, self._choose.choice(self._places()), self._model.nodes[moved].rdn)

    def _rename(self) -> None:
        renamed = self._choose.choice(self._living())
        node = self._model.nodes[renamed]
        name = self._choose.choice([*NAMES, *(name.upper() for name in NAMES)])
        self._model.move(renamed, node.parent or ROOT, f"{node.rdn[:2]}={name}")

    def _account(self) -> None:
        who = self._choose.choice([key for key in self._living() if self._model.nodes[key].rdn.startswith("CN=")])
        name = self._choose.choice([*NAMES, *(f"{name}$" for name in NAMES)]).encode()
        self._model.modify(
            who,
            self._choose.choice(
                [
                    {"sAMAccountName": (name,)},
                    {"userPrincipalName": (name + b"@model",)},
                    {"userPrincipalName": ()},
                    {"servicePrincipalName": tuple(sorted({b"HTTP/" + name, b"HOST/" + name}))},
                    {"servicePrincipalName": ()},
                    {"description": (name,)},
                ]
            ),
        )

    def _delete(self) -> None:
        self._model.delete(self._choose.choice(self._living()))

    def _undelete(self) -> None:
        tombstones = [key for key, node in self._model.nodes.items() if node.deleted]
        back = self._choose.choice(tombstones)
        kind = self._model.nodes[back].rdn[:2]
        if not self._model.account_is_free(back):
            return
        self._model.reanimate(back, self._choose.choice(self._places()), f"{kind}={self._choose.choice(NAMES)}")

    def _join(self) -> None:
        self._model.link(self._choose.choice(self._living()), "member", self._choose.choice(self._living()))

    def _leave(self) -> None:
        group = self._choose.choice([key for key in self._living() if self._model.nodes[key].links.get("member")])
        end = self._choose.choice(sorted(self._model.nodes[group].links["member"]))
        others = [key for key in self._living() if end in self._model.nodes[group].links["member"]]
        for key in others:
            try:
                self._model.unlink(group, "member", key)
            except Refused:
                continue
            return


def restored(want: Model, have: Model) -> Model:
    """The model after one plan; every refusal is a failure."""
    now = have.copy()
    before = have.state()
    for step in steps(list(gaps(want.state(), before, EXEMPT)), want.state(), before, EXEMPT, CONTEXTS):
        note(f"{step.op} {step.dn}: {step.reason}")
        now.apply(step)
    return now


@settings(max_examples=cases(400), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(seed=st.integers(0, 2**32), early=st.integers(0, 40), day=st.integers(0, 60))
def test_a_lost_day_comes_back_in_one_round_without_a_refusal(seed: int, early: int, day: int) -> None:
    choose = random.Random(seed)
    golden = Model()
    life = Life(golden, choose, first=1)
    for _ in range(early):
        life.act()
    want = golden.copy()
    life = Life(want, choose, first=1000)
    for _ in range(day):
        life.act()
    now = restored(want, golden)
    assert now.living() == want.living()
    assert not list(gaps(want.state(), now.state(), EXEMPT))


@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(seed=st.integers(0, 2**32), early=st.integers(0, 30), day=st.integers(0, 40), local=st.integers(1, 20))
def test_local_writes_in_between_do_not_stand_in_the_way(seed: int, early: int, day: int, local: int) -> None:
    choose = random.Random(seed)
    golden = Model()
    life = Life(golden, choose, first=1)
    for _ in range(early):
        life.act()
    want, have = golden.copy(), golden.copy()
    life = Life(want, choose, first=1000)
    for _ in range(day):
        life.act()
    life = Life(have, choose, first=2000)
    for _ in range(local):
        life.act()
    now = restored(want, have)
    assert now.living() == want.living()


@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(seed=st.integers(0, 2**32), day=st.integers(1, 50), killed_after=st.integers(0, 40))
def test_a_plan_killed_at_any_step_is_gone_on_with_by_the_next(seed: int, day: int, killed_after: int) -> None:
    choose = random.Random(seed)
    golden = Model()
    life = Life(golden, choose, first=1)
    for _ in range(25):
        life.act()
    want = golden.copy()
    life = Life(want, choose, first=1000)
    for _ in range(day):
        life.act()
    half = golden.copy()
    plan = list(steps(list(gaps(want.state(), half.state(), EXEMPT)), want.state(), half.state(), EXEMPT, CONTEXTS))
    for step in plan[:killed_after]:
        half.apply(step)
    assert restored(want, half).living() == want.living()


@given(order=st.permutations(range(7)))
def test_every_permutation_of_names_is_reached(order: Sequence[int]) -> None:
    golden = Model()
    for number in range(7):
        values = {"sAMAccountName": (b"account%d" % number,), "userPrincipalName": (b"upn%d@model" % number,)}
        golden.create(guid(number + 1), ROOT, f"CN=name{number}", values)
    want = Model()
    for number, name in enumerate(order):
        values = {"sAMAccountName": (b"account%d" % name,), "userPrincipalName": (b"upn%d@model" % name,)}
        want.create(guid(number + 1), ROOT, f"CN=name{name}", values)
    assert restored(want, golden).living() == want.living()


def swapped(golden: Model, one: Guid, other: Guid) -> Model:
    """The same with the names of the two exchanged."""
    want = golden.copy()
    want.nodes[one].rdn, want.nodes[other].rdn = want.nodes[other].rdn, want.nodes[one].rdn
    return want


def closed(
    want: Model,
    have: Model,
    *,
    kept: Collection[Guid] = (),
    named: Mapping[Guid, Collection[str]] | None = None,
    moved: Collection[Guid] = (),
) -> Model:
    """The model after a plan that leaves what the DC's word keeps."""
    state, names, now = have.state(), named or {}, have.copy()
    closing = [
        replace(
            gap,
            values={name: each for name, each in gap.values.items() if name not in names.get(gap.guid, ())},
            removed=to_others(gap.removed, kept),
            moved=gap.moved and gap.guid not in moved,
        )
        for gap in gaps(want.state(), state, EXEMPT)
        if gap.guid not in kept
    ]
    for step in steps(closing, want.state(), state, EXEMPT, CONTEXTS, kept=kept, named=named):
        now.apply(step)
    return now


def two_accounts() -> tuple[Model, Guid, Guid]:
    model, one, other = Model(), guid(1), guid(2)
    for key, name in ((one, "one"), (other, "other")):
        model.create(key, ROOT, f"CN={name}", {"sAMAccountName": (name.encode(),)})
    return model, one, other


def test_a_group_of_whoever_makes_way_still_gives_its_own_name_up() -> None:
    golden, group, other = two_accounts()
    want, have, stranger = swapped(golden, group, other), golden.copy(), guid(4)
    want.create(guid(3), ROOT, "CN=lost", {"sAMAccountName": (b"lost",), "objectSid": (b"sid",)})
    have.create(stranger, ROOT, "CN=stranger", {"sAMAccountName": (b"stranger",), "objectSid": (b"sid",)})
    have.link(group, "member", stranger)
    now = closed(want, have, kept={stranger})
    assert (now.nodes[group].rdn, now.nodes[other].rdn) == ("CN=other", "CN=one")
    assert now.nodes[guid(3)].rdn == "CN=lost"


def test_whoever_gives_an_account_name_up_for_good_still_exchanges_its_name() -> None:
    golden, one, other = two_accounts()
    want, have = swapped(golden, one, other), golden.copy()
    want.create(guid(3), ROOT, "CN=lost", {"sAMAccountName": (b"lost",)})
    have.modify(one, {"sAMAccountName": (b"lost",)})
    now = closed(want, have, named={one: ("sAMAccountName",)})
    assert (now.nodes[one].rdn, now.nodes[other].rdn) == ("CN=other", "CN=one")
    assert now.nodes[guid(3)].values["sAMAccountName"] == (b"lost",)
    assert now.nodes[one].values["sAMAccountName"][0].startswith(b"lost-")


def test_a_stranger_that_was_written_to_again_makes_way_by_every_name() -> None:
    golden, stranger = Model(), guid(4)
    want, have = golden.copy(), golden.copy()
    want.create(guid(3), ROOT, "CN=lost", {"sAMAccountName": (b"lost",)})
    have.create(stranger, ROOT, "CN=lost", {"sAMAccountName": (b"lost",)})
    now = closed(want, have, kept={stranger}, named={stranger: ("description",)})
    assert now.nodes[guid(3)].rdn == "CN=lost"
    assert now.nodes[stranger].rdn.startswith("CN=lost (local ")


def test_whoever_gets_a_primary_group_back_stays_in_none_that_was_only_that() -> None:
    day = Model()
    who, one, other, third = map(guid, range(1, 5))
    for number, key in enumerate((one, other, third), 1):
        day.create(key, ROOT, f"CN=group{number}", {"objectSid": (b"S-" + number.to_bytes(4, "little"),)})
    day.create(who, ROOT, "CN=who", {"objectSid": (b"S-" + (9).to_bytes(4, "little"),), PRIMARY: (b"1",)})
    points = [day.copy()]
    for number, group in ((2, other), (3, third)):
        day.link(group, "member", who)
        points.append(day.copy())
        day.modify(who, {PRIMARY: (b"%d" % number,)})
        points.append(day.copy())
        day.link(group, "managedBy", who)
        day.unlink((one, other)[number - 2], "member", who)
        points.append(day.copy())
    for want, have in product(points, points):
        assert closed(want, have).living() == want.living()


def sid(rid: int) -> tuple[bytes]:
    """Of the one domain there is."""
    return (b"S-" + rid.to_bytes(4, "little"),)


def grouped(model: Model, who: Guid, group: Guid, rid: int) -> None:
    """Somebody's primary group is another one."""
    model.link(group, "member", who)
    model.modify(who, {PRIMARY: (b"%d" % rid,)})


def test_whoever_is_in_a_group_that_makes_way_gets_another_primary_group() -> None:
    everyone, staff, lost, local, stranger = map(guid, range(10, 15))
    people = [guid(number) for number in range(4)]
    golden = Model()
    for key, rid in ((everyone, 513), (staff, 600)):
        golden.create(key, ROOT, f"CN=group{rid}", {"objectSid": sid(rid)})
    for number, key in enumerate(people):
        golden.create(key, ROOT, f"CN=who{number}", {"objectSid": sid(number), PRIMARY: (b"513",)})
    want, have = golden.copy(), golden.copy()
    want.create(lost, ROOT, "CN=lost", {"objectSid": sid(1000)})
    have.create(local, ROOT, "CN=local", {"objectSid": sid(1000)})
    have.create(stranger, ROOT, "CN=stranger", {"objectSid": sid(1001), PRIMARY: (b"513",)})
    grouped(want, people[1], lost, 1000)
    grouped(want, people[2], staff, 600)
    for who in (*people, stranger):
        grouped(have, who, local, 1000)
    have.unlink(everyone, "member", people[3])
    assert closed(want, have).living() == want.living()

    now = closed(want, have, kept={local, stranger})
    copy = evicted_copy(local)
    assert now.nodes[copy].links["member"] == {ref(who) for who in (*people, stranger)}
    assert now.nodes[stranger].values[PRIMARY] == (b"513",)
    assert now.nodes[people[1]].values[PRIMARY] == (b"1000",)
    assert local not in now.nodes


def test_whoever_makes_way_stays_in_its_groups() -> None:
    everyone, staff, local, stranger = map(guid, range(10, 14))
    golden = Model()
    for key, rid in ((everyone, 513), (staff, 600)):
        golden.create(key, ROOT, f"CN=group{rid}", {"objectSid": sid(rid)})
    want, have = golden.copy(), golden.copy()
    for number, rid in ((1, 1000), (2, 1001)):
        want.create(guid(number), ROOT, f"CN=lost{number}", {"objectSid": sid(rid)})
    have.create(local, ROOT, "CN=local", {"objectSid": sid(1000)})
    have.create(stranger, ROOT, "CN=stranger", {"objectSid": sid(1001), PRIMARY: (b"513",)})
    grouped(have, stranger, staff, 600)
    grouped(have, stranger, local, 1000)
    have.link(staff, "member", local)
    now, copies = closed(want, have, kept={local, stranger}), [evicted_copy(each) for each in (local, stranger)]
    assert now.nodes[staff].links["member"] == set(map(ref, copies))
    assert now.nodes[copies[0]].links["member"] == {ref(copies[1])}
    assert not now.nodes[everyone].links.get("member")


def test_what_lies_in_whoever_makes_way_goes_with_it_or_stays() -> None:
    lost, local, child, grandchild, known, nested = map(guid, range(20, 26))
    golden = Model()
    golden.create(known, ROOT, "CN=known", {})
    want, have = golden.copy(), golden.copy()
    for number, key in ((0, lost), (1, guid(30))):
        want.create(key, ROOT, f"CN=lost{number}", {"objectSid": sid(1000 + number)})
    have.create(local, ROOT, "CN=local", {"objectSid": sid(1000)})
    have.create(child, local, "CN=child", {})
    have.create(grandchild, child, "CN=grandchild", {})
    have.create(nested, local, "CN=nested", {"objectSid": sid(1001)})
    have.move(known, child, "CN=known")
    assert closed(want, have).living() == want.living()

    now = closed(want, have, kept={local, child, grandchild, nested}, moved={known})
    copies = [evicted_copy(each) for each in (local, nested)]
    assert [now.nodes[each].parent for each in (child, copies[1], known)] == [copies[0], copies[0], child]
    assert now.nodes[grandchild].parent == child
