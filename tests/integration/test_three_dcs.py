"""One of three DCs is put back: each partner takes from it just what it lacked, and all three are the same in the end.

Told by stamps, from the files of stopped DCs and by Samba's own code: what a partner has afterwards is, attribute by
attribute and link by link, the newest of what either had. How much travelled is told by the partner's own log.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.crash.deaths import KILLED, dying
from tests.integration.booting import booted
from tests.integration.commands import Adpersist
from tests.integration.hands import Hands, extend_schema, wear_badge
from tests.integration.proof import attribute_ids, stamps_unlike
from tests.integration.replicating import hear, read_so_far, replicate, settle, taken
from tests.integration.scene import PASSWORD, SCHEMA_MAY_CHANGE, init_words, staff
from tools.samba_dc import Golden, SambaDC, Stamped, dbcheck, dump, free_address, join, ldapcmp, stamps

Stamp = tuple[int, int, str, int]
Stamps = Mapping[str, Stamped]
BackLinks = Mapping[str, tuple[bytes, ...]]
"""By the account's objectGUID."""

NEWEST: Final = "Yet.An0ther.password"
"""What bert's became last."""

_TELLS: Final = {"log level": "2"}
"""From there on Samba's log counts what it takes from a partner."""
pytestmark = pytest.mark.timeout(900)

