"""What the Azure adapter makes of a service that throttles, hangs, drops and refuses: each over a real line."""

import os
import re
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import (
    AccountSasPermissions,
    ResourceTypes,
    TableClient,
    UpdateMode,
    generate_account_sas,
)

from adpersist.errors import (
    AdpersistError,
    FencedError,
    IntegrityError,
    JournalExistsError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreReadOnlyError,
    StoreUnreachableError,
    ThrottledError,
)
from adpersist.journal.keys.derive import journal_id
from adpersist.model.identity.ids import Seq
from adpersist.reading.index.answering import indexed
from adpersist.stores.azure import access, layout
from adpersist.stores.azure.access import AZURITE_ACCOUNT, AZURITE_KEY, Credentials, azurite_address
from adpersist.stores.azure.tables import AzureTableStore
from adpersist.stores.port import (
    MAX_APPEND_BYTES,
    MAX_APPEND_FRAMES,
    MAX_FRAME_BYTES,
    MAX_HEAD_BYTES,
    Frame,
    Store,
    StoredHead,
)
from adpersist.stores.registry import open_store
from adpersist.stores.retrying import RetryingStore
from adpersist.system.backoff import Backoff
from tests.contract import proxy as line
from tests.contract.proxy import Exchange, Proxy, Twist
from tests.golden.journal_samples import IDENTITY, created, guid, look, new_journal, set_value

BEGIN = Seq(0)
QUICK = Backoff(budget_s=10.0, first_s=0.01, cap_s=0.05)
READ_TIMEOUT_S = 1.0
PATIENT_S = 60.0
"""Where nothing hangs, and only the machine may be busy."""


@pytest.fixture
def proxy(azurite: str) -> Iterator[Proxy]:
    with Proxy(azurite) as running:
        yield running


@pytest.fixture
def table() -> str:
    return f"t{secrets.token_hex(8)}"


@pytest.fixture
def bare(proxy: Proxy, table: str, journal: str) -> Iterator[AzureTableStore]:
    """The adapter by itself: every request is sent once."""
    with closing(opened(proxy.address, table, journal)) as store:
        yield store


@pytest.fixture
def patient(bare: AzureTableStore) -> RetryingStore:
    return RetryingStore(bare, QUICK)


@pytest.fixture
def truth(azurite: str, table: str, journal: str) -> Iterator[AzureTableStore]:
    """The same journal, past the proxy."""
    with closing(opened(azurite, table, journal, read_timeout_s=PATIENT_S)) as store:
        yield store


def opened(address: str, table: str, journal: str, *, read_timeout_s: float = READ_TIMEOUT_S) -> AzureTableStore:
    place = azurite_address(f"{address}/{table}")
    credential = Credentials(place, {}).current
    client = access.connect(place, credential, connect_timeout_s=2, read_timeout_s=read_timeout_s)
    return AzureTableStore(client, journal=journal, location=place.location)


def one(seq: int) -> list[Frame]:
    return [Frame(seq=Seq(seq), body=b"%d" % seq)]


def numbers(store: Store) -> list[int]:
    return [frame.seq for frame in store.frames(after=BEGIN)]


def filled(store: Store, count: int) -> StoredHead:
    head = store.create(b"head 0")
    for number in range(1, count + 1):
        head = store.append(one(number), onto=head, head=b"head %d" % number)
    return head


# --- an append that is not answered ---

NOT_DONE: Mapping[str, Twist] = {
    "dropped before": line.drop,
    "hanging before": line.hang(READ_TIMEOUT_S + 0.5),
    "500": line.odata(500, "InternalError"),
    "500 time-out": line.odata(500, "OperationTimedOut"),
    "502 of a gateway": line.say(502, {"Content-Type": "text/html"}, b"<html>bad <gateway></html>"),
    "503 of a gateway": line.say(503, {"Content-Type": "text/html"}, b"<html><body>no backend</body></html>"),
    "504 without a body": line.say(504),
    "408": line.say(408),
    "200 that is none": line.say(200, {"Content-Type": "text/plain"}, b"captive portal, please log in"),
    "202 without parts": line.say(202, {"Content-Type": "multipart/mixed; boundary=b"}, b"--b--\r\n"),
    "202 with rubbish": line.say(202, {"Content-Type": "application/json"}, b"{}"),
}
DONE: Mapping[str, Twist] = {
    "answer lost": line.lose_answer,
    "answer cut": line.cut_answer,
    "hanging after": line.hang(READ_TIMEOUT_S + 0.5, forward=True),
    "not HTTP": line.babble,
}


