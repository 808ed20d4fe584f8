"""A journal of an earlier version is read, for ever, by this program and by whoever has the format's description."""

import base64
import hashlib
import itertools
import struct
import zlib
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adpersist.errors import NoJournalError
from adpersist.journal.appending.spare_head import rebuilt
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_file import key_from_line
from adpersist.journal.upkeep.check import check_journal
from adpersist.model.identity.ids import Seq, Usn, guid_from_text, guid_text
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Phase
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.model.objects.object_state import Gone, ObjectState
from tests.golden.by_description import subkey
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    NC,
    NOON,
    OTHER,
    guid,
    look,
    position,
    store_of,
    written_then,
    written_today,
)
from tests.golden.make_journal import small_frames, write

Document = dict[str, Any]
DIGESTS = {
    "journal-v1": "10931d4a880a918824d36ccef50a6245dcd993a0f795a9cb8bbe70b437bc0bdf",
    "journal-v2": "702729a34454bdbb8b0f8ebaee459cfc8ac259d97fcbbf71774baffab13664e9",
    "journal-v3": "2a2aa8458c9f8281370f8ed8ebbe2ec1c493efc37b5ee36d0218dff6fa214df0",
    "journal-v3-padded": "01af4e270c30714200e7c47487b98cde8fc1e27a7893f2282354cb0f335f8997",
    "journal-v3-full": "fbe38f324456c68dc99840a33ee47c1bbbbf9192d2977ed690ccecefab592329",
}
STEPS = (256, 512, 1024, 2048)
"""Up to 4096 bytes each size is twice the one before."""
MADE = LinkStamp(version=7, time=13_411_742_400, origin=guid("invocation"), usn=Usn(170), present=True)
GONE = LinkStamp(version=8, time=13_411_742_450, origin=guid("elsewhere"), usn=Usn(9), present=False)


@pytest.fixture(params=[*DIGESTS, "journal-v3-today"])
def golden(request: pytest.FixtureRequest) -> Document:
    """The file as it was written by that version; and what this one writes."""
    if request.param == "journal-v3-today":
        with small_frames():
            return {**written_today(write), "name": "journal-v3", "padded": True, "full": True}
    document = cast(Document, written_then(request.param, DIGESTS[request.param]))
    name, _, filled = request.param.removeprefix("journal-").partition("-")
    return {**document, "name": f"journal-{name}", "padded": filled in ("padded", "full"), "full": filled == "full"}


@pytest.fixture
def journal(golden: Document, request: pytest.FixtureRequest) -> Journal:
    """The golden journal in a store."""
    store = store_of(golden, request.node.name)
    return Journal.open(store, key_from_line(golden["key"], source="golden"), expected=journal_id(IDENTITY))


def test_a_golden_journal_is_proven(golden: Document, journal: Journal) -> None:
    assert check_journal(journal._store, key_from_line(golden["key"], source="golden")).findings == ()


def test_its_head_is_read(golden: Document, journal: Journal) -> None:
    head = journal.head
    assert journal.id == "9fe28be6ace345b4ca72110593223497"
    assert (head.seq, head.timeline, head.time, head.phase) == (10, 2, NOON + 500, Phase.CAPTURING)
    assert (head.identity, head.writer, head.complete, head.settled) == (IDENTITY, AGENT, True, True)
    assert head.position == position(500)
    assert [(each.seq, each.guid, each.stamp.usn) for each in head.witnesses] == [(10, guid("w500"), 500)]
    assert [(each.name, each.seq, each.time) for each in head.marks] == [("hired", 2, NOON + 101)]
    assert [(each.number, each.base, each.begins) for each in head.timelines] == [(2, 3, 9)]
    assert [(each.seq, each.parts, each.objects) for each in head.checkpoints] == [
        (9, 5, 3 if golden["name"] == "journal-v1" else 4)
    ]