_BACK_LINK: Final = "serverReferenceBL"
"""Samba stores back links, and makes none where a server comes in before its account does, as with every join."""
_TAKES: Final = ("drepl", "kcc")
"""Services that a DC gives without, and does not take without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one partner had before it took from the healed DC, and after.

    Attributes:
        healed: What the healed DC had to give.
        before, after: What the partner had.
        known: How far the partner had read, by invocationID, in the domain.
        answers: Objects and link values of each answer it got for the domain.
        own: The invocationID of the partner.
    """

    healed: Stamps
    before: Stamps
    after: Stamps
    known: Mapping[str, int]
    answers: list[tuple[int, int]]
    own: str

    def lacked(self, domain: str) -> tuple[set[str], set[tuple[str, str, str]]]:
        """Objects and link values of the domain with a write that the partner had not read."""
        objects, links = set(), set()
        for guid, one in self.healed.items():
            if not one.dn.endswith(domain) or any(each in one.dn for each in ("CN=Configuration,", "DnsZones,")):
                continue
            naming = one.dn.partition("=")[0].casefold()
            writes = [stamp for name, stamp in one.attributes.items() if name.casefold() != naming]
            if any(self._is_news(origin, usn) for _, _, origin, usn in writes):
                objects.add(guid)
            links |= {
                (guid, name, target)
                for name, row in one.links.items()
                for target, (_, _, _, origin, usn) in row.items()
                if self._is_news(origin, usn)
            }
        return objects, links

    def is_later(self, stamp: Stamp, than: Stamp) -> bool:
        """The partner wrote it itself since."""
        return stamp[2] == self.own and _rank(stamp) > _rank(than)

    def _is_news(self, origin: str, usn: int) -> bool:
        return origin != self.own and usn > self.known.get(origin, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """Three stopped DCs after the heal of the first and a last change on each.

    Attributes:
        lost: Stamps of the first DC as it died.
        healed: The same after its heal.
        takes: By the partner's name.
        logins: Whether each takes the password that only the first DC knew when it died.
        back_links: To which server each account belongs, by the partner's name: as each DC was before the heal.
        dcs: All three, settled.
        run: The command line beside the first.
    """

    lost: Stamps
    healed: Stamps
    takes: Mapping[str, Taken]
    logins: Mapping[str, bool]
    back_links: Mapping[str, BackLinks]
    dcs: tuple[SambaDC, SambaDC, SambaDC]
    run: Adpersist


def _contexts(dc: SambaDC) -> tuple[str, ...]:
    """The schema first: what follows is told in its words."""
    configuration = f"CN=Configuration,{dc.base_dn}"
    return f"CN=Schema,{configuration}", configuration, dc.base_dn


def _define(hands: Hands, name: str, oid: str) -> None:
    """An attribute of its own prefix; users may have it."""
    schema = f"CN=Schema,CN=Configuration,{hands.base}"
    text = {"attributeSyntax": "2.5.5.12", "oMSyntax": "64", "isSingleValued": "TRUE"}
    hands.add(f"CN={name},{schema}", "attributeSchema", {"lDAPDisplayName": name, "attributeID": oid, **text})
    hands.set("", schemaUpdateNow="1")
    hands.link(f"CN=User,{schema}", name, attribute="mayContain")
    hands.set("", schemaUpdateNow="1")


def _define_by_a_partner(first: SambaDC, second: SambaDC) -> None:
    """An attribute and a class that come from a partner, and are used by both."""
    office = f"OU=Office,{first.base_dn}"
    with Hands(second) as hands:
        hands.set("", becomeSchemaMaster="1")
        extend_schema(hands)
        wear_badge(hands, f"CN=known-to-second,{office}", "worn at a partner")
    replicate(first, second, _contexts(first))
    with Hands(first) as hands:
        hands.set("", becomeSchemaMaster="1")
        wear_badge(hands, f"CN=carl,{office}", "worn at the first")


def _domain_day(first: SambaDC, second: SambaDC, third: SambaDC, run: Adpersist) -> None:
    """Some of it reaches both partners, some one of them, some nobody but the journal."""
    with Hands(first) as hands:
        office = f"OU=Office,{hands.base}"
        for name in ("known-to-all", "known-to-all-and-gone"):
            hands.user(name, parent=office, password=PASSWORD)
        hands.set(f"CN=ada,{office}", description="first of all")
        _define(hands, "adpKnown", "2.16.840.1.99999.7.1")
        hands.set(f"CN=known-to-all,{office}", adpKnown="to all")
    for partner in (second, third):
        replicate(partner, first, _contexts(first))
    third.stop()
    with Hands(first) as hands:
        hands.user("known-to-second", parent=office, password=PASSWORD)
        hands.link(f"CN=crew,{office}", f"CN=known-to-second,{office}", f"CN=carl,{office}")
        hands.set(f"CN=ada,{office}", description="second")
    replicate(second, first, (first.base_dn,))
    _define_by_a_partner(first, second)
    second.stop()
    with Hands(first) as hands:
        hands.user("known-to-nobody", parent=office, password=PASSWORD)
        hands.password(f"CN=bert,{office}", "An0ther.password")
        hands.password(f"CN=bert,{office}", NEWEST)
        hands.link(f"CN=crew,{office}", f"CN=known-to-nobody,{office}")
        hands.unlink(f"CN=crew,{office}", f"CN=carl,{office}")
        hands.delete(f"CN=visitor,{office}")
        hands.delete(hands.user("never-seen", parent=office, password=PASSWORD))
        hands.rename(f"CN=dora,{office}", "CN=Dora the Third", f"OU=Annex,{office}")
        hands.outlive_the_second()
        hands.set(f"CN=ada,{office}", description="third, and lost")
        _define(hands, "adpUnheard", "1.2.840.99997.5.9")
        hands.set(f"CN=emil,OU=Annex,{office}", adpUnheard="of by any partner", adpKnown="by all")
    run("agent", "--once", code=0)
    first.kill()


def _partners_day(second: SambaDC, third: SambaDC) -> None:
    """Newer than what the journal has, and older: by version, and by time where that is the same."""
    second.start()
    with Hands(second) as hands:
        office = f"OU=Office,{hands.base}"
        hands.user("of-second", parent=office, password=PASSWORD)
        hands.set(f"CN=of-second,{office}", adpKnown="used by a partner")
        for text in ("four", "five", "six"):
            hands.set(f"CN=ada,{office}", description=text)
        hands.delete(f"CN=known-to-all-and-gone,{office}")
        hands.unlink(f"CN=crew,{office}", f"CN=known-to-second,{office}")
    second.stop()
    third.start()
    with Hands(third) as hands:
        # older by version than what the journal has
        hands.password(f"CN=bert,{office}", "Passw0rd.of-third")
        hands.user("of-third", parent=office, password=PASSWORD)
        hands.link(f"CN=crew,{office}", f"CN=of-third,{office}")
    third.stop()


def _take(first: SambaDC, partner: SambaDC) -> Taken:
    """Have a partner take from the healed DC, the two alone, and nothing the other way."""
    healed, before = stamps(first), stamps(partner)
    known, own = read_so_far(partner, partner.base_dn), _invocation(partner)
    served, first.services = first.services, tuple(each for each in first.services if each not in _TAKES)
    first.start()
    partner.start()
    replicate(partner, first, _contexts(first))
    first.stop()
    partner.stop()
    first.services = served
    return Taken(
        healed=healed,
        before=before,
        after=stamps(partner),
        known=known,
        answers=taken(partner.layout.log, partner.base_dn),
        own=own,
    )


def _invocation(stopped: SambaDC) -> str:
    """The one it writes under."""
    found = {
        str(uuid.UUID(bytes_le=entry["invocationId"][0]))
        for entry in dump(stopped, attributes=("distinguishedName", "invocationId")).values()
        if "invocationId" in entry and f"CN={stopped.names.hostname.upper()},".encode() in entry["distinguishedName"][0]
    }
    (own,) = found
    return own


def _back_links(stopped: SambaDC) -> BackLinks:
    found = dump(stopped, attributes=(_BACK_LINK,))
    return {guid: entry[_BACK_LINK] for guid, entry in found.items() if _BACK_LINK in entry}


@pytest.fixture(scope="module")
def healed(golden: Golden, module_place: Path) -> Iterator[Healed]:
    place = module_place
    with SambaDC(golden, place / "a", address=free_address(), options=SCHEMA_MAY_CHANGE) as first:
        first.start()
        with Hands(first) as hands:
            staff(hands)
        with (
            join(first, place / "b", address=free_address()) as second,
            join(first, place / "c", hostname="dc3", address=free_address()) as third,
        ):
            second.stop()
            second.hosts |= third.host_entries
            second.options |= _TELLS | SCHEMA_MAY_CHANGE
            third.options |= _TELLS
            second.start()
            dcs = first, second, third
            first.stop()
            first.golden = first.take_golden(place / "image")
            first.start()
            run = Adpersist(place / "adpersist.toml")
            run("init", *init_words(first, place / "journal.db", place / "key"), code=0)
            run("agent", "--once", code=0)
            _domain_day(first, second, third, run)
            lost = stamps(first)
            _partners_day(second, third)
            back_links = {dc.names.hostname: _back_links(dc) for dc in dcs}
            first.revert()
            with booted(first, run.with_environment(KRB5_CONFIG=str(first.krb5_conf)), place / "boot.log"):
                pass
            after = stamps(first)
            takes = {dc.names.hostname: _take(first, dc) for dc in (second, third)}
            for number, dc in enumerate(dcs):
                dc.start()
                with Hands(dc) as hands:
                    hands.user(f"afterwards-{number}", password=PASSWORD)
            # a login changes lastLogonTimestamp, which replicates
            logins = {dc.names.hostname: dc.can_login("bert", NEWEST) for dc in dcs}
            settle(*dcs)
            for dc in dcs:
                dc.stop()
            yield Healed(lost=lost, healed=after, takes=takes, logins=logins, back_links=back_links, dcs=dcs, run=run)


def _hear_from_it_alone(healed: Healed, image: Path, heal: Callable[[], None], *, name: str, leaves: str) -> None:
    """The first is put back to a later image, open for a while before it is healed, and the third hears from it alone.

    What the second wrote the third could have had from the first, and has not; by the first's word it has read it.

    Args:
        healed: The DCs, stopped before and after.
        image: Where that later image is kept.
        heal: Heals the first.
        name: What people whom the second makes are called, and a part of the password it gives bert.
        leaves: Whom it deletes.
    """
    first, second, third = healed.dcs
    domain, office, password = (first.base_dn,), f"OU=Office,{first.base_dn}", f"Passw0rd.{name}"
    first.golden = first.take_golden(image)
    first.start()
    with Hands(first) as hands:
        for number in range(50):  # so that what it hears when it was put back has USNs that the third has read
            hands.set(f"CN=carl,{office}", description=f"number {number}")
    third.start()
    replicate(third, first, domain)
    third.stop()
    second.start()
    with Hands(second) as hands:
        hands.user(f"{name}-early", parent=office, password=PASSWORD)
        hands.link(f"CN=crew,{office}", f"CN={name}-early,{office}")
        hands.password(f"CN=bert,{office}", password)
    replicate(first, second, domain)
    healed.run("agent", "--once", code=0)
    first.kill()
    first.revert()
    first.start()
    with Hands(second) as hands:
        hands.user(f"{name}-late", parent=office, password=PASSWORD)
        hands.link(f"CN=crew,{office}", f"CN={name}-late,{office}")
        hands.unlink(f"CN=crew,{office}", f"CN={name}-early,{office}")
        hands.set(f"CN=ada,{office}", description=name)
        hands.delete(f"CN={leaves},{office}")
    hear(first, second, domain, until_it_has=f"(cn={name}-late)")
    second.stop()
    third.start()
    replicate(third, first, domain)
    third.stop()
    heal()
    first.stop()
    for dc in healed.dcs:
        dc.start()
    settle(*healed.dcs)
    # a login changes lastLogonTimestamp, which replicates
    assert [dc.can_login("bert", password) for dc in healed.dcs] == [True, True, True]
    settle(*healed.dcs)
    for dc in healed.dcs:
        dc.stop()


def _as_one(healed: Healed, name: str) -> None:
    first, _, third = healed.dcs
    (early,) = (one for one in stamps(third).values() if one.dn.startswith(f"CN={name}-early,"))
    assert early.attributes["unicodePwd"][0] > 0
    for descriptors in (False, True):
        assert ldapcmp(first, third, filters=(_BACK_LINK,), security_descriptors=descriptors) == []


def test_a_third_dc_has_what_it_took_for_read(healed: Healed, place: Path) -> None:
    def heal() -> None:
        healed.run("guard", code=0)

    _hear_from_it_alone(healed, place / "image", heal, name="told", leaves="known-to-nobody")
    _as_one(healed, "told")


def test_a_third_dc_has_it_though_the_heal_was_killed_once_it_had_ended(healed: Healed, place: Path) -> None:
    """What it still owed its partners the next guard does, and no third one does it once more."""
    restarted = place / "restarted"

    def heal() -> None:
        assert dying(healed.run, "committed", 1, "guard") == KILLED  # the first commit after it ended
        run = healed.run.with_environment(ADPERSIST_RESTORE_RESTART_COMMAND=f"touch {restarted}")
        assert run("guard", "--json", code=0).json["lineage"] == "same"
        assert restarted.exists(), "until then its partners ignore what it writes"
        assert healed.run("guard", "--json", code=0).json["restored"] is None

    _hear_from_it_alone(healed, place / "image", heal, name="killed", leaves="known-to-all")
    _as_one(healed, "killed")


def test_the_heal_brings_the_stamps_that_were_lost(healed: Healed) -> None:
    assert [line for _, lines in stamps_unlike(healed.lost, healed.healed) for line in lines] == []


@pytest.mark.parametrize("partner", ["dc2", "dc3"])
def test_a_partner_is_sent_just_what_it_lacked(healed: Healed, partner: str) -> None:
    take = healed.takes[partner]
    objects, links = take.lacked(healed.dcs[0].base_dn)
    assert (sum(each for each, _ in take.answers), sum(each for _, each in take.answers)) == (len(objects), len(links))


@pytest.mark.parametrize("partner", ["dc2", "dc3"])
def test_nothing_older_wins(healed: Healed, partner: str) -> None:
    take = healed.takes[partner]
    assert list(_not_the_newest(take)) == []


def _not_the_newest(take: Taken) -> Iterator[str]:
    for guid in take.healed.keys() | take.before.keys():
        known = [each[guid] for each in (take.healed, take.before) if guid in each]
        dn, found = known[0].dn, take.after[guid]
        naming = dn.partition("=")[0].casefold()
        for name in {name for each in known for name in each.attributes if name.casefold() != naming}:
            newest = max((each.attributes[name] for each in known if name in each.attributes), key=_rank)
            if _rank(found.attributes[name]) != _rank(newest) and not take.is_later(found.attributes[name], newest):
                yield f"{dn}: {name}: {newest} became {found.attributes[name]}"
        for name, target in {(name, target) for each in known for name, row in each.links.items() for target in row}:
            rows = [each.links.get(name, {}) for each in known]
            newest_link = max((row[target] for row in rows if target in row), key=lambda link: _rank(link[1:]))
            link = found.links.get(name, {}).get(target)
            if link is None or (link[0], _rank(link[1:])) != (newest_link[0], _rank(newest_link[1:])):
                yield f"{dn}: {name}: {target}: {newest_link} became {link}"


def _rank(stamp: Stamp) -> tuple[int, int, str]:
    """What replication goes by ([MS-DRSR] 4.1.10.6.9)."""
    version, time, origin, _ = stamp
    return version, time, origin


def test_all_three_are_the_same(healed: Healed) -> None:
    first, *others = healed.dcs
    of_first = stamps(first)
    for other in others:
        there = stamps(other)
        for one, two in ((of_first, there), (there, of_first)):
            assert [line for _, lines in stamps_unlike(one, two) for line in lines] == []
    for descriptors in (False, True):
        assert ldapcmp(first, others[0], filters=(_BACK_LINK,), security_descriptors=descriptors) == []


def test_every_attribute_has_one_id_on_all(healed: Healed) -> None:
    found = [attribute_ids(dump(dc)) for dc in healed.dcs]
    for guid in found[0]:
        drawn = {each[guid]["msDS-IntId"] for each in found}
        assert len(drawn) == 1
        assert all(len({*each[guid]["ids"]}) == len(each[guid]["ids"]) for each in found), healed.healed[guid].dn
    for name in ("emil", "carl", "known-to-second"):
        (guid,) = (guid for guid, one in healed.healed.items() if one.dn.startswith(f"CN={name},"))
        assert len({each[guid]["ids"] for each in found}) == 1, name


def test_every_back_link_is_as_it_was(healed: Healed) -> None:
    for dc in healed.dcs:
        assert _back_links(dc) == healed.back_links[dc.names.hostname]


def test_the_newest_password_is_taken_everywhere(healed: Healed) -> None:
    assert healed.logins == {"dc1": True, "dc2": True, "dc3": True}


def test_dbcheck_finds_nothing(healed: Healed) -> None:
    first, second, _ = healed.dcs
    for dc in (first, second):
        complaints = [line for line in dbcheck(dc).text.splitlines() if line.startswith("ERROR")]
        assert [line for line in complaints if _BACK_LINK not in line] == []