@pytest.mark.sampled
@pytest.mark.parametrize("twist", [*NOT_DONE.values(), *DONE.values()], ids=[*NOT_DONE, *DONE])
def test_an_append_nobody_answered_is_unknown(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore, twist: Twist
) -> None:
    head = filled(bare, 1)
    proxy.plan(twist, method="POST", path="$batch")
    with pytest.raises(OutcomeUnknownError):
        bare.append(one(2), onto=head, head=b"head 2")
    assert numbers(truth) == ([1, 2] if twist in DONE.values() else [1])


@pytest.mark.sampled
@pytest.mark.parametrize("twist", [*NOT_DONE.values(), *DONE.values()], ids=[*NOT_DONE, *DONE])
def test_an_unknown_append_is_settled_and_stands_once(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore, twist: Twist
) -> None:
    head = filled(patient, 1)
    before = proxy.count("POST", "$batch")
    proxy.plan(twist, method="POST", path="$batch")
    head = patient.append(one(2), onto=head, head=b"head 2")
    assert proxy.count("POST", "$batch") - before == (1 if twist in DONE.values() else 2)
    assert truth.head() == head
    assert numbers(truth) == [1, 2]
    patient.append(one(3), onto=head, head=b"head 3")  # the token it was given is the right one
    assert numbers(truth) == [1, 2, 3]


def test_unknown_many_times_over_is_settled(proxy: Proxy, patient: RetryingStore, truth: AzureTableStore) -> None:
    head = filled(patient, 1)
    proxy.plan(line.drop, method="POST", path="$batch", times=2)
    proxy.plan(line.odata(503, "ServerBusy"), method="GET", times=2)
    proxy.plan(line.lose_answer, method="POST", path="$batch")
    proxy.plan(line.drop, method="GET", times=2)
    patient.append(one(2), onto=head, head=b"head 2")
    assert numbers(truth) == [1, 2]


def test_a_write_that_lands_after_the_head_was_read_again_stands_once(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore
) -> None:
    """Azure may apply a write 30 s after its client gave up: the head still looks old when it is asked for."""
    head = filled(patient, 1)
    late = line.Late()
    proxy.plan(late.hold, method="POST", path="$batch")
    proxy.plan(late.release_after, method="GET", path="head")
    mine = patient.append(one(2), onto=head, head=b"head 2")
    assert truth.head() == mine
    assert numbers(truth) == [1, 2]


def test_a_write_that_lands_after_everybody_gave_up_fences_the_next(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore
) -> None:
    head = filled(bare, 1)
    late = line.Late()
    proxy.plan(late.hold, method="POST", path="$batch")
    with pytest.raises(OutcomeUnknownError):
        bare.append(one(2), onto=head, head=b"head 2")
    assert truth.head() == head
    late.release()
    with pytest.raises(FencedError):
        bare.append(one(2), onto=head, head=b"another head 2")
    assert truth.head().body == b"head 2"
    assert numbers(truth) == [1, 2]


def test_a_late_write_cannot_undo_a_winner(proxy: Proxy, patient: RetryingStore, truth: AzureTableStore) -> None:
    head = filled(patient, 1)
    late = line.Late()

    def other_wins(exchange: Exchange) -> None:
        late.hold(exchange)
        truth.append(one(2), onto=head, head=b"theirs")

    proxy.plan(other_wins, method="POST", path="$batch")
    with pytest.raises(FencedError):
        patient.append(one(2), onto=head, head=b"ours")
    late.release()
    assert truth.head().body == b"theirs"
    assert numbers(truth) == [1, 2]


def test_a_budget_spent_in_doubt_ends_unknown_and_never_as_not_written(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore
) -> None:
    """The last failure is a throttled read, which by itself would mean "nothing was written"."""
    head = filled(bare, 1)
    store = RetryingStore(bare, replace(QUICK, budget_s=0.3))
    proxy.plan(line.lose_answer, method="POST", path="$batch")
    proxy.plan(line.odata(429, "TooManyRequests"), method="GET", times=1000)
    with pytest.raises(OutcomeUnknownError):
        store.append(one(2), onto=head, head=b"head 2")
    assert numbers(truth) == [1, 2]


