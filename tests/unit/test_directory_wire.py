"""Protocol values against examples worked out elsewhere, and against input nobody promised."""

from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adpersist.directory.wire.controls import dirsync
from adpersist.directory.wire.cookie import cookie_at, cookie_usn
from adpersist.directory.wire.extended_dn import reference, split_extended
from adpersist.directory.wire.prefix_map import attid, parse_prefix_map
from adpersist.directory.wire.replication_metadata import parse_replmeta, restamped
from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import Usn, guid_from_text, guid_text
from adpersist.model.identity.reference import ref, target_of
from adpersist.model.identity.sid import LOCAL_SYSTEM, rid_of, sid_from_text, sid_text
from adpersist.model.objects.change import Stamp

GUID = guid_from_text("b5772984-bb30-4c14-8f2f-f03583c324c5")

# SIDs: the well-known ones of [MS-DTYP] 2.4.2.4, in the layout of 2.4.2.2.

SIDS = {
    "S-1-5-18": "010100000000000512000000",
    "S-1-5-32-544": "01020000000000052000000020020000",
    "S-1-1-0": "010100000000000100000000",
    "S-1-5-21-1004336348-1177238915-682003330-512": "010500000000000515000000dcf4dc3b833d2b46828ba62800020000",
}


@pytest.mark.parametrize("text", SIDS)
def test_a_sid_is_read_and_written_as_published(text: str) -> None:
    assert sid_text(bytes.fromhex(SIDS[text])) == text
    assert sid_from_text(text) == bytes.fromhex(SIDS[text])


def test_local_system_is_the_published_one() -> None:
    assert bytes.fromhex(SIDS["S-1-5-18"]) == LOCAL_SYSTEM


@given(st.integers(0, 2**48 - 1), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15))
def test_every_sid_survives_both_ways(authority: int, parts: list[int]) -> None:
    text = "-".join(map(str, ["S", 1, authority, *parts]))
    assert sid_text(sid_from_text(text)) == text


@given(st.binary(max_size=80))
def test_bytes_that_are_no_sid_are_refused_as_such(blob: bytes) -> None:
    try:
        assert sid_from_text(sid_text(blob)) == blob
    except ValueError:
        return


NO_SIDS = (
    *("", "S", "S-", "S-1", "S-1-x", "S-1-5-", "S-1-5--1", "S-1--5-1", "T-1-5-18"),
    *("S-300-5-1", "S-1-5-4294967296", "S-1-281474976710656-1", "S-1-5-" + "-".join(["1"] * 300)),
)


@pytest.mark.parametrize("text", NO_SIDS)
def test_text_that_is_no_sid_is_refused_as_such(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        sid_from_text(text)


def test_a_rid_belongs_to_its_own_domain_alone() -> None:
    domain = sid_from_text("S-1-5-21-1-2-3")
    assert rid_of(sid_from_text("S-1-5-21-1-2-3-1103"), domain) == 1103
    assert rid_of(sid_from_text("S-1-5-21-1-2-4-1103"), domain) is None
    assert rid_of(sid_from_text("S-1-5-32-544"), domain) is None
    assert rid_of(domain, domain) is None
    assert rid_of(b"", domain) is None


# Names.


_SID_PART = "<SID=S-1-5-21-1-2-3-1103>"


def test_an_extended_dn_gives_guid_and_name() -> None:
    plain = "CN=a\\;b\\<\\>,DC=x"
    assert split_extended(f"<GUID={guid_text(GUID)}>;{_SID_PART};{plain}") == (GUID, plain)
    assert split_extended(f"<GUID={guid_text(GUID)}>;{plain}") == (GUID, plain)
    assert split_extended(f"{_SID_PART};{plain}") == (None, plain)
    assert split_extended(plain) == (None, plain)


def test_both_spellings_of_a_guid_are_the_same_object() -> None:
    # without the flag the control gives the 16 bytes in hexadecimal as they are, [MS-ADTS] 3.1.1.3.4.1.5
    assert split_extended(f"<GUID={GUID.hex()}>;DC=x") == (GUID, "DC=x")


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        (b"", b""),
        (b"B:32:AA312825768811D1ADED00C04FD8D5CD:", b"B:32:AA312825768811D1ADED00C04FD8D5CD:"),
        (b"S:5:a:b;c:", b"S:5:a:b;c:"),
    ],
)
def test_a_reference_is_held_by_guid_whatever_its_target_is_called(value: bytes, prefix: bytes) -> None:
    raw = value + f"<GUID={guid_text(GUID)}>;{_SID_PART};CN=<GUID=x>\\;,DC=x".encode()
    held = reference(raw)
    assert held == prefix + f"<GUID={guid_text(GUID)}>".encode()
    assert target_of(held) == GUID
    assert held == ref(GUID, prefix)


