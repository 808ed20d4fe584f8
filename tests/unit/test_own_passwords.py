"""Which passwords of a DC's own account somebody may have a ticket under, as the journal tells of them."""

from collections.abc import Mapping

from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.objects.change import Change, Kind, Stamp, Values
from adpersist.model.objects.directory_time import since_1601
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.machines.own_passwords import OwnPasswords

ACCOUNT, OTHER, ORIGIN = (Guid(bytes([number]) * 16) for number in range(3))
NC, DAY_S, NOW = "DC=model", 86_400, 1_800_000_000.0


def stamped(number: int, days_ago: float) -> dict[str, Stamp]:
    when = since_1601(NOW - days_ago * DAY_S)
    return {"unicodePwd": Stamp(version=number, time=when, origin=ORIGIN, usn=Usn(number))}


def told(number: int, days_ago: float, secret: bytes = b"", *, of: Guid = ACCOUNT) -> Change:
    values: Mapping[str, Values] = {"unicodePwd": (secret,), "supplementalCredentials": (b"keys of " + secret,)}
    return Change(kind=Kind.CHANGED, guid=of, nc=NC, values=values if secret else {}, stamps=stamped(number, days_ago))


def account(number: int, days_ago: float, secret: bytes) -> ObjectState:
    stamps = stamped(number, days_ago)
    return ObjectState(guid=ACCOUNT, nc=NC, parent=None, rdn="CN=DC1", values={"unicodePwd": (secret,)}, stamps=stamps)


def had(item: ObjectState | None, *commits: tuple[int, Change]) -> list[tuple[int, bytes, bytes]]:
    passwords = OwnPasswords(ACCOUNT)
    for seq, change in commits:
        passwords.of(Seq(seq), [change])
    return [(each.number, each.nt_hash, each.credentials) for each in passwords.lately(item, NOW)]


def test_each_that_was_replaced_within_a_week_is_known_the_newest_first() -> None:
    commits = (4, told(4, 1, b"d")), (1, told(1, 90, b"a")), (2, told(2, 30, b"b")), (3, told(3, 6, b"c"))
    assert had(account(4, 1, b"d"), *commits) == [
        (4, b"d", b""),
        (3, b"c", b"keys of c"),
        (2, b"b", b"keys of b"),
    ]


def test_one_that_was_only_given_another_number_is_known_under_both() -> None:
    commits = (1, told(3, 2, b"a")), (2, told(4, 1)), (3, told(5, 0, b"z", of=OTHER))
    assert had(account(4, 1, b"a"), *commits) == [(4, b"a", b""), (3, b"a", b"keys of a")]


def test_where_all_its_commits_were_pruned_there_is_the_one_it_has() -> None:
    assert had(account(2, 400, b"a")) == [(2, b"a", b"")]
    assert had(None) == []