@pytest.mark.parametrize("twist", [line.drop, line.lose_answer], ids=["dropped", "answer lost"])
def test_an_unknown_create_is_settled(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore, twist: Twist, table: str
) -> None:
    proxy.plan(twist, method="POST", path=f"/{table}", skip=1)  # the first finds that there is no table
    head = patient.create(b"ours")
    assert truth.head() == head
    with pytest.raises(JournalExistsError):
        patient.create(b"again")


def test_an_unknown_create_that_somebody_else_won_is_refused(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore, table: str
) -> None:
    def other_wins(exchange: Exchange) -> None:
        truth.create(b"theirs")
        exchange.vanish()

    proxy.plan(other_wins, method="POST", path=f"/{table}")
    with pytest.raises(JournalExistsError):
        patient.create(b"ours")
    assert truth.head().body == b"theirs"


# --- throttling ---


@pytest.mark.parametrize(
    ("twist", "expected"),
    [
        (line.odata(429, "TooManyRequests"), None),
        (line.odata(429, "TooManyRequests", {"Retry-After": "3"}), 3.0),
        (line.odata(429, "TooManyRequests", {"x-ms-retry-after-ms": "250"}), 0.25),
        (line.odata(503, "ServerBusy"), None),
        (line.odata(503, "ServerBusy", {"Retry-After": "2"}), 2.0),
        (line.odata(503, "ServerBusy", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), None),
    ],
    ids=["429", "429 in seconds", "429 in milliseconds", "503", "503 in seconds", "503 by date"],
)
def test_throttling_wrote_nothing_and_tells_how_long(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore, twist: Twist, expected: float | None
) -> None:
    head = filled(bare, 1)
    proxy.plan(twist, method="POST", path="$batch")
    with pytest.raises(ThrottledError) as caught:
        bare.append(one(2), onto=head, head=b"head 2")
    assert caught.value.retry_after_s == expected
    proxy.plan(twist, method="GET")
    with pytest.raises(ThrottledError) as caught:
        bare.head()
    assert caught.value.retry_after_s == expected
    assert numbers(truth) == [1]


def test_retry_after_is_honoured(proxy: Proxy, bare: AzureTableStore) -> None:
    head = filled(bare, 1)
    waits: list[float] = []
    store = RetryingStore(bare, replace(QUICK, on_wait=lambda _error, wait_s: waits.append(wait_s)))
    proxy.plan(line.odata(429, "TooManyRequests", {"Retry-After": "1"}), method="POST", path="$batch")
    began = time.monotonic()
    store.append(one(2), onto=head, head=b"head 2")
    assert time.monotonic() - began >= 1.0
    assert waits == [1.0]


def test_throttling_that_does_not_end_is_unreachable_within_the_budget(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore
) -> None:
    head = filled(bare, 1)
    store = RetryingStore(bare, replace(QUICK, budget_s=0.5))
    proxy.plan(line.odata(429, "TooManyRequests"), times=1000)
    began = time.monotonic()
    with pytest.raises(StoreUnreachableError):
        store.append(one(2), onto=head, head=b"head 2")
    assert time.monotonic() - began < 2
    assert numbers(truth) == [1]


# --- reading over a bad line ---


@pytest.mark.sampled
@pytest.mark.parametrize("twist", [*NOT_DONE.values(), *DONE.values()], ids=[*NOT_DONE, *DONE])
def test_reading_over_a_bad_line_goes_on(proxy: Proxy, patient: RetryingStore, twist: Twist) -> None:
    head = filled(patient, 3)
    patient.put_checkpoint(Seq(3), [b"a", b"b"])
    for method in (patient.head, patient.checkpoints):
        proxy.plan(twist, method="GET")
        method()
    assert patient.head() == head
    proxy.plan(twist, method="GET", skip=2)  # the first two are the head and the floor
    assert numbers(patient) == [1, 2, 3]
    proxy.plan(twist, method="GET", skip=3)  # and then the first of the spans
    assert [each.seq for each in patient.frames_of([(BEGIN, Seq(1)), (Seq(2), Seq(3))])] == [1, 3]
    proxy.plan(twist, method="GET", skip=1)
    assert list(patient.checkpoint(Seq(3))) == [b"a", b"b"]