def test_a_value_without_a_guid_stays_as_it_is() -> None:
    assert reference(b"CN=x,DC=y") == b"CN=x,DC=y"
    assert target_of(b"CN=x,DC=y") is None


@given(st.binary(max_size=60))
def test_no_bytes_make_a_reference_fail(value: bytes) -> None:
    reference(value)


@pytest.mark.parametrize("digits", ["-" * 36, "-" * 32, "b5772984bb304c148f2ff03583c324c5----", "f" * 33, "f" * 36])
def test_something_that_only_looks_like_a_guid_is_no_guid(digits: str) -> None:
    assert reference(f"<GUID={digits}>;DC=x".encode()) == f"<GUID={digits}>;DC=x".encode()


@given(st.uuids())
def test_guids_have_the_wire_order_python_knows(value: uuid.UUID) -> None:
    assert guid_from_text(str(value)) == value.bytes_le
    assert guid_text(guid_from_text(str(value))) == str(value)


# Cookies, metadata, prefix maps.


def test_a_cookies_usn_is_the_highest_of_its_mark() -> None:
    blob = b"MSDS" + struct.pack("<IQIII", 3, 133, 0, 0, 0) + struct.pack("<QQQ", 4711, 0, 4711) + bytes(40)
    assert cookie_usn(blob) == 4711


def test_a_cookie_for_a_position_is_what_a_dc_gives_out_there() -> None:
    """But for the time, which a DC never reads."""
    of_samba = bytes.fromhex(
        "4d5344530300000080e2cffc527bdd01000000000000000028000000a41f0000000000000000000000000000a41f000000000000"
        "344eca2e06c19b43862aa29264d0e73a01000000000000000100000000000000344eca2e06c19b43862aa29264d0e73a"
        "a41f000000000000"
    )
    made = cookie_at(Usn(8100), guid_from_text("2eca4e34-c106-439b-862a-a29264d0e73a"))
    assert made == of_samba[:8] + bytes(8) + of_samba[16:]
    assert cookie_usn(made) == 8100


@given(st.binary(max_size=120))
def test_any_other_cookie_says_nothing(blob: bytes) -> None:
    found = cookie_usn(blob)
    assert found is None or blob.startswith(b"MSDS")


def metadata(*entries: tuple[int, int, int, bytes, int, int], version: int = 1, count: int | None = None) -> bytes:
    """drsblobs.idl, replPropertyMetaDataBlob."""
    head = struct.pack("<IIII", version, 0, len(entries) if count is None else count, 0)
    return head + b"".join(struct.pack("<IIQ16sQQ", *entry) for entry in entries)


def test_metadata_names_version_time_origin_and_both_usns() -> None:
    origin = bytes(range(16))
    (written,) = parse_replmeta(metadata((0x90001, 3, 13_000_000_000, origin, 500, 600)))
    assert (written.attid, written.local_usn) == (0x90001, 600)
    assert (written.stamp.version, written.stamp.time, written.stamp.origin, written.stamp.usn) == (
        3,
        13_000_000_000,
        origin,
        500,
    )


def test_only_the_write_that_was_seen_gets_another_stamp() -> None:
    origin, other = GUID, guid_from_text("00000000-0000-0000-0000-000000000001")
    blob = metadata((1, 3, 13_000_000_000, origin, 500, 600), (2, 4, 13_000_000_009, origin, 501, 601))
    seen = Stamp(version=3, time=13_000_000_000, origin=origin, usn=Usn(500))
    wanted = Stamp(version=2, time=12_000_000_000, origin=other, usn=Usn(7))
    one, two = parse_replmeta(restamped(blob, {1: (seen, wanted), 2: (seen, wanted)}))
    assert (one.stamp, one.local_usn) == (wanted, 600)
    assert (two.stamp.version, two.stamp.time) == (4, 13_000_000_009), "somebody wrote it since"


