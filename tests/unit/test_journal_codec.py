"""What a frame holds: packed small, unpacked strictly."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import zstandard

from adpersist.journal.format.columns.changes import (
    COLUMNS,
    KINDS,
    count_changes,
    pack_changes,
    unpack_changes,
    unpack_look,
)
from adpersist.journal.format.columns.packing import MAX_CONTENT_BYTES, compress, decompress, pack, unpack
from adpersist.journal.format.columns.shapes import (
    blobs,
    boolean,
    index,
    integer,
    integers,
    items,
    number,
    octets,
    text,
    texts,
)
from adpersist.journal.format.splitting import runs
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.identity.reference import ref
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.model.objects.change import Change, Kind, LinkStamp, Stamp
from adpersist.stores.port import MAX_FRAME_BYTES
from tests.golden.journal_samples import NC, created, guid, set_value


def test_every_kind_has_a_number() -> None:
    assert set(KINDS) == set(Kind)


def test_a_cleared_attribute_is_not_an_absent_one() -> None:
    change = Change(kind=Kind.CHANGED, guid=guid("a"), nc=NC, values={"mail": (), "title": (b"",)})
    assert unpack_changes(pack_changes([change])) == (change,)


def test_values_keep_their_order() -> None:
    change = Change(kind=Kind.CHANGED, guid=guid("a"), nc=NC, values={"otherHomePhone": (b"3", b"1", b"2", b"1")})
    assert unpack_changes(pack_changes([change]))[0].values["otherHomePhone"] == (b"3", b"1", b"2", b"1")


def test_links_of_every_form_come_back() -> None:
    links = frozenset(
        {
            bytes(ref(guid("x"))),
            bytes(ref(guid("y"), b"B:32:00112233445566778899AABBCCDDEEFF:")),
            bytes(ref(guid("x"))).upper(),
            b"CN=nobody knows,DC=corp",
            b"<GUID=00000000-0000-0000-0000-000000000000>\n",
            b"",
        }
    )
    added = {"member": links, "managedObjects": frozenset({bytes(ref(guid("z")))})}
    change = Change(kind=Kind.CHANGED, guid=guid("g"), nc=NC, added=added, removed={"manager": links})
    assert unpack_changes(pack_changes([change])) == (change,)


def test_a_member_takes_its_targets_sixteen_bytes() -> None:
    def size(members: int) -> int:
        links = frozenset(bytes(ref(guid(str(n)))) for n in range(members))
        return len(pack_changes([Change(kind=Kind.CHANGED, guid=guid("g"), nc=NC, added={"member": links})]))

    assert size(1100) - size(100) == 16 * 1000


def test_names_are_written_once_a_frame() -> None:
    def size(count: int) -> int:
        return len(pack_changes([set_value(str(n), b"v", "msDS-SupportedEncryptionTypes") for n in range(count)]))

    assert size(101) - size(100) < 32


def test_stamps_far_apart_come_back() -> None:
    stamps = {
        name: Stamp(version=version, time=time, origin=guid(name), usn=Usn(usn))
        for name, version, time, usn in [("a", 1, 2**63 - 1, 0), ("b", 2**32 - 1, 0, 2**63 - 1), ("c", 0, 1, 1)]
    }
    change = Change(kind=Kind.CHANGED, guid=guid("a"), nc=NC, stamps=stamps)
    assert unpack_changes(pack_changes([change, change])) == (change, change)


def test_stamps_of_several_links_attributes_come_back() -> None:
    def made(number: int, present: bool) -> LinkStamp:
        return LinkStamp(version=number, time=number, origin=guid("o"), usn=Usn(number), present=present)

    links = {
        "member": {bytes(ref(guid("x"))): made(1, True), b"CN=gone": made(2, False)},
        "manager": {bytes(ref(guid("y"))): made(1, False)},
        "managedObjects": {b"CN=odd": made(3, True), bytes(ref(guid("z"))): made(3, False)},
    }
    change = Change(kind=Kind.CHANGED, guid=guid("g"), nc=NC, link_stamps=links)
    assert unpack_changes(pack_changes([change, change])) == (change, change)


def _columns(**replaced: object) -> list[object]:
    made = {
        "member": {b"CN=gone": LinkStamp(version=3, time=13_411_742_400, origin=guid("o"), usn=Usn(9), present=False)}
    }
    looked = [set_value("a", b"v", usn=7), replace(created("b"), link_stamps=made)]
    return _replaced(items(unpack(pack_changes(looked))), replaced)


def _columns_of_version_1(**replaced: object) -> list[object]:
    """Its writes were stamps, its links had none: how many stamps, their names, versions, times, origins, USNs."""
    columns = _columns()
    return _replaced([*columns[:11], [1, 0], [0], [2], [13_411_742_407], [0], [7], bytes(16)], replaced)


def _replaced(columns: list[object], replaced: dict[str, object]) -> list[object]:
    for place, column in replaced.items():
        columns[int(place[1:])] = column
    return columns


def test_what_version_1_packed_is_read() -> None:
    assert count_changes(pack(_columns_of_version_1())) == 2
    first, second = unpack_changes(pack(_columns_of_version_1()))
    assert first.stamps == {
        next(iter(first.values)): Stamp(version=2, time=13_411_742_407, origin=Guid(bytes(16)), usn=Usn(7))
    }
    assert (second.stamps, first.link_stamps, second.link_stamps) == ({}, {}, {})


@pytest.mark.parametrize(
    "columns",
    [
        [],
        None,
        {},
        17,
        "text",
        [[]] * COLUMNS,
        _columns(c0=b"\x01"),
        _columns(c0=b"\x01\xff"),
        _columns(c0=b"\x00\x00"),  # a created object without a name
        _columns(c1=b"short"),
        _columns(c1=None),
        _columns(c2=[b"bytes"]),
        _columns(c2=[]),
        _columns(c5=[-1, -1]),
        _columns(c5=[99, 99]),
        _columns(c5=[None, "x"]),
        _columns(c6=[0, 2**63]),
        _columns(c7=[None, 3]),
        _columns(c7=[3, "CN=b"]),
        _columns(c8=[[0], []]),
        _columns(c8=[[0, b"a", 0, b"b"], []]),
        _columns(c8=[[-1, b"a"], []]),
        _columns(c8=[[0, "text"], []]),
        _columns(c8=[[0, [None]], []]),
        _columns(c9=[[0, b"odd", []], []]),
        _columns(c9=[[0, b"", [1]], []]),
        _columns(c9=[[0, b""], []]),
        _columns(c9=[[0, b"", [], 0, b"", []], []]),
        _columns(c11=[[0, 0], []]),
        _columns(c11=[[-1], []]),
        _columns(c11=[[9], []]),
        _columns(c11=[["mail"], []]),
        _columns(c12=[[], []]),
        _columns(c12=[[0, 0], []]),
        _columns(c12=[[1], []]),
        _columns(c12=[[-1], []]),
        _columns(c12=[[], [0]]),
        _columns(c13=[[], [0, b"", [b"CN=gone"], [9]]]),
        _columns(c13=[[], [0, b"", [b"CN=gone"], [-2]]]),
        _columns(c13=[[], [0, b"", [b"CN=gone"], []]]),
        _columns(c13=[[], [0, b"", [b"CN=gone", b"CN=gone"], [0, 0]]]),
        _columns(c13=[[], [0, b"odd", [], []]]),
        _columns(c13=[[], [0, b"", []]]),
        _columns(c13=[[], [0, b"", [], [], 0, b"", [], []]]),
        _columns(c13=[[], 7]),
        _columns(c11=[[0], [], []]),
        _columns(c14=[1, 1, 0]),
        _columns(c14=[2, 1]),
        _columns(c14=[1, 0]),
        _columns(c14=[-1, 1]),
        _columns(c15=[1]),
        _columns(c15=[2, 3, 3]),
        _columns(c15=[2, 3, 3], c16=[1, 1, 1], c17=[0, 1, 0], c18=[1, 1, 1]),  # one more than the changes have
        _columns(c17=[0, 1, 0]),
        _columns(c15=[2**32, 1]),
        _columns(c15=[-1, 1]),
        _columns(c16=["1", 1]),
        _columns(c16=[2**62, 2**62]),
        _columns(c17=[5, 0]),
        _columns(c17=[-1, 0]),
        _columns(c18=[-1, 1]),
        _columns(c19=b"short"),
        _columns_of_version_1(c11=[2, 0]),
        _columns_of_version_1(c11=[0, 0]),
        _columns_of_version_1(c11=[-1, 0]),
        _columns_of_version_1(c12=[-1]),
        _columns_of_version_1(c12=[]),
        _columns_of_version_1(c13=[]),
        _columns_of_version_1(c13=[2**32]),
        _columns_of_version_1(c14=["1"]),
        _columns_of_version_1(c15=[5]),
        _columns_of_version_1(c13=[2, 2], c14=[1, 1], c15=[0, 0], c16=[1, 1]),
        _columns_of_version_1(c17=b"short"),
    ],
)
def test_wrong_shapes_are_value_errors(columns: object) -> None:
    with pytest.raises(ValueError):  # any message; that it is no other exception is the point
        unpack_changes(pack(columns))


ANYTHING: list[object] = [
    *(None, True, 7, 0, -1, 0.5, "text", "", b"bytes", b""),
    *([], [7], ["text"], [b"bytes"], [True], [None], [7, "text"], (7,), {}),
]


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        (items, [each for each in ANYTHING if type(each) is list]),
        (octets, [b"bytes", b""]),
        (text, ["text", ""]),
        (integer, [7, 0, -1]),
        (index, [7, 0]),
        (boolean, [True]),
        (number, [0.5]),
        (blobs, [[], [b"bytes"]]),
        (texts, [[], ["text"]]),
        (integers, [[], [7]]),
    ],
)
def test_a_shape_takes_its_own_and_nothing_that_only_looks_like_it(
    shape: Callable[[object], object], fits: list[object]
) -> None:
    for each in ANYTHING:
        if any(type(each) is type(fit) and each == fit for fit in fits):
            assert shape(each) is each
        else:
            with pytest.raises(ValueError, match=r"expected|holds something else|not a number"):
                shape(each)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x93\x01",
        b"\x91" * 3000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x01\x02",
        b"\xd4\x05x",
        b"\xa2\xff\xfe",
        b"\x81\xa1a\x01",
    ],
)
def test_hostile_messagepack_is_a_value_error(packed: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(packed)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(MAX_CONTENT_BYTES + 1))
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match="limit"):
        decompress(bomb)


def test_a_frame_may_unpack_to_sixteen_mebibytes_and_no_byte_more() -> None:
    """What a reader may have to hold: FORMAT.md."""
    most = bytes(16 * 1_048_576)
    assert decompress(compress(most)) == most
    with pytest.raises(ValueError, match="claims 16777217 bytes of content, limit 16777216"):
        decompress(compress(most + b"\0"))


def test_content_of_unknown_size_is_refused() -> None:
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 1000)
    with pytest.raises(ValueError, match="limit"):
        decompress(stream)


@pytest.mark.parametrize("cut", range(0, 30, 3))
def test_a_cut_or_prolonged_zstd_frame_is_refused(cut: int) -> None:
    whole = compress(bytes(range(200)))
    with pytest.raises(ValueError, match="zstd"):
        decompress(whole[:cut])
    with pytest.raises(ValueError, match="zstd"):
        decompress(whole + whole[: cut + 1])


def test_text_that_is_no_unicode_survives() -> None:
    change = Change(kind=Kind.MOVED, guid=Guid(bytes(16)), nc=NC, rdn="CN=\ud800\U0001f600\0")
    assert unpack_changes(pack_changes([change])) == (change,)
    assert unpack(pack("\udfff")) == "\udfff"


# --- who wrote ----------------------------------------------------------------------------------------------------


def line(number: int, *attributes: str) -> AuditLine:
    return AuditLine(
        time=1_767_268_800.25 + number,
        dn=f"CN=person {number},{NC}",
        operation="Modify",
        attributes=frozenset(attributes),
        sid="S-1-5-21-1-2-3-1104" if number % 2 else "",
        address="10.0.0.7" if number % 2 else "",
    )


AUDITED = Audited(since=1.5, through=9.25, lines=(line(1, "mail", "cn"), line(2)))


def test_who_wrote_lies_behind_the_changes() -> None:
    change = set_value("ada", b"v")
    assert unpack_look(pack_changes([change], AUDITED)) == ((change,), AUDITED)
    assert unpack_look(pack_changes([change])) == ((change,), None)


def test_changes_of_some_objects_are_unpacked_without_the_others() -> None:
    changes = [set_value(name, name.encode()) for name in ("ada", "bert", "carl", "ada")]
    content = pack_changes(changes, AUDITED)
    assert unpack_look(content, {guid("ada")}) == ((changes[0], changes[3]), AUDITED)
    assert unpack_look(content, ()) == ((), AUDITED)


@pytest.mark.parametrize(
    "column",
    [
        None,
        [],
        [None, None, "", [], []],
        [None, None, "", [], [], [], []],
        ["soon", None, "", [], [], []],
        [None, True, "", [], [], []],
        [None, None, b"", [], [], []],
        [None, None, "", [1], [], []],
        [None, None, "", [], [1], []],
        [None, None, "", ["w"], [1], [[0, 0, 0, 0, 0]]],
        [None, None, "", ["w"], [1], [[0, 0, 0, 0, 0, 1]]],
        [None, None, "", ["w"], [1], [[0, 0, 0, 0, 0, -1]]],
    ],
)
def test_what_says_nothing_of_who_wrote_is_refused(column: object) -> None:
    columns = [*items(unpack(pack_changes([set_value("ada", b"v")]))), column]
    with pytest.raises(ValueError, match=r"."):
        unpack_look(pack(columns))


@pytest.mark.parametrize(("changes", "lines"), [(1, 30_000), (500, 30_000), (3_000, 5)])
def test_no_line_is_lost_however_a_look_is_cut(changes: int, lines: int) -> None:
    given = [set_value(str(number), guid(str(number)) * 40) for number in range(changes)]
    audited = Audited(since=1.5, through=9.25, lines=tuple(line(number, f"a{number}") for number in range(lines)))
    pieces = [piece for run, _ in runs(given, audited) for piece in run]
    looks = [unpack_look(decompress(piece.compressed)) for piece in pieces]
    assert [change for found, _ in looks for change in found] == given
    assert [each for _, said in looks if said for each in said.lines] == list(audited.lines)
    assert all(said is not None and (said.since, said.through) == (1.5, 9.25) for _, said in looks)
    assert all(piece.audited and piece.part == 0 for piece in pieces)
    assert all(len(piece.compressed) < MAX_FRAME_BYTES for piece in pieces)


def test_a_change_in_parts_says_who_wrote_with_its_last() -> None:
    photo = b"".join(guid(str(number)) for number in range(100_000))
    (run,) = (run for run, _ in runs([set_value("ada", photo)], replace(AUDITED, lines=AUDITED.lines[:1])))
    assert [piece.audited for piece in run] == [False] * (len(run) - 1) + [True]
    assert len(run) > 1
    content = b"".join(decompress(piece.compressed) for piece in run)
    assert unpack_look(content)[1] == replace(AUDITED, lines=AUDITED.lines[:1])
