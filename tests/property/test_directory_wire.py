"""Our own reading and writing of LDAP against ldap3's and pyasn1's, and against bytes that are not LDAP."""

from __future__ import annotations

import random
import socket
import threading
import tracemalloc
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import compile_filter as pyasn1_filter
from ldap3.operation.search import parse_filter
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    LDAPOID,
    AttributeDescription,
    AttributeValue,
    Control,
    Controls,
    ControlValue,
    Criticality,
    LDAPMessage,
    LDAPString,
    MessageID,
    PartialAttribute,
    PartialAttributeList,
    ProtocolOp,
    ResultCode,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ

from adpersist.directory.ldap import conversation
from adpersist.directory.ldap.conversation import Conversation
from adpersist.directory.wire.ber import BerError, header, integer, number
from adpersist.directory.wire.controls import BYPASS_PASSWORD_HASH, RELAX, dirsync
from adpersist.directory.wire.filters import ANY, Filter, and_, at_least, at_most, equals, not_, or_, present
from adpersist.directory.wire.messages import (
    DONE,
    ENTRY,
    Entries,
    Entry,
    Result,
    SearchScope,
    envelope,
    read_dirsync,
    read_result,
    search_request,
)
from adpersist.directory.wire.requests import (
    MODIFY_ADD,
    MODIFY_DELETE,
    MODIFY_REPLACE,
    Modifications,
    add_request,
    delete_request,
    modify_request,
    rename_request,
)
from adpersist.errors import DirectoryUnreachableError
from adpersist.model.identity.ids import Guid, guid_from_text, guid_text

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,30}(;range=[01]-[01*])?", fullmatch=True)
values = st.binary(max_size=40) | st.integers(120, 70_000).map(bytes)
attributes = st.dictionaries(names, st.lists(values, max_size=5), max_size=8)
dns = st.text(st.characters(codec="utf-8"), max_size=200)
URL = "ldapi:///nowhere"


def encoded(message: int, operation: Any, controls: Any = None) -> bytes:  # noqa: ANN401 - ldap3 ships no types
    """An LDAPMessage by pyasn1 and ldap3's grammar."""
    whole = LDAPMessage()
    whole["messageID"] = MessageID(message)
    whole["protocolOp"] = ProtocolOp().setComponentByName(
        "searchResEntry" if isinstance(operation, SearchResultEntry) else "searchResDone", operation
    )
    if controls is not None:
        whole["controls"] = controls
    return bytes(encoder.encode(whole))


def entry_message(message: int, dn: str, found: dict[str, list[bytes]]) -> bytes:
    partial = PartialAttributeList()
    for place, (name, each) in enumerate(found.items()):
        attribute = PartialAttribute()
        attribute["type"] = AttributeDescription(name)
        vals = Vals()
        for at, value in enumerate(each):
            vals.setComponentByPosition(at, AttributeValue(value))
        attribute["vals"] = vals
        partial.setComponentByPosition(place, attribute)
    entry = SearchResultEntry()
    entry["object"] = LDAPDN(dn.encode())
    entry["attributes"] = partial
    return encoded(message, entry)


def done_message(message: int, *, code: int = 0, words: str = "", control: tuple[str, bytes] | None = None) -> bytes:
    done = SearchResultDone()
    done["resultCode"] = ResultCode(code)
    done["matchedDN"] = LDAPDN("")
    done["diagnosticMessage"] = LDAPString(words)
    controls = None
    if control is not None:
        one = Control()
        one["controlType"] = LDAPOID(control[0])
        one["criticality"] = Criticality(True)
        one["controlValue"] = ControlValue(control[1])
        controls = Controls().setComponentByPosition(0, one)
    return encoded(message, done, controls)


def read_entry(data: bytes) -> Entry:
    found = header(data, 0)
    assert found is not None
    _, operation, first, after = envelope(data, found[1], found[2])
    assert operation == ENTRY
    return Entries().read(data, first, after)


@given(dn=dns, found=attributes)
def test_an_entry_reads_as_it_was_written(dn: str, found: dict[str, list[bytes]]) -> None:
    data = entry_message(7, dn, found)
    read = read_entry(data)
    assert (read.dn, read.attributes) == (dn, {name: tuple(each) for name, each in found.items()})
    assert sum(len(value) for each in found.values() for value in each) <= read.size <= len(data)