def test_its_commits_are_read(golden: Document, journal: Journal) -> None:
    commits = list(journal.commits())
    look_, part, mark = CommitKind.LOOK, CommitKind.PART, CommitKind.MARK
    begin, end = CommitKind.RESTORE_BEGIN, CommitKind.RESTORE_END
    assert [each.kind for each in commits] == [look_, mark, look_, part, part, look_, look_, begin, end, look_]
    assert [each.timeline for each in commits] == [1] * 8 + [2] * 2
    assert [(each.usn_from, each.usn_to) for each in commits if each.kind is look_] == [
        (90, 100),
        (190, 200),
        (290, 300),
        (390, 400),
        (490, 500),
    ]
    assert (commits[1].mark, commits[1].writer, commits[7].target, commits[8].target) == ("hired", OTHER, 3, 3)
    ada, crew = commits[2].changes[0], commits[2].changes[1]
    assert ada.values == {"unicodePwd": (b"\x00\xff",)}
    assert ada.stamps == {"unicodePwd": Stamp(version=2, time=13_411_742_550, origin=guid("invocation"), usn=Usn(150))}
    assert crew.added["member"] == {
        b"<GUID=" + guid_text(guid("ada")).encode() + b">",
        b"<GUID=" + guid_text(guid("bert")).encode() + b">",
        b"CN=nobody,DC=corp,DC=example",
    }
    old = b"<GUID=" + guid_text(guid("old")).encode() + b">"
    stamped = {"member": {**dict.fromkeys(crew.added["member"], MADE), old: GONE}}
    assert crew.link_stamps == (stamped if golden["name"] == "journal-v3" else {})
    assert commits[2].changes[2] == Change(
        kind=Kind.MOVED, guid=guid("bert"), nc=NC, parent=guid("office"), rdn="CN=Bert Ünal"
    )
    assert commits[2].changes[3].values == {"mail": (), "otherPhone": (b"1", b"2")}
    [photo] = commits[5].changes
    assert hashlib.sha256(photo.values["jpegPhoto"][0]).hexdigest() == PHOTO
    assert [each.kind for each in commits[6].changes] == [Kind.DELETED, Kind.CHANGED, Kind.EXPUNGED]
    assert commits[6].changes[1].removed == crew.added
    assert commits[9].changes[0].values == {"isDeleted": ()}


PHOTO = hashlib.sha256(b"".join(hashlib.sha256(b"guid %d" % number).digest()[:16] for number in range(300))).hexdigest()


def test_its_checkpoint_is_read(golden: Document, journal: Journal) -> None:
    states, commits = journal.history(Seq(10))
    root, crew, ada, *gone = states
    assert gone == ([] if golden["name"] == "journal-v1" else [Gone(guid=guid("old"))])
    assert isinstance(root, ObjectState)
    assert isinstance(crew, ObjectState)
    assert isinstance(ada, ObjectState)
    assert (root.rdn, root.parent) == (NC, None)
    assert crew.links == {"member": {b"<GUID=" + guid_text(guid("ada")).encode() + b">"}}
    if golden["name"] == "journal-v3":
        time, origin = 13_411_742_400, guid("invocation")
        assert crew.stamps == dict.fromkeys(("cn", "name"), Stamp(version=1, time=time, origin=origin, usn=Usn(80)))
        assert crew.link_stamps["member"] == {
            b"<GUID=" + guid_text(guid(name)).encode() + b">": LinkStamp(
                version=version, time=time, origin=origin, usn=Usn(90), present=version == 1
            )
            for name, version in (("ada", 1), ("bert", 2))
        }
    else:
        assert (crew.stamps, crew.link_stamps) == ({}, {})
    assert hashlib.sha256(ada.values["jpegPhoto"][0]).hexdigest() == PHOTO
    assert [each.seq for each in commits] == [10]


def test_it_is_written_on(journal: Journal) -> None:
    journal.claim(OTHER, now=NOON)
    look(journal, [Change(kind=Kind.CHANGED, guid=guid("ada"), nc=NC, values={"mail": (b"new",)})], 600)
    assert journal.head.seq == 11
    assert [each.kind for each in journal.commits(after=Seq(10))] == [CommitKind.LOOK]


def test_its_head_is_made_again_from_its_spare(golden: Document, journal: Journal) -> None:
    keys = key_from_line(golden["key"], source="golden")
    if "spare" not in golden:  # older than spares: the first process that writes to it leaves one
        with pytest.raises(NoJournalError):
            rebuilt(journal._store, keys)
        journal.claim(OTHER, now=NOON)
    found = rebuilt(journal._store, keys)
    assert found.stopped is None
    assert (found.tip.head.seq, found.tip.head.digest) == (journal.head.seq, journal.head.digest)
    assert (found.tip.head.checkpoints, found.tip.head.marks) == (journal.head.checkpoints, journal.head.marks)


# --- a reader written from FORMAT.md alone ----------------------------------------------------------------------------


def unseal(secret: bytes, label: bytes, nonce: bytes, sealed: bytes, clear: bytes) -> bytes:
    return zstandard.decompress(AESGCM(subkey(secret, label)).decrypt(nonce, sealed, clear))


