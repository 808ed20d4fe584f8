"""Every kind of object and change comes back, by either engine, with and without the Recycle Bin; each is a test.

All of them happen to one DC, which then goes back to its image and is restored by one ``guard``, once by each engine.
The workload knows which objects each kind wrote; both databases are then compared by objectGUID, value by value,
secrets included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from adpersist.model.plan.engine import Engine
from tests import images
from tests.integration.commands import Adpersist, Ran
from tests.integration.ordeal import Deed, Remains, begin, controller, play, remains
from tests.integration.proof import RENEWED, stamps_unlike
from tests.integration.scene import ENGINES, copy_journal
from tests.integration.workload.register import deeds
from tests.places import short_directory
from tools.samba_dc import ALL_CONTEXTS, Golden, SambaDC, Verdict, dbcheck, dump, ldapcmp, stamps

CHAPTERS: Final = (
    *("people", "groups", "places", "network", "extensions", "secrets", "graves", "fights"),
    "policies",  # last: from then on no password is long enough
)
BIN: Final = {"off": ((), ()), "on in the image": (("bin",), ()), "on since": ((), ("bin",))}
"""Chapters played before all others: in the image, and since."""

_DRAWN_BY_SERVER: Final[Mapping[Engine, tuple[str, ...]]] = {Engine.LOCAL: (), Engine.LDAP: ("schemaInfo",)}
"""Of the schema's revision, which names the database that changed it: only a replica has another's."""

KINDS: Final = [(chapter, kind) for chapter in CHAPTERS for kind in deeds("change", chapter)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One DC before and after.

    Attributes:
        engine: The way it was written.
        recycles: The Recycle Bin is on in the end.
        deeds: What each kind did.
        guard: The restore.
        remains: What differs.
        before, after: Database files.
        verify: ``verify`` after the workload was captured, and after the restore.
        next_rid: The RID of the next account.
        highest_rid: The highest one handed out before the revert.
    """

    engine: Engine
    recycles: bool
    deeds: Mapping[str, Deed]
    guard: Ran
    remains: Remains
    before: Path
    after: Path
    verify: tuple[Ran, Ran]
    next_rid: int
    highest_rid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One DC, stopped at the end of a day that is in its journal.

    Attributes:
        dc: The DC; to be put back to its image.
        store, config: The journal's file and its configuration.
        recycles, deeds: As in :class:`Restored`.
        files: Of the database.
        verify: ``verify`` after the day was captured.
        highest_rid: The highest one handed out.
    """

    dc: SambaDC
    store: Path
    config: Path
    recycles: bool
    deeds: Mapping[str, Deed]
    files: Path
    verify: Ran
    highest_rid: int


@pytest.fixture(scope="module", params=BIN)
def lived(request: pytest.FixtureRequest, golden: Golden) -> Iterator[Lived]:
    in_image, since = BIN[request.param]
    with short_directory() as directory:
        place = Path(directory)
        image = images.furnished(f"kinds{'-'.join(('', *in_image))}", golden, (*in_image, *CHAPTERS))
        with controller(image, place) as dc:
            dc.start()
            run = begin(dc, place)
            done = play("change", (*since, *CHAPTERS), dc.ldapi_url_quoted, dc.smb_conf)
            run("agent", "--once", code=0)
            captured = run("verify")
            if in_image:
                run("checkpoint", code=0)  # in which values and links lie in another order than they were written in
            dc.kill()
            given = {
                int.from_bytes(entry["objectSid"][0][-4:], "little")
                for entry in dump(dc.snapshot(place / "before"), deleted=True, attributes=("objectSid",)).values()
                if len(entry.get("objectSid", (b"",))[0]) == 28
            }
            assert run.config is not None
            yield Lived(
                dc=dc,
                store=place / "journal.db",
                config=run.config,
                recycles=bool(in_image or since),
                deeds=done,
                files=place / "before",
                verify=captured,
                highest_rid=max(given),
            )


@pytest.fixture(scope="module", params=ENGINES)
def restored(request: pytest.FixtureRequest, lived: Lived) -> Iterator[Restored]:
    engine, dc = request.param, lived.dc
    with short_directory() as directory:
        place = Path(directory)
        copy_journal(lived.store, place / "journal.db")
        run = Adpersist(lived.config).with_environment(ADPERSIST_STORE_URL=f"sqlite://{place / 'journal.db'}")
        dc.revert()
        dc.start()
        guard = run("guard", "--json", "--engine", engine)
        verify = run("verify")
        dc.kill()
        dc.snapshot(place / "after")
        dc.start()
        assert play("local", ("newcomer",), dc.ldapi_url_quoted, dc.smb_conf)["next_account"].error is None
        dc.kill()
        rids = {
            entry.get("sAMAccountName", (b"",))[0]: int.from_bytes(entry["objectSid"][0][-4:], "little")
            for entry in dump(dc, attributes=("sAMAccountName", "objectSid")).values()
            if "objectSid" in entry
        }
        yield Restored(
            engine=engine,
            recycles=lived.recycles,
            deeds=lived.deeds,
            guard=guard,
            remains=remains(dump(lived.files), dump(place / "after")),
            before=lived.files,
            after=place / "after",
            verify=(lived.verify, verify),
            next_rid=rids[b"next"],
            highest_rid=lived.highest_rid,
        )


def test_the_journal_is_what_the_dc_is(restored: Restored) -> None:
    assert restored.verify[0].code == 0, restored.verify[0]


def test_the_restore_proves_itself(restored: Restored) -> None:
    assert restored.guard.code == 0, restored.guard
    assert "replica.refused" not in restored.guard.err, "all is received in the first round"
    assert restored.verify[1].code == 0, restored.verify[1]


@pytest.mark.parametrize(("chapter", "kind"), KINDS)
def test_kind(restored: Restored, chapter: str, kind: str) -> None:
    deed = restored.deeds[kind]
    assert deed.error is None, f"the workload itself failed: {deed.error}"
    assert deed.guids, "nothing was written"
    drawn = [f": {name}: " for name in _DRAWN_BY_SERVER[restored.engine]]
    assert [line for line in restored.remains.of(deed.guids) if not any(each in line for each in drawn)] == []


def test_nothing_else_was_touched(restored: Restored) -> None:
    written = [guid for deed in restored.deeds.values() for guid in deed.guids]
    assert restored.remains.outside(written) == []


@pytest.mark.parametrize("context", ALL_CONTEXTS)
def test_ldapcmp_finds_no_difference(restored: Restored, context: str) -> None:
    found = ldapcmp(restored.before, restored.after, filters=_left_out(restored))
    assert [account for account in found if account.startswith(f"{context}:")] == []


def _left_out(restored: Restored) -> list[str]:
    # msDS-IntId stops ldapcmp with a KeyError where one side lacks it; see ordeal.OF_NEW_ATTRIBUTES
    left_out = ["msDS-IntId", RENEWED, *_DRAWN_BY_SERVER[restored.engine]]
    if restored.recycles:
        # it shows links to deleted objects, which the Recycle Bin keeps and nobody sees; the dump judges the others
        left_out += ["member", "memberOf", "directReports"]
    return left_out


def test_dbcheck_finds_nothing_new(golden: Golden, restored: Restored) -> None:
    found = dbcheck(restored.after, since=golden)
    if not restored.recycles:
        assert found.ok
        return
    # Samba's own deletes leave links on deleted objects where the Recycle Bin is on, and dbcheck objects to them
    assert _complaints(found) <= _complaints(dbcheck(restored.before, since=golden))


def _complaints(verdict: Verdict) -> set[str]:
    lines = (line for line in verdict.text.splitlines() if line.startswith("ERROR"))
    return {
        "a link on or to a deleted object" if "on deleted object" in line or "target DN is deleted" in line else line
        for line in lines
    }


def test_no_rid_is_handed_out_twice(restored: Restored) -> None:
    assert restored.next_rid > restored.highest_rid


def test_what_cannot_be_exact_is_said(restored: Restored) -> None:
    assert restored.guard.json["restored"]["restart_needed"], "a trust is back, of which winbindd knows nothing yet"
    notes = [each["what"] for each in restored.guard.json["restored"]["notes"]]
    if restored.engine is Engine.LOCAL:
        assert notes == [], restored.guard.err
    else:
        assert notes and all("msDS-IntId" in note or "another write" in note for note in notes)


def test_replication_knows_what_it_knew(restored: Restored) -> None:
    unlike = dict(stamps_unlike(stamps(restored.before), stamps(restored.after)))
    if restored.engine is Engine.LOCAL:
        assert [line for lines in unlike.values() for line in lines] == []
        return
    # written as a client does: what is counted in versions has them again, key version numbers above all
    numbers = [line for lines in unlike.values() for line in lines if ": unicodePwd: " in line]
    # nobody logs in as a deleted one
    assert [line for line in numbers if "\\0ADEL:" not in line] == []
    # what was emptied counts on, or partners take nothing that is written there
    uncounted = [line for lines in unlike.values() for line in lines if line.endswith(") became None")]
    of_links_or_deleted, drawn = ("<GUID=", "\\0ADEL:"), ": msDS-IntId: "
    assert [line for line in uncounted if drawn not in line and not any(map(line.count, of_links_or_deleted))] == []