@pytest.mark.sampled
@pytest.mark.parametrize("twist", [*NOT_DONE.values(), *DONE.values()], ids=[*NOT_DONE, *DONE])
def test_reading_over_a_bad_line_is_unreachable(proxy: Proxy, bare: AzureTableStore, twist: Twist) -> None:
    filled(bare, 1)
    proxy.plan(twist, method="GET")
    with pytest.raises(StoreUnreachableError):
        bare.head()
    proxy.plan(twist, method="GET", skip=2)
    with pytest.raises(StoreUnreachableError):
        numbers(bare)


def test_nobody_listening_is_unreachable_and_soon(table: str, journal: str) -> None:
    with socket.socket() as held:  # bound and not listening: refuses
        held.bind(("127.0.0.1", 0))
        with closing(opened(f"127.0.0.1:{held.getsockname()[1]}", table, journal)) as store:
            began = time.monotonic()
            with pytest.raises(StoreUnreachableError) as caught:
                store.head()
            assert "refused" in caught.value.message
            with pytest.raises(StoreUnreachableError):  # known not to have happened: no connection, no write
                store.append(one(1), onto=StoredHead(seq=BEGIN, body=b"", token="x"), head=b"h")
            with pytest.raises(StoreUnreachableError):
                store.create(b"h")
            assert time.monotonic() - began < 5