def test_the_description_is_enough_to_read_a_journal(golden: Document) -> None:
    head = base64.b64decode(golden["head"])
    magic, version, zero, count, journal, timeline, seq, _, last_digest, nonce = struct.unpack_from(
        ">4sBBH16sIQq32s12s", head
    )
    assert (magic, version, zero, count, timeline, seq) == (b"ADPH", 1, 0, 2, 2, 10)
    assert zlib.crc32(head[:-4]) == int.from_bytes(head[-4:], "big")

    encoded = golden["key"].split(":")[1]
    wrapping = AESGCM(subkey(base64.urlsafe_b64decode(encoded + "="), b"wrap data key"))
    at, secrets = 88, {}
    for _ in range(count):
        name, _since, name_bytes, wrapped_bytes = struct.unpack_from(">8sQBH", head, at)
        wrapper = head[at + 19 : at + 19 + name_bytes]
        wrapped = head[at + 19 + name_bytes : at + 19 + name_bytes + wrapped_bytes]
        context = b"adpersist v1 data key" + journal + name + wrapper
        secrets[name] = wrapping.decrypt(wrapped[:12], wrapped[12:], context)
        assert hashlib.sha256(subkey(secrets[name], b"key id")).digest()[:8] == name
        at += 19 + name_bytes + wrapped_bytes
    assert (len(head) - at - 20 in STEPS) == golden["full"]

    identity, writer, *_ = msgpack.unpackb(unseal(secrets[name], b"head", nonce, head[at:-4], head[:at]))
    assert identity[2] == "dc1.corp.example"
    assert writer == ["agent", "dc1", 4711]
    ids = b"adpersist v1 journal" + identity[0] + identity[1]
    assert hashlib.sha256(ids).digest()[:16] == journal

    previous = hashlib.sha256(b"adpersist v1 seed" + journal + next(iter(secrets))).digest()
    contents = []
    for number, text in enumerate(golden["frames"], start=1):
        frame = base64.b64decode(text)
        assert zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "big")
        assert frame[:5] == (b"ADPF\x02" if golden["name"] == "journal-v3" else b"ADPF\x01")
        assert int.from_bytes(frame[32:40], "big") == number
        assert frame[88:120] == previous
        assert (len(frame) - 140 in STEPS) == golden["padded"]
        contents.append(unseal(secrets[frame[68:76]], b"frame", frame[76:88], frame[120:-4], frame[:120]))
        previous = hashlib.sha256(frame).digest()
    assert previous == last_digest

    columns = msgpack.unpackb(contents[2])
    assert columns[0] == bytes([1, 1, 2, 1])
    assert columns[1][:16] == guid("ada")
    assert columns[2][columns[8][0][0]] == "unicodePwd"
    assert columns[8][0][1] == b"\x00\xff"
    assert columns[3] == [NC]
    assert columns[4][16 * (columns[6][2] - 1) :][:16] == guid("office")
    assert columns[7][2] == "CN=Bert Ünal"
    assert columns[2][columns[9][1][0]] == "member"
    assert {columns[9][1][1][:16], columns[9][1][1][16:]} == {guid("ada"), guid("bert")}
    assert columns[9][1][2] == [b"CN=nobody,DC=corp,DC=example"]
    if golden["name"] == "journal-v3":
        assert len(columns) == 20
        assert [[columns[2][name] for name in names] for names in columns[11]] == [["unicodePwd"], [], [], []]
        assert columns[12] == [[0], [], [], []]
        name, plain, other, writes = columns[13][1]
        assert columns[2][name] == "member"
        found = dict(zip([*(plain[at : at + 16] for at in range(0, len(plain), 16)), *other], writes, strict=True))
        gone = found.pop(guid("old"))
        assert found == dict.fromkeys(
            (guid("ada"), guid("bert"), b"CN=nobody,DC=corp,DC=example"), next(iter(found.values()))
        )
        made = found[guid("ada")]
        assert (made % 2, gone % 2) == (1, 0)
        assert columns[14] == [1, 2, 0, 0]
        times, usns = itertools.accumulate(columns[16]), itertools.accumulate(columns[18])
        origins = [columns[19][16 * at :][:16] for at in columns[17]]
        stamps = list(zip(columns[15], times, origins, usns, strict=True))
        assert stamps[0] == (2, 13_411_742_550, guid("invocation"), 150)
        assert stamps[1 + made // 2] == (7, 13_411_742_400, guid("invocation"), 170)
        assert stamps[1 + gone // 2] == (8, 13_411_742_450, guid("elsewhere"), 9)
    else:
        assert len(columns) == 18
        assert columns[11] == [1, 1, 0, 0]
        assert columns[14] == [13_411_742_550, -150]
        assert columns[16] == [150, 20]
    gone, content = [], b""
    [parts] = golden["checkpoints"].values()  # by the number they lie under in the store
    for text in parts:
        part = base64.b64decode(text)
        assert part[:5] == b"ADPC" + bytes([int(golden["name"][-1])])
        assert (len(part) - 108 in STEPS) == golden["full"]
        content += unseal(secrets[part[36:44]], b"checkpoint", part[44:56], part[88:-4], part[:88])
        if not part[5]:
            kinds, guids, *_ = msgpack.unpackb(content)
            gone += [guids[16 * at :][:16] for at, kind in enumerate(kinds) if kind == 5]
            content = b""
    assert gone == ([] if golden["name"] == "journal-v1" else [guid("old")])
    whole = msgpack.unpackb(contents[3] + contents[4] + contents[5])
    assert hashlib.sha256(whole[8][0][1]).hexdigest() == PHOTO
    assert msgpack.unpackb(contents[1]) == ["hired", None, ["other", "dc1-clone", 815]]


def test_guids_are_in_wire_order() -> None:
    assert guid_from_text("00112233-4455-6677-8899-aabbccddeeff") == bytes.fromhex("33221100554477668899aabbccddeeff")