@given(
    code=st.sampled_from([0, 1, 32, 51, 53]),
    words=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=300),
    value=st.none() | st.binary(max_size=300),
)
def test_a_result_reads_as_it_was_written(code: int, words: str, value: bytes | None) -> None:
    data = done_message(9, code=code, words=words, control=None if value is None else ("1.2.3", value))
    found = header(data, 0)
    assert found is not None
    message, operation, first, after = envelope(data, found[1], found[2])
    assert (message, operation) == (9, DONE)
    controls = {} if value is None else {"1.2.3": value}
    assert read_result(data, first, after, found[2]) == Result(code=code, message=words, controls=controls)


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_number_reads_as_it_was_written(value: int) -> None:
    assert decoder.decode(integer(value), asn1Spec=univ.Integer())[0] == value
    assert number(integer(value), 0, len(integer(value))) == (value, len(integer(value)))


@given(found=attributes, data=st.data())
def test_a_damaged_entry_is_refused_or_read_and_nothing_else(
    found: dict[str, list[bytes]], data: st.DataObject
) -> None:
    whole = bytearray(entry_message(7, "CN=bob,DC=corp", found))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BerError):
        outer = header(bytes(whole), 0)
        if outer is not None:
            _, _, first, after = envelope(bytes(whole), outer[1], outer[2])
            read = Entries().read(bytes(whole), first, after)
            assert sum(len(v) for each in read.attributes.values() for v in each) <= len(whole)


@given(st.binary(max_size=200))
def test_a_control_of_any_bytes_is_refused_or_read(value: bytes) -> None:
    with suppress(BerError):
        read_dirsync(value)


@given(cookie=st.binary(max_size=300))
def test_a_cookie_comes_back_from_its_control(cookie: bytes) -> None:
    asked = dirsync(cookie)[2]
    assert asked is not None
    # the answer has the same shape as the question
    assert read_dirsync(asked) == (True, cookie)


FILTERS = [
    (ANY, "(objectClass=*)"),
    (present("mail"), "(mail=*)"),
    (at_least("uSNChanged", 4711), "(uSNChanged>=4711)"),
    (at_most("usnchanged", 1), "(usnchanged<=1)"),
    (
        and_(equals("objectClass", b"user"), equals("sAMAccountName", b"krbtgt")),
        "(&(objectClass=user)(sAMAccountName=krbtgt))",
    ),
    (
        or_(equals("objectGUID", b"\x01\xff()*"), not_(equals("cn", b"a b"))),
        "(|(objectGUID=\\01\\ff\\28\\29\\2a)(!(cn=a b)))",
    ),
    (
        not_(or_(equals("cn", b"x"), and_(equals("sn", b"y"), equals("l", b"z")))),
        "(!(|(cn=x)(&(sn=y)(l=z))))",
    ),
    (equals("displayName", "Zoë".encode()), "(displayName=Zoë)"),
    (and_(not_(at_most("uSNChanged", 5)), at_most("uSNChanged", 9)), "(&(!(uSNChanged<=5))(uSNChanged<=9))"),
]


def ldap3_filter(text: str) -> bytes:
    encoded: bytes = encoder.encode(pyasn1_filter(parse_filter(text, None, False, False, None, False).elements[0]))
    return encoded


@pytest.mark.parametrize(("built", "text"), FILTERS, ids=[text for _, text in FILTERS])
def test_a_filter_is_built_as_ldap3_has_it(built: Filter, text: str) -> None:
    assert built == ldap3_filter(text)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=300))
def test_values_of_any_bytes_are_asked_for_as_ldap3_does(values: list[bytes]) -> None:
    texts = ("".join(f"\\{byte:02x}" for byte in value) for value in values)
    assert or_(*(equals("a", value) for value in values)) == ldap3_filter(f"(|{''.join(f'(a={t})' for t in texts)})")


@given(guid=st.binary(min_size=16, max_size=16))
def test_a_guid_and_its_text_are_those_of_the_standard_library(guid: bytes) -> None:
    text = str(uuid.UUID(bytes_le=guid))
    assert guid_text(Guid(guid)) == text
    assert guid_from_text(text) == guid_from_text(text.upper()) == guid_from_text(f"{{{text}}}") == guid


def test_a_request_is_one_ldap3_can_read() -> None:
    request = search_request(
        5, "DC=corp", SearchScope.SUBTREE, equals("cn", b"a"), ["*", "unicodePwd"], [dirsync(b"x" * 200)]
    )
    message, rest = decoder.decode(request, asn1Spec=LDAPMessage())
    assert not rest
    search = message["protocolOp"]["searchRequest"]
    assert int(message["messageID"]) == 5
    assert bytes(search["baseObject"]) == b"DC=corp"
    assert [bytes(each) for each in search["attributes"]] == [b"*", b"unicodePwd"]
    assert bytes(message["controls"][0]["controlValue"]) == dirsync(b"x" * 200)[2]