def test_proxies_of_the_environment_are_not_asked_for_this_machine(
    azurite: str, table: str, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with closing(open_store(f"azurite://{azurite}/{table}", journal=journal)) as store:
        store.create(b"h")


# --- pages ---


def test_an_empty_page_with_a_token_is_not_the_end(proxy: Proxy, bare: AzureTableStore) -> None:
    """As Azure does when a query crosses a boundary of its own; Azurite never does it."""
    filled(bare, 3)

    def empty(exchange: Exchange) -> None:
        exchange.reply(
            line.Answer(
                status=200,
                headers={
                    "Content-Type": "application/json;odata=minimalmetadata",
                    "x-ms-continuation-NextPartitionKey": "cGFnZQ==",
                    "x-ms-continuation-NextRowKey": "Mg==",
                },
                body=b'{"odata.metadata":"x","value":[]}',
            )
        )

    def rest(exchange: Exchange) -> None:
        assert "NextPartitionKey=" in exchange.request.path
        path = re.sub(r"&?Next(Partition|Row)Key=[^&]*", "", exchange.request.path)
        exchange.reply(exchange.forward(line.with_path(exchange.request, path)))

    proxy.plan(empty, method="GET", path="filter")
    proxy.plan(empty, method="GET", path="filter")
    proxy.plan(rest, method="GET", path="filter")
    assert numbers(bare) == [1, 2, 3]


def test_short_pages_are_put_together(proxy: Proxy, bare: AzureTableStore) -> None:
    head = bare.create(b"")
    bodies = [os.urandom(700_000), b"small", os.urandom(300_000)]
    frames = [Frame(seq=Seq(number), body=body) for number, body in enumerate(bodies, start=1)]
    head = bare.append(frames[:2], onto=head, head=b"")
    bare.append(frames[2:], onto=head, head=b"")

    def one_row(exchange: Exchange) -> None:
        path = re.sub(r"(\$|%24)top=\d+", "$top=1", exchange.request.path)
        assert path != exchange.request.path
        exchange.reply(exchange.forward(line.with_path(exchange.request, path)))

    proxy.plan(one_row, method="GET", path="filter", times=100)
    assert list(bare.frames(after=BEGIN)) == frames
    assert proxy.count("GET", "filter") >= 4


def test_rows_in_any_order_are_put_in_order(proxy: Proxy, table: str, journal: str) -> None:
    """As Cosmos DB answers, which does not sort."""
    bare = opened(proxy.address, table, journal, read_timeout_s=PATIENT_S)
    head = bare.create(b"")
    bodies = [b"%d" % number if number % 5 else os.urandom(700_000) for number in range(1, 41)]
    frames = [Frame(seq=Seq(number), body=body) for number, body in enumerate(bodies, start=1)]
    for frame in frames:
        head = bare.append([frame], onto=head, head=b"")
    bare.put_checkpoint(Seq(40), bodies)

    def backwards(exchange: Exchange) -> None:
        answer = exchange.forward()
        before, found, rows = answer.body.partition(b'"value":[')
        assert found
        inner = rows.rstrip()[:-2]
        turned = b",".join(reversed(re.findall(rb"\{[^{}]*\}", inner)))
        exchange.reply(replace(answer, body=before + found + turned + b"]}"))

    proxy.plan(backwards, method="GET", path="filter", times=1000)
    assert list(bare.frames(after=BEGIN)) == frames
    assert list(bare.checkpoint(Seq(40))) == bodies
    bare.close()


def test_a_reader_waits_for_several_windows_at_once_and_leaves_none_behind(
    proxy: Proxy, table: str, journal: str
) -> None:
    """A service far away answers as many questions in the time of one, where they are of small bodies."""
    with closing(opened(proxy.address, table, journal, read_timeout_s=PATIENT_S)) as store:
        frames = [Frame(seq=Seq(number), body=b"%d" % number) for number in range(1, 4 + 8 * 16 + 1)]
        head = store.create(b"")
        for at in range(0, len(frames), MAX_APPEND_FRAMES):
            head = store.append(frames[at : at + MAX_APPEND_FRAMES], onto=head, head=b"")
        together = threading.Barrier(8)

        def answered_together(exchange: Exchange) -> None:
            together.wait(PATIENT_S / 2)
            exchange.reply(exchange.forward())

        proxy.plan(answered_together, method="GET", path="filter", skip=1, times=8)
        assert list(store.frames(after=BEGIN)) == frames
        reading = store.frames(after=BEGIN)
        assert [next(reading) for _ in range(10)] == frames[:10]
        del reading
        assert [each for each in threading.enumerate() if each.name.startswith("window")] == []


def test_of_large_bodies_few_are_on_their_way(proxy: Proxy, table: str, journal: str) -> None:
    """A MiB each: what is asked for ahead takes memory."""
    with closing(opened(proxy.address, table, journal, read_timeout_s=PATIENT_S)) as store:
        head, body = store.create(b""), os.urandom(MAX_FRAME_BYTES)
        for number in range(1, 25):
            head = store.append([Frame(seq=Seq(number), body=body)], onto=head, head=b"")
        waiting, most, lock = 0, 0, threading.Lock()

        def counted(exchange: Exchange) -> None:
            nonlocal waiting, most
            with lock:
                waiting += 1
                most = max(most, waiting)
            answer = exchange.forward()
            with lock:
                waiting -= 1
            exchange.reply(answer)

        proxy.plan(counted, method="GET", path="filter", times=100)
        assert [frame.body for frame in store.frames(after=BEGIN)] == [body] * 24
        assert 1 < most <= 4


def test_what_turns_out_large_is_asked_for_again_by_itself(proxy: Proxy, table: str, journal: str) -> None:
    """A first look after thousands of small ones: hundreds asked for at once would be hundreds of MiB."""
    with closing(opened(proxy.address, table, journal, read_timeout_s=PATIENT_S)) as store:
        large = [os.urandom(size) for size in (65_535, 65_536, 65_537, 700_000, MAX_FRAME_BYTES)]
        bodies = [*(b"%d" % number for number in range(6 * MAX_APPEND_FRAMES)), *large, *(b"end" for _ in range(60))]
        frames = [Frame(seq=Seq(number), body=body) for number, body in enumerate(bodies, start=1)]
        head = store.create(b"")
        while head.seq < len(frames):
            is_large = len(frames[head.seq].body) > 1000
            head = store.append(
                frames[head.seq : head.seq + (1 if is_large else MAX_APPEND_FRAMES)], onto=head, head=b""
            )
        wide: list[int] = []

        def measured(exchange: Exchange) -> None:
            answer = exchange.forward()
            wide.append(len(answer.body) if "select" in exchange.request.path else 0)
            exchange.reply(answer)

        proxy.plan(measured, method="GET", path="filter", times=1000)
        assert list(store.frames(after=BEGIN)) == frames
        assert 5 * 65_536 < max(wide) < 1_000_000, "more than the beginning of large bodies came with small ones"
        assert len(wide) < 40


def test_a_body_larger_than_any_of_ours_keeps_nobody_from_what_follows(truth: AzureTableStore, journal: str) -> None:
    """Who holds the table may lay anything there: the journal tells that it is not its own."""
    filled(truth, 8)
    huge = Frame(seq=Seq(1), body=bytes(13 * MAX_FRAME_BYTES))
    for entity in layout.frame_entities(journal, huge):
        truth._client.upsert_entity(entity, mode=UpdateMode.REPLACE)
    for seq in range(2, 5):
        truth._client.delete_entity(journal, f"{layout.frame_bound(seq)}.00")
    found = list(truth.frames(after=BEGIN))
    assert [frame.seq for frame in found] == [1, *range(5, 9)]
    assert found[0] == huge


# --- writing in pieces: checkpoints and trimming ---


@pytest.mark.parametrize(
    "twist",
    [line.drop, line.lose_answer, line.odata(429, "TooManyRequests"), line.odata(503, "ServerBusy")],
    ids=["dropped", "answer lost", "429", "503"],
)
def test_a_checkpoint_goes_on_where_it_stopped(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore, twist: Twist
) -> None:
    filled(patient, 1)
    parts = [b"part %d" % number for number in range(6)]
    before = proxy.count("POST", "$batch")
    proxy.plan(twist, method="POST", path="$batch", skip=3)
    taken: list[bytes] = []

    def feed() -> Iterator[bytes]:
        for part in parts:
            taken.append(part)
            yield part

    patient.put_checkpoint(Seq(1), feed())
    assert list(truth.checkpoint(Seq(1))) == parts
    assert taken == parts
    # the one that failed, and (when it had been stored after all) its deletion; never the first three again
    assert proxy.count("POST", "$batch") - before <= len(parts) + 2


@pytest.mark.parametrize("twist", [line.drop, line.lose_answer], ids=["dropped", "answer lost"])
def test_trimming_and_dropping_repeat_themselves(
    proxy: Proxy, patient: RetryingStore, truth: AzureTableStore, twist: Twist
) -> None:
    filled(patient, 5)
    patient.put_checkpoint(Seq(2), [b"a", b"b"])
    proxy.plan(twist, method="POST", path="$batch")
    patient.trim(through=Seq(3))
    assert numbers(truth) == [4, 5]
    proxy.plan(twist, method="POST", path="$batch")
    proxy.plan(twist, method="DELETE")
    patient.drop_checkpoint(Seq(2))
    assert truth.checkpoints() == []
    assert list(truth.checkpoint(Seq(2))) == []


def test_half_a_frame_left_by_an_interrupted_trim_is_not_a_frame(
    proxy: Proxy, bare: AzureTableStore, azurite: str, table: str, journal: str
) -> None:
    head = bare.create(b"")
    body = os.urandom(700_000)
    for number in (1, 2):
        head = bare.append([Frame(seq=Seq(number), body=body)], onto=head, head=b"")
    raw = raw_client(azurite, table)
    raw.delete_entity(journal, "c0000000000000001.00")
    assert numbers(bare) == [2]
    bare.trim(through=Seq(1))
    assert numbers(bare) == [2]
    assert [row["RowKey"] for row in raw.query_entities(f"PartitionKey eq '{journal}'", select="RowKey")] == [
        "c0000000000000002.00",
        "c0000000000000002.01",
        "floor",
        "head",
    ]
    raw.close()


# --- one transaction ---


def raw_client(azurite: str, table: str) -> TableClient:
    return TableClient(
        f"http://{azurite}/{AZURITE_ACCOUNT}", table, credential=AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY)
    )


