"""What the reading commands decide without a store: names, values for people, LDIF, the configuration's key."""

from __future__ import annotations

import base64
import struct
import tomllib
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adpersist.agent.upkeep.key_change import renamed_key
from adpersist.errors import ConfigError
from adpersist.model.identity.ids import Guid
from adpersist.model.identity.reference import ref
from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.find import find
from adpersist.reading.ldif import records
from adpersist.reading.text.value_text import readable
from adpersist.state.journal_schema import AttributeFacts, JournalSchema
from adpersist.state.state import State

NC = "DC=corp,DC=example"


def guid(number: int) -> Guid:
    return Guid(uuid.UUID(int=number).bytes_le)


def an_object(
    number: int, rdn: str, parent: int | None = 1, *, links: dict[str, frozenset[bytes]] | None = None, **values: Values
) -> ObjectState:
    above = None if parent is None else guid(parent)
    return ObjectState(guid=guid(number), nc=NC, parent=above, rdn=rdn, values=values, links=links or {})


ROOT = an_object(1, NC, None)
OFFICE = an_object(2, "OU=Office")
SID = bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")
"""S-1-5-21-1-2-3-500, by hand."""


def attribute(number: int, name: str, syntax: str, *, search_flags: bytes = b"0", link_id: bytes = b"0") -> ObjectState:
    return an_object(
        number,
        f"CN={name}",
        objectClass=(b"top", b"attributeSchema"),
        lDAPDisplayName=(name.encode(),),
        attributeSyntax=(syntax.encode(),),
        searchFlags=(search_flags,),
        linkID=(link_id,),
    )


FACTS = JournalSchema.of(
    State(
        [
            attribute(900, "objectSid", "2.5.5.17"),
            attribute(901, "manager", "2.5.5.1"),
            attribute(902, "whenCreated", "2.5.5.11"),
            attribute(903, "pwdLastSet", "2.5.5.16"),
            attribute(904, "userAccountControl", "2.5.5.9"),
            attribute(905, "description", "2.5.5.12"),
            attribute(906, "otherBlob", "2.5.5.10"),
            attribute(907, "ms-Mcs-AdmPwd", "2.5.5.12", search_flags=b"904"),
            attribute(908, "unicodePwd", "2.5.5.10"),
            attribute(909, "member", "2.5.5.1", link_id=b"2"),
            attribute(910, "memberOf", "2.5.5.1", link_id=b"3"),
            attribute(911, "objectClass", "2.5.5.2"),
            attribute(912, "dnsRecord", "2.5.5.10"),
        ]
    )
)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("objectSid", SID, "S-1-5-21-1-2-3-500"),
        ("manager", ref(guid(2)), f"OU=Office,{NC}"),
        ("manager", ref(guid(77)), f"<GUID={uuid.UUID(int=77)}>"),
        ("whenCreated", b"20260501120000.0Z", "2026-05-01T12:00:00Z"),
        # 1777636800 s after 1970 and 11644473600 s more after 1601
        ("pwdLastSet", b"134221104000000000", "134221104000000000 (2026-05-01T12:00:00Z)"),
        ("pwdLastSet", b"0", "0 (never)"),
        ("userAccountControl", b"66050", "66050 (ACCOUNTDISABLE | NORMAL_ACCOUNT | DONT_EXPIRE_PASSWD)"),
        ("description", "Grüße".encode(), "Grüße"),
        ("otherBlob", b"\x00\xff", "<2 bytes: AP8=>"),
        ("dnsRecord", struct.pack("<HHBBHIIII", 4, 1, 5, 0xF0, 0, 1, 900, 0, 0) + bytes((10, 0, 0, 7)), "A 10.0.0.7"),
    ],
)  # fmt: skip
def test_values_are_decoded_for_people(name: str, value: bytes, shown: str) -> None:
    assert readable(name, value, FACTS, State([ROOT, OFFICE])) == shown


@pytest.mark.parametrize("name", ["unicodePwd", "ms-Mcs-AdmPwd", "userPassword", "notInTheSchema"])
def test_secrets_and_what_the_schema_does_not_know_are_shown_as_their_size(name: str) -> None:
    assert readable(name, b"hunter2", FACTS, State()) == "<secret, 7 bytes>"


@given(
    name=st.sampled_from([*(f"{each}" for each in ("objectSid", "manager", "whenCreated", "pwdLastSet")), "dnsRecord",
                          "userAccountControl", "description", "otherBlob"]),
    value=st.binary(max_size=60),
)  # fmt: skip
def test_no_value_is_too_strange_to_be_shown(name: str, value: bytes) -> None:
    assert isinstance(readable(name, value, FACTS, State()), str)