def test_writes_are_requests_ldap3_can_read() -> None:
    def read(request: bytes, operation: str) -> tuple[Any, list[str]]:
        message, rest = decoder.decode(request, asn1Spec=LDAPMessage())
        assert not rest and int(message["messageID"]) == 7
        return message["protocolOp"][operation], [bytes(each["controlType"]).decode() for each in message["controls"]]

    photo = bytes(70_000)
    added, controls = read(
        add_request(7, "CN=é,DC=corp", {"a": (b"1", b"2"), "photo": (photo,)}, (RELAX,)), "addRequest"
    )
    assert (bytes(added["entry"]).decode(), controls) == ("CN=é,DC=corp", [RELAX[0]])
    assert [(bytes(each["type"]), sorted(map(bytes, each["vals"]))) for each in added["attributes"]] == [
        (b"a", [b"1", b"2"]),
        (b"photo", [photo]),
    ]
    changes: Modifications = {
        "member": [(MODIFY_DELETE, (b"x",)), (MODIFY_ADD, (b"y",))],
        "cleared": [(MODIFY_REPLACE, ())],
    }
    modified, controls = read(modify_request(7, "CN=a", changes, (RELAX, BYPASS_PASSWORD_HASH)), "modifyRequest")
    assert bytes(modified["object"]) == b"CN=a" and len(controls) == 2
    assert [
        (int(each["operation"]), bytes(each["modification"]["type"]), list(map(bytes, each["modification"]["vals"])))
        for each in modified["changes"]
    ] == [(1, b"member", [b"x"]), (0, b"member", [b"y"]), (2, b"cleared", [])]
    renamed, _ = read(rename_request(7, "CN=a,DC=corp", "CN=b", "OU=c,DC=corp", (RELAX,)), "modDNRequest")
    assert [bytes(renamed[name]) for name in ("entry", "newrdn", "newSuperior")] == [
        b"CN=a,DC=corp",
        b"CN=b",
        b"OU=c,DC=corp",
    ]
    assert bool(renamed["deleteoldrdn"])
    deleted, _ = read(delete_request(7, "CN=a,DC=corp", (RELAX,)), "delRequest")
    assert bytes(deleted) == b"CN=a,DC=corp"


# --- a conversation with whatever answers ---------------------------------------------------------------------------


@contextmanager
def answered(*pieces: bytes, questions: int = 1) -> Iterator[Conversation]:
    """A conversation with somebody who says the pieces, one by one, hears all questions out and hangs up."""
    ours, theirs = socket.socketpair()

    def speak() -> None:
        theirs.recv(65536)
        for piece in pieces:
            theirs.sendall(piece)
        for _ in range(1, questions):
            theirs.recv(65536)
        theirs.close()

    speaker = threading.Thread(target=speak)
    speaker.start()
    ids = iter(range(1, 100))
    try:
        yield Conversation(ours, URL, lambda: next(ids))
    finally:
        ours.close()
        speaker.join()


def ask(conversation: Conversation) -> list[Entry]:
    return list(conversation.search("DC=corp", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5))


@given(sizes=st.lists(st.integers(0, 3000), max_size=6), cut=st.integers(1, 4000))
def test_an_answer_reads_the_same_however_it_is_cut(sizes: list[int], cut: int) -> None:
    stream = b"".join(entry_message(1, f"CN={size}", {"a": [bytes(size)]}) for size in sizes) + done_message(1)
    with answered(*(stream[at : at + cut] for at in range(0, len(stream), cut))) as conversation:
        assert [len(entry.attributes["a"][0]) for entry in ask(conversation)] == sizes


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(200),
        bytes([0x30, 0x80]),
        bytes([0x30, 0x85, 1, 1, 1, 1, 1]),
        bytes([0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
        entry_message(1, "CN=a", {"a": [b"b"]})[:-1],
        entry_message(1, "CN=a", {"a": [b"b"]}),
        entry_message(2, "CN=a", {"a": [b"b"]}) + done_message(2),
        entry_message(0, "CN=a", {}),
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
    ],
    ids=["silence", "http", "indefinite", "five-bytes", "four-gigabytes", "cut", "endless", "alien", "notice", "bind"],
)
def test_what_is_no_answer_is_a_directory_that_went_away(answer: bytes) -> None:
    with answered(answer) as conversation:
        with pytest.raises(DirectoryUnreachableError):
            ask(conversation)
        with pytest.raises(DirectoryUnreachableError):
            ask(conversation)