def test_the_largest_append_is_one_request_below_two_mebibytes(proxy: Proxy, table: str, journal: str) -> None:
    with closing(opened(proxy.address, table, journal, read_timeout_s=PATIENT_S)) as bare:
        head = bare.create(b"")
        before = len(proxy.seen)
        size = MAX_APPEND_BYTES // MAX_APPEND_FRAMES
        frames = [Frame(seq=Seq(number), body=os.urandom(size)) for number in range(1, MAX_APPEND_FRAMES + 1)]
        head = bare.append(frames, onto=head, head=os.urandom(MAX_HEAD_BYTES))
        large = Frame(seq=Seq(head.seq + 1), body=os.urandom(MAX_APPEND_BYTES))
        bare.append([large], onto=head, head=os.urandom(MAX_HEAD_BYTES))
    sizes = [len(request.body) for request in proxy.seen[before:]]
    assert len(sizes) == 2
    assert max(sizes) <= 2 * 1_048_576


def test_frames_beyond_the_head_are_damage_and_the_head_stays(
    bare: AzureTableStore, azurite: str, table: str, journal: str
) -> None:
    """A row that is in the way undoes the whole transaction, the head that was already replaced in it included."""
    head = filled(bare, 1)
    raw = raw_client(azurite, table)
    raw.create_entity({"PartitionKey": journal, "RowKey": "c0000000000000003.00", "parts": 1, "b0": b"stray"})
    raw.close()
    with pytest.raises(IntegrityError):
        bare.append([*one(2), *one(3)], onto=head, head=b"head 3")
    assert bare.head() == head
    assert numbers(bare) == [1]