def test_what_has_no_stamp_gets_one_in_its_place_and_what_got_one_meanwhile_keeps_it() -> None:
    blob = metadata((1, 3, 13_000_000_000, GUID, 500, 600), (0x80000001, 4, 13_000_000_009, GUID, 501, 601))
    wanted = Stamp(version=2, time=12_000_000_000, origin=GUID, usn=Usn(7))
    one, two, three = parse_replmeta(restamped(blob, {1: (None, wanted), 2: (None, wanted)}))
    assert [each.attid for each in (one, two, three)] == [1, 2, 0x80000001], "Samba looks for them in this order"
    assert (two.stamp, two.local_usn) == (wanted, 601)
    assert (one.stamp.version, three.stamp.version) == (3, 4)


@pytest.mark.parametrize(
    "blob", [b"", b"\1", metadata(version=2), metadata(count=1), metadata(count=2**32 - 1), metadata()[:15]]
)
def test_metadata_that_is_cut_or_of_another_kind_is_refused(blob: bytes) -> None:
    with pytest.raises(DirectoryError):
        list(parse_replmeta(blob))


@given(st.binary(max_size=200))
def test_no_bytes_make_metadata_fail_otherwise(blob: bytes) -> None:
    try:
        list(parse_replmeta(blob))
    except DirectoryError:
        return


def prefix_map(*prefixes: tuple[int, bytes]) -> bytes:
    """drsblobs.idl, prefixMapBlob."""
    head = struct.pack("<IIIII", 0x44534442, 0, len(prefixes), 0, len(prefixes))
    table = b"".join(struct.pack("<III", number, len(oid), 0) for number, oid in prefixes)
    return head + table + b"".join(struct.pack("<I", len(oid)) + oid + bytes(-len(oid) % 4) for _, oid in prefixes)


# The first ten prefixes of every forest, [MS-DRSR] 5.16.4 (NewPrefixTable).
TABLE = {
    0: "5504",
    1: "5506",
    2: "2a864886f7140102",
    3: "2a864886f7140103",
    9: "2a864886f7140104",
    19: "0992268993f22c64",
    20: "6086480186f84203",
}


@pytest.mark.parametrize(
    ("oid", "expected"),
    [
        ("2.5.4.0", 0x00000000),  # objectClass
        ("2.5.4.3", 0x00000003),  # cn
        ("1.2.840.113556.1.4.1", 0x00090001),  # name
        ("1.2.840.113556.1.4.90", 0x0009005A),  # unicodePwd
        ("1.2.840.113556.1.4.221", 0x000900DD),  # sAMAccountName
        ("1.2.840.113556.1.4.1782", 0x000906F6),  # msDS-KeyVersionNumber
        ("1.2.840.113556.1.2.281", 0x00020119),  # nTSecurityDescriptor
    ],
)
def test_attribute_ids_are_the_published_ones(oid: str, expected: int) -> None:
    prefixes = parse_prefix_map(prefix_map(*((number, bytes.fromhex(oid)) for number, oid in TABLE.items())))
    assert attid(oid, prefixes) == expected


def test_an_oid_of_an_unknown_prefix_has_no_id() -> None:
    assert attid("1.3.6.1.4.1.99999.1", parse_prefix_map(prefix_map((0, b"\x55\x04")))) is None


@given(st.binary(max_size=120))
def test_no_bytes_make_a_prefix_map_fail_otherwise(blob: bytes) -> None:
    for candidate in (blob, prefix_map((1, b"\x55\x04"))[:20] + blob, struct.pack("<III", 0x44534442, 0, 2**31) + blob):
        try:
            parse_prefix_map(candidate)
        except DirectoryError:
            continue


# Controls.


def test_the_dirsync_flag_is_four_bytes_and_negative() -> None:
    # [MS-ADTS] 3.1.1.3.4.1.3: SEQUENCE { Flags INTEGER, MaxBytes INTEGER, Cookie OCTET STRING }
    assert dirsync(b"")[2] == bytes.fromhex("300e 0204 80000000 0204 7fffffff 0400")
    assert dirsync(b"")[:2] == ("1.2.840.113556.1.4.841", True)


@pytest.mark.parametrize(
    ("size", "length"), [(10, "0a"), (127, "7f"), (128, "8180"), (300, "82012c"), (70000, "83011170")]
)
def test_a_long_cookie_gets_a_long_length(size: int, length: str) -> None:
    value = dirsync(b"c" * size)[2]
    assert value is not None
    assert bytes.fromhex("04" + length) + b"c" * size == value[-size - 1 - len(length) // 2 :]