BOB = an_object(10, "CN=Smith\\, Bob", 2, sAMAccountName=(b"bob",), objectSid=(SID,))
GONE = an_object(
    11,
    f"CN=gone\\0ADEL:{uuid.UUID(int=11)}",
    3,
    isDeleted=(b"TRUE",),
    lastKnownParent=(ref(guid(2)),),
    sAMAccountName=(b"gone",),
)
POLICY, NO_POLICY = "{31B2F340-016D-11D2-945F-00C04FB984F9}", "{6AC1786C-016F-11D2-945F-00C04FB984F9}"
DIRECTORY = State(
    [
        ROOT, OFFICE, an_object(3, "CN=Deleted Objects", isDeleted=(b"TRUE",)), BOB, GONE,
        an_object(20, f"CN={POLICY}", 2, objectClass=(b"top", b"container", b"groupPolicyContainer")),
        an_object(21, f"CN={NO_POLICY}", 2, objectClass=(b"top", b"container")),
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("bob", 10),
        ("CORP\\BOB", 10),
        ("S-1-5-21-1-2-3-500", 10),
        (f"{{{uuid.UUID(int=10)}}}", 10),
        (f"cn=smith\\, bob , ou=office,{NC}", 10),
        (NC.lower(), 1),
        ("gone", 11),
        (f"CN=gone,OU=Office,{NC}", 11),
        (POLICY.lower(), 20),
        (POLICY.strip("{}"), 20),
    ],
)
def test_an_object_is_found_by_its_names(name: str, number: int) -> None:
    assert find(DIRECTORY, name) == guid(number)


def test_a_living_object_is_meant_before_a_deleted_one() -> None:
    heir = an_object(12, "CN=gone", 2, sAMAccountName=(b"gone",))
    assert find(State([*DIRECTORY.values(), heir]), "gone") == guid(12)


def test_a_name_that_several_deleted_objects_had_is_refused_with_their_guids() -> None:
    another = an_object(13, f"CN=gone\\0ADEL:{uuid.UUID(int=13)}", 3, isDeleted=(b"TRUE",), sAMAccountName=(b"gone",))
    with pytest.raises(ConfigError) as caught:
        find(State([*DIRECTORY.values(), another]), "gone")
    assert str(uuid.UUID(int=11)) in caught.value.hint
    assert str(uuid.UUID(int=13)) in caught.value.hint


@pytest.mark.parametrize(
    "name", ["", " ", "alice", "S-1-5-32", "S-1-5-99999999999", "S-1-99999999999999999-1", "CN=", NO_POLICY]
)
def test_what_is_no_object_is_told(name: str) -> None:
    with pytest.raises(ConfigError):
        find(DIRECTORY, name)


def unfolded(ldif: bytes) -> list[tuple[str, bytes]]:
    """A reader written from RFC 2849 alone."""
    found = []
    for line in ldif.replace(b"\n ", b"").split(b"\n"):
        if line:
            name, _, rest = line.partition(b":")
            # as Samba's reader has it, a tab is a blank
            value = base64.b64decode(rest[2:], validate=True) if rest.startswith(b":") else rest.lstrip(b" \t")
            found.append((name.decode(), value))
    return found


@given(value=st.binary(max_size=300))
@example(value=b"\ttabbed")
def test_every_value_comes_through_ldif(value: bytes) -> None:
    item = an_object(10, "CN=x", objectClass=(b"top",), description=(value,))
    text = b"".join(records(State([ROOT, item]), FACTS, secrets=True))
    assert ("description", value) in unfolded(text)
    assert max(map(len, text.split(b"\n"))) <= 76
    assert text.isascii()


def test_ldif_has_containers_first_and_neither_the_dead_nor_secrets() -> None:
    crew = an_object(
        20, "CN=crew", 2, links={"member": frozenset({ref(guid(10)), ref(guid(11))})}, unicodePwd=(b"\1" * 16,)
    )
    lines = unfolded(b"".join(records(State([crew, BOB, GONE, OFFICE, ROOT]), FACTS, secrets=False)))
    dns = [value.decode() for name, value in lines if name == "dn"]
    assert dns == [NC, f"OU=Office,{NC}", f"CN=crew,OU=Office,{NC}", f"CN=Smith\\, Bob,OU=Office,{NC}"]
    assert [value for name, value in lines if name == "member"] == [f"CN=Smith\\, Bob,OU=Office,{NC}".encode()]
    assert "unicodePwd" not in dict(lines)


@pytest.mark.parametrize(
    "text",
    [
        '[store]\nurl = "x"\n[key]\n# the key\nfile = "/old"  # here\n[journal]\nid = ""\n',
        '[store]\nurl = "x"\n[key]\n# file = ""\n\n[journal]\nid = ""\n',
        '[key]\nvault = "https://old/keys/one" # here\n# file = "/older"\n[store]\nurl = "x"\n',
        '[key]\n[store]\nfile = "not this one"\n',
        '[store]\nurl = "x"\n',
        "",
    ],
)
def test_the_configuration_names_the_new_key_and_keeps_everything_else(text: str) -> None:
    before = tomllib.loads(text)
    for source, value in (("file", '/etc/new "key"'), ("vault", "https://corp.vault.azure.net/keys/journal"), ("", "")):
        changed = renamed_key(text, source, value)
        after = tomllib.loads(changed)
        assert after.get("key", {}) == ({source: value} if source else {})
        assert tomllib.loads(renamed_key(changed, "file", "/back")).get("key") == {"file": "/back"}
    assert {name: part for name, part in after.items() if name != "key"} == {
        name: part for name, part in before.items() if name != "key"
    }


def test_an_attribute_knows_the_other_end_of_its_link() -> None:
    assert FACTS.backlink("member") == "memberOf"
    assert FACTS.backlink("memberOf") == ""
    assert FACTS.backlink("description") == ""
    assert FACTS["member"] == AttributeFacts(syntax="2.5.5.1", link=2)