# --- credentials and rights ---


def sas(*, write: bool = True, expires_s: float = 3600) -> str:
    return generate_account_sas(
        AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY),
        resource_types=ResourceTypes(service=True, container=True, object=True),
        permission=AccountSasPermissions(read=True, list=True, add=write, update=write, delete=write, create=write),
        expiry=datetime.now(UTC) + timedelta(seconds=expires_s),
        start=datetime.now(UTC) - timedelta(hours=2),
    )


def with_sas(azurite: str, table: str, journal: str, environment: Mapping[str, str]) -> AzureTableStore:
    place = replace(azurite_address(f"{azurite}/{table}"), emulated=False)
    credentials = Credentials(place, environment)
    client = access.connect(place, credentials.current)
    return AzureTableStore(client, journal=journal, location=place.location, renew=credentials.renew)


def test_a_shared_access_signature_serves(azurite: str, table: str, journal: str) -> None:
    with closing(with_sas(azurite, table, journal, {"ADPERSIST_AZURE_SAS": "?" + sas()})) as store:
        head = filled(store, 2)
        store.put_checkpoint(Seq(1), [b"x"])
        store.trim(through=Seq(1))
        assert store.head() == head


@pytest.mark.parametrize(
    "twist",
    [line.refuse_part(403, "AuthorizationPermissionMismatch"), line.odata(403, "AuthorizationPermissionMismatch")],
    ids=["in the part", "as a whole"],
)
def test_a_credential_that_may_not_append_is_told_apart(
    proxy: Proxy, bare: AzureTableStore, truth: AzureTableStore, twist: Twist
) -> None:
    """Twisted, since Azurite carries out any transaction for a signature that may only read."""
    head = filled(bare, 1)
    proxy.plan(twist, method="POST", path="$batch")
    with pytest.raises(StoreReadOnlyError) as caught:
        bare.append(one(2), onto=head, head=b"h")
    assert "Contributor" in caught.value.hint
    assert truth.head() == head


def test_a_credential_that_may_not_write_reads(azurite: str, table: str, journal: str, truth: AzureTableStore) -> None:
    head = filled(truth, 1)
    with closing(with_sas(azurite, table, journal, {"ADPERSIST_AZURE_SAS": sas(write=False)})) as store:
        assert store.head() == head
        assert numbers(store) == [1]
        with pytest.raises(StoreReadOnlyError):
            store.create(b"h")
        with pytest.raises(StoreReadOnlyError):
            store.trim(through=Seq(1))
        with pytest.raises(StoreReadOnlyError):
            store.put_checkpoint(Seq(1), [b"x"])
    assert truth.head() == head


def test_an_expired_signature_is_refused_with_a_hint(
    azurite: str, table: str, journal: str, truth: AzureTableStore
) -> None:
    head = filled(truth, 1)
    with closing(with_sas(azurite, table, journal, {"ADPERSIST_AZURE_SAS": sas(expires_s=-60)})) as store:
        for attempt in (store.head, lambda: store.append(one(2), onto=head, head=b"h")):
            with pytest.raises(StoreError) as caught:
                attempt()
            assert not caught.value.retryable
            assert "expired" in caught.value.hint
    assert truth.head() == head


def test_a_signature_renewed_in_its_file_is_taken_up_while_running(
    azurite: str, table: str, journal: str, truth: AzureTableStore, tmp_path: Path
) -> None:
    head = filled(truth, 1)
    place = tmp_path / "sas"
    place.write_text(sas(expires_s=-60) + "\n")
    with closing(with_sas(azurite, table, journal, {"ADPERSIST_AZURE_SAS_FILE": str(place)})) as bare:
        store = RetryingStore(bare, QUICK)
        with pytest.raises(StoreError):
            store.head()
        place.write_text(sas() + "\n")
        head = store.append(one(2), onto=head, head=b"head 2")
    assert truth.head() == head