@pytest.mark.parametrize("shown", [0, 3])
def test_an_answer_that_the_server_passes_over_is_a_failure_of_its_own(shown: int) -> None:
    stream = b"".join(entry_message(1, f"CN={number}", {}) for number in range(shown))
    with answered(stream + entry_message(2, "CN=second", {}) + done_message(2), questions=2) as talk:
        first, second = (talk.search("", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for _ in range(2))
        assert not first.take_in()
        assert len(list(first)) == shown
        assert first.result == conversation.PASSED_OVER
        assert second.take_in()
        assert [entry.dn for entry in second] == ["CN=second"]
        assert not talk.is_waiting


def test_a_request_that_no_server_reads_is_refused_and_the_next_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MOST_BYTES_ASKED", 1000)
    with answered(entry_message(2, "CN=a", {}) + done_message(2)) as talk:
        long = talk.send(lambda _: bytes(1001), timeout_s=5)
        assert list(long) == []
        assert long.result is not None and long.result.code != 0
        assert [entry.dn for entry in ask(talk)] == ["CN=a"]


def test_answers_read_out_of_turn_are_whole() -> None:
    first = b"".join(entry_message(1, f"CN={number}", {}) for number in range(9)) + done_message(1)
    with answered(first + entry_message(2, "CN=second", {}) + done_message(2), questions=2) as conversation:
        begun = conversation.search("DC=corp", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5)
        assert next(begun).dn == "CN=0"
        assert [entry.dn for entry in ask(conversation)] == ["CN=second"]
        assert [entry.dn for entry in begun] == [f"CN={number}" for number in range(1, 9)]
        assert begun.result is not None


def test_questions_asked_ahead_are_answered_in_their_order() -> None:
    stream = b"".join(entry_message(turn, f"CN={turn}", {}) + done_message(turn) for turn in (1, 2, 3))
    with answered(stream, questions=3) as conversation:
        asked = [
            conversation.search(f"DC={turn}", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for turn in (1, 2, 3)
        ]
        assert [[entry.dn for entry in search] for search in asked] == [["CN=1"], ["CN=2"], ["CN=3"]]
        assert all(search.result == Result(code=0, message="") for search in asked)


@given(sizes=st.lists(st.integers(0, 3000), max_size=6), second=st.integers(0, 3000))
def test_an_answer_taken_in_ahead_is_whole_and_leaves_the_next_one_alone(sizes: list[int], second: int) -> None:
    stream = b"".join(entry_message(1, "CN=a", {"a": [bytes(size)]}) for size in sizes) + done_message(1)
    with answered(stream + entry_message(2, "CN=b", {"a": [bytes(second)]}) + done_message(2), questions=2) as talk:
        asked = [talk.search("", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for _ in range(2)]
        assert asked[0].take_in()
        assert [len(entry.attributes["a"][0]) for entry in asked[0]] == sizes
        assert [len(entry.attributes["a"][0]) for entry in asked[1]] == [second]


def test_the_end_of_a_large_answer_is_here_before_all_of_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "_AHEAD_BYTES", 500_000)
    monkeypatch.setattr(conversation, "_CHUNK_BYTES", 50_000)
    stream = b"".join(entry_message(1, f"CN={turn}", {"a": [bytes(40_000)]}) for turn in range(20)) + done_message(1)
    with answered(stream + entry_message(2, "CN=second", {}) + done_message(2), questions=2) as talk:
        asked = [talk.search("", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for _ in range(2)]
        here = [asked[0].take_in() for _ in asked[0]]
        assert (here[0], here[10], len(here)) == (False, True, 20)
        assert here == sorted(here)
        assert not asked[0].take_in(), "nothing of it is left"
        assert [entry.dn for entry in asked[1]] == ["CN=second"]


def test_of_an_answer_that_is_not_read_yet_only_a_little_is_in_memory() -> None:
    bodies = [random.Random(turn).randbytes(40_000) for turn in range(500)]
    streams = [
        b"".join(entry_message(turn, "CN=a", {"a": [body]}) for body in bodies) + done_message(turn) for turn in (1, 2)
    ]
    with answered(*streams, questions=2) as talk:
        for asked in [talk.search("", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for _ in streams]:
            tracemalloc.start()
            try:
                assert asked.take_in()
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert held < len(streams[0]) / 3
            assert [entry.attributes["a"][0] for entry in asked] == bodies


def test_an_answer_that_was_read_for_the_sake_of_the_next_is_not_waited_for_again() -> None:
    stream = b"".join(entry_message(turn, f"CN={turn}", {}) + done_message(turn) for turn in (1, 2))
    with answered(stream, questions=2) as talk:
        asked = [talk.search("", SearchScope.SUBTREE, ANY, ["*"], [], timeout_s=5) for _ in range(2)]
        assert [entry.dn for entry in asked[1]] == ["CN=2"]
        assert not asked[0].take_in()
        assert [entry.dn for entry in asked[0]] == ["CN=1"]