def test_a_wrong_clock_is_named(proxy: Proxy, bare: AzureTableStore) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    def refuse(exchange: Exchange) -> None:
        body = b'{"odata.error":{"code":"AuthenticationFailed","message":{"lang":"x","value":"too old"}}}'
        head = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %d\r\n\r\n"
        exchange.say(head % (then.encode(), len(body)) + body)

    proxy.plan(refuse)
    with pytest.raises(StoreError) as caught:
        bare.head()
    assert "clock" in caught.value.hint
    assert "behind" in caught.value.hint


FAILURES: Mapping[str, Callable[[str], Twist]] = {
    "dropped": lambda _: line.drop,
    "not HTTP": lambda _: line.babble,
    "hanging": lambda _: line.hang(READ_TIMEOUT_S + 0.5),
    "refused": lambda _: line.odata(403, "AuthenticationFailed"),
    "502": lambda _: line.say(502, {"Content-Type": "text/html"}, b"<html>"),
}


@pytest.mark.sampled
@pytest.mark.parametrize("failure", FAILURES)
def test_a_signature_is_never_told(
    proxy: Proxy, table: str, journal: str, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The signature stands in every URL, and requests and urllib3 are fond of telling the URL."""
    caplog.set_level("DEBUG")
    token = sas()
    signature = re.search(r"sig=([^&]+)", token)
    assert signature
    place = replace(azurite_address(f"{proxy.address}/{table}"), emulated=False)
    credentials = Credentials(place, {"ADPERSIST_AZURE_SAS": token})
    client = access.connect(place, credentials.current, read_timeout_s=READ_TIMEOUT_S)
    with closing(AzureTableStore(client, journal=journal, location=place.location)) as store:
        for attempt in (store.head, lambda: store.create(b"h")):
            proxy.plan(FAILURES[failure](table))
            with pytest.raises(AdpersistError) as caught:
                attempt()
            told = "".join(traceback.format_exception(caught.value)) + caught.value.message + caught.value.hint
            assert signature[1] not in told
    assert "sig=" in proxy.seen[-1].path
    assert signature[1] not in caplog.text


# --- the table ---


def test_a_table_that_was_deleted_is_no_journal(bare: AzureTableStore, azurite: str, table: str, journal: str) -> None:
    head = filled(bare, 1)
    raw = raw_client(azurite, table)
    raw.delete_table()
    raw.close()
    for attempt in (
        bare.head,
        bare.checkpoints,
        lambda: numbers(bare),
        lambda: bare.append(one(2), onto=head, head=b"h"),
        lambda: bare.trim(through=Seq(1)),
    ):
        with pytest.raises(NoJournalError) as caught:
            attempt()
        assert "table" in caught.value.message
        assert caught.value.hint


def test_two_makers_of_one_table_both_get_their_journal(azurite: str, table: str) -> None:
    failures: list[BaseException] = []

    def make() -> None:
        with closing(opened(azurite, table, secrets.token_hex(16))) as store:
            try:
                store.create(b"h")
            except AdpersistError as error:
                failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- cost ---


def test_requests_are_few(proxy: Proxy, bare: AzureTableStore) -> None:
    head = filled(bare, 3)
    before = len(proxy.seen)
    bare.append(one(4), onto=head, head=b"head 4")
    assert len(proxy.seen) - before == 1
    before = len(proxy.seen)
    assert numbers(bare) == [1, 2, 3, 4]
    assert len(proxy.seen) - before == 3  # the head, the floor, the frames


def test_of_an_objects_history_each_event_is_one_request_and_several_are_on_their_way(
    proxy: Proxy, table: str, tmp_path: Path
) -> None:
    """With the commits before and after it, by which it is proven."""
    times, apart = 10, 8
    with closing(open_store(f"azurite://{proxy.address}/{table}", journal=journal_id(IDENTITY))) as store:
        journal = new_journal(store)
        look(journal, [created("domain"), created("ada")], 1)
        for number in range(1, times * apart):
            look(journal, [set_value("domain" if number % apart else "ada", b"%d" % number)], number)
        with indexed(journal, tmp_path) as reading:
            before = len(proxy.seen)
            together = threading.Barrier(times // 2)

            def answered_together(exchange: Exchange) -> None:
                together.wait(PATIENT_S / 4)
                exchange.reply(exchange.forward())

            proxy.plan(answered_together, method="GET", path="filter", skip=1, times=times // 2)
            assert len(list(reading.history(guid("ada")))) == times
            assert len(proxy.seen) - before == 2 + times  # the head, the floor, the events
