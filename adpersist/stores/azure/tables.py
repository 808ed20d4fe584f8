"""The journal in Azure Storage tables, Cosmos DB for Table, or Azurite: one client, one layout for all three.

Tries every request once: what cuts across, patience and settling unknown outcomes, is
:class:`adpersist.stores.retrying.RetryingStore`. No type of the SDK leaves this module.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from itertools import islice
from typing import Final, Literal

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.data.tables import TableClient, TableEntity, UpdateMode
from urllib3.exceptions import HTTPError

from adpersist.errors import (
    FencedError,
    JournalExistsError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreUnreachableError,
)
from adpersist.model.identity.ids import Seq
from adpersist.stores.azure import layout
from adpersist.stores.azure.errors import typed
from adpersist.stores.azure.layout import Entity
from adpersist.stores.limits import (
    check_advance,
    check_append,
    check_head,
    check_journal_id,
    check_part,
    check_stage,
    frames_behind,
)
from adpersist.stores.port import Frame, StoredHead

_WINDOW_BYTES: Final = 4 * 1_048_576
"""What is asked for at once, by the size of what came before."""
_AHEAD_BYTES: Final = 3 * _WINDOW_BYTES
_WINDOWS_AHEAD: Final = 8
"""So much is on its way while a window is worked on, in so many at the most: a service 40 ms away is not waited for at
each, and small bodies, of which a window has few bytes, are asked for in more of them."""
_FIRST_BODIES: Final = 4
_WIDER: Final = 4
_WHOLE_BODIES: Final = 16
_WINDOW_BODIES: Final = 256
"""Of so many bodies whatever they have is asked for; of more, up to these, 64 KiB each: either way 16 MiB are the most
that comes, however large they turn out to be."""
_PAGE_ENTITIES: Final = 1000
"""As many as a service gives at once."""

SDK_ERRORS: Final = (AzureError, HTTPError, HTTPException, OSError, ValueError)
"""What the SDK raises. Only the first is documented; the others slip through it from urllib3, http.client and requests,
and it says ValueError (its own DeserializationError among them) to an answer that it cannot read."""

_Bodies = Sequence[tuple[int, bytes]]
"""Numbers and whole bodies, in order."""

_Verb = Literal["create", "update", "upsert", "delete"]
_Operation = tuple[_Verb, Entity, dict[str, object]]


def _never() -> bool:
    return False


def journals_in(client: TableClient, *, location: str, in_order: bool) -> list[str]:
    """Ids of the journals in a table, those included whose head is lost. Needs the right to query alone.

    Args:
        client: Of the table.
        location: The store URL.
        in_order: The service answers in the order of the keys: one small question a journal, however long it is.
            Where it does not (Cosmos DB), every head is asked for, which its index answers.

    Raises:
        NoJournalError: There is no such table.
        StoreError: It cannot be read.
    """
    if in_order:
        return list(_partition_by_partition(client, location))
    question = "RowKey eq @head or RowKey eq @spare"
    rows = _queried(client, location, question, head=layout.HEAD_ROW, spare=layout.SPARE_ROW)
    return sorted({journal for row in rows if (journal := layout.journal_of(str(row["PartitionKey"])))})


def _partition_by_partition(client: TableClient, location: str) -> Iterator[str]:
    after = ""
    while True:
        rows = _queried(client, location, "PartitionKey gt @after", page=1, after=after)
        first = next(rows, None)
        if first is None:
            return
        partition = str(first["PartitionKey"])
        journal = layout.journal_of(partition)
        if journal:
            yield journal
        after = layout.behind(journal) if journal else partition  # a partition of somebody else's


def _queried(
    client: TableClient, location: str, question: str, page: int | None = None, **words: str
) -> Iterator[TableEntity]:
    """Keys alone; empty pages with a token are walked over."""
    found = iter(
        client.query_entities(question, parameters=words, select=["PartitionKey", "RowKey"], results_per_page=page)
    )
    while True:
        try:
            row = next(found, None)
        except SDK_ERRORS as error:
            raise typed(error, writing=False, location=location) from (
                error if isinstance(error, HttpResponseError) and error.response is not None else None
            )
        if row is None:
            return
        yield row


class AzureTableStore:
    """Implements :class:`adpersist.stores.port.Store`."""

    def __init__(self, client: TableClient, *, journal: str, location: str, renew: Callable[[], bool] = _never) -> None:
        """Args:
        client: Of the table; retries nothing by itself.
        journal: The journal's id, and its partition's name.
        location: The store URL.
        renew: Called when the credential was refused; True when there is a new one to try.
        """
        self._client = client
        self._journal = check_journal_id(journal)
        self._location = location
        self._renew = renew

    @property
    def location(self) -> str:
        return self._location

    def create(self, head: bytes) -> StoredHead:
        check_head(head)
        try:
            token = self._insert_head(head)
        except NoJournalError:  # there is no table: look for one before asking for the right to make one
            with self._asked(writing=True):
                self._make_table()
            try:
                token = self._insert_head(head)
            except NoJournalError as error:
                raise StoreUnreachableError(f"the table of {self._location} was only just made") from error
        return StoredHead(seq=Seq(0), body=bytes(head), token=token)

    def head(self) -> StoredHead:
        with self._asked(writing=False):
            entity = self._client.get_entity(self._journal, layout.HEAD_ROW)
            return StoredHead(
                seq=layout.seq_of(entity), body=layout.body_of(entity), token=str(entity.metadata["etag"])
            )

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        check_append(frames, onto=onto, head=head, spare=spare)
        seq = Seq(onto.seq + len(frames))
        inserted = [entity for frame in frames for entity in layout.frame_entities(self._journal, frame)]
        operations = [self._moved(onto, seq, head), *(_create(entity) for entity in inserted)]
        if spare:
            operations.append(_put(layout.spare_entity(self._journal, seq, head)))
        try:
            answers = self._transact(operations)
        except _RowExistsError as error:
            if self.head().token != onto.token:
                raise FencedError(f"the head of {self._location} is no longer the one at {onto.seq}") from error
            raise frames_behind(self._location, onto.seq) from error
        return StoredHead(seq=seq, body=bytes(head), token=answers[0])

    def stage(self, frames: Sequence[Frame], *, onto: StoredHead) -> StoredHead:
        check_stage(frames, onto=onto)
        lying = [entity for frame in frames for entity in layout.frame_entities(self._journal, frame)]
        answers = self._transact([self._moved(onto, onto.seq, onto.body), *map(_put, lying)])
        return StoredHead(seq=onto.seq, body=onto.body, token=answers[0])

    def advance(self, *, onto: StoredHead, seq: Seq, head: bytes) -> StoredHead:
        check_advance(onto=onto, seq=seq, head=head)
        answers = self._transact([self._moved(onto, seq, head), _put(layout.spare_entity(self._journal, seq, head))])
        return StoredHead(seq=seq, body=bytes(head), token=answers[0])

    def clear(self, *, onto: StoredHead) -> StoredHead:
        lower, upper = layout.frame_bound(onto.seq + 1), layout.frame_bound(layout.LAST_NUMBER)
        rows = self._rows(self._journal, lower, upper, ["PartitionKey", "RowKey"])
        while batch := list(islice(rows, layout.TRANSACTION_ENTITIES - 1)):
            gone = [_delete(self._journal, str(row["RowKey"])) for row in batch]
            answers = self._transact([self._moved(onto, onto.seq, onto.body), *gone])
            onto = StoredHead(seq=onto.seq, body=onto.body, token=answers[0])
        return onto

    def spare(self) -> bytes | None:
        try:
            with self._asked(writing=False):
                return layout.body_of(self._client.get_entity(self._journal, layout.SPARE_ROW))
        except NoJournalError:
            return None

    def frames(self, *, after: Seq, through: Seq | None = None) -> Iterator[Frame]:
        newest = self._seq()
        yield from self._frames([(after, newest if through is None else through)])

    def frames_of(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        self._seq()
        yield from self._frames(spans)

    def put_checkpoint(self, seq: Seq, parts: Iterable[bytes], *, start: int = 0) -> None:
        self._seq()
        partition = layout.checkpoint_partition(self._journal, seq)
        self._upsert(layout.checkpoint_entity(self._journal, seq))
        self._sweep(partition, layout.part_bound(start), "q")
        for number, part in enumerate(parts, start=start):
            check_part(seq, number, part)
            entities = layout.part_entities(self._journal, seq, number, part)
            self._transact([_put(entity) for entity in entities])

    def checkpoints(self) -> Sequence[Seq]:
        self._seq()
        return sorted(layout.seq_of(entity) for entity in self._rows(self._journal, "k", "l", ["RowKey", "seq"]))

    def checkpoint(self, seq: Seq) -> Iterator[bytes]:
        self._seq()
        partition = layout.checkpoint_partition(self._journal, seq)
        expected = 0
        for bodies, upto in self._windows(partition, layout.part_bound, [(0, layout.LAST_PART)]):
            for number, body in bodies:
                if number != expected:
                    return
                yield body
                expected += 1
            if expected < upto:
                return

    def drop_checkpoint(self, seq: Seq) -> None:
        self._seq()
        self._sweep(layout.checkpoint_partition(self._journal, seq), "p", "q")
        with self._asked(writing=True):  # the SDK takes "not found" for done
            self._client.delete_entity(self._journal, layout.checkpoint_row(seq))

    def trim(self, *, through: Seq) -> None:
        through = min(through, self._seq())
        if through > self._floor():
            self._upsert(layout.floor_entity(self._journal, through))
        self._sweep(self._journal, "c", layout.frame_bound(through + 1))

    def close(self) -> None:
        self._client.close()

    # --- reading ---

    def _seq(self) -> Seq:
        """The head's number; proves that there is a journal."""
        with self._asked(writing=False):
            return layout.seq_of(self._client.get_entity(self._journal, layout.HEAD_ROW, select=["RowKey", "seq"]))

    def _floor(self) -> Seq:
        """Frames through this one were trimmed: nothing below needs to be asked for."""
        try:
            with self._asked(writing=False):
                return layout.seq_of(self._client.get_entity(self._journal, layout.FLOOR_ROW))
        except NoJournalError:
            return Seq(0)

    def _frames(self, spans: Sequence[tuple[Seq, Seq]]) -> Iterator[Frame]:
        floor = self._floor()
        ranges = [(max(after, floor) + 1, through + 1) for after, through in spans]
        for bodies, _ in self._windows(self._journal, layout.frame_bound, ranges):
            for seq, body in bodies:
                yield Frame(seq=Seq(seq), body=body)

    def _windows(
        self, partition: str, bound: Callable[[int], str], ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[_Bodies, int]]:
        """Whole bodies by their numbers, in order, window by window, each with where it ends.

        Several are on their way at once: the wider, and the more of them, the smaller the bodies were that came before.
        Where one turns out too large to come in a wide window, that ends before it, and what follows is asked for anew.

        Args:
            partition: Where they lie.
            bound: The RowKey that a number begins at.
            ranges: Their first numbers, and those behind their last ones; ascending.
        """
        to_ask = deque((first, end) for first, end in ranges if first < end)
        on_the_way: deque[tuple[Future[tuple[_Bodies, int]], int, int]] = deque()
        width, ahead = _FIRST_BODIES, 1  # the first is waited for, since it says how large they are
        others = ThreadPoolExecutor(_WINDOWS_AHEAD, thread_name_prefix="window")
        try:
            while to_ask or on_the_way:
                while to_ask and len(on_the_way) < ahead:
                    first, end = to_ask.popleft()
                    upto = min(end, first + width)
                    if upto < end:
                        to_ask.appendleft((upto, end))
                    on_the_way.append((others.submit(self._window, partition, bound, first, upto), first, upto))
                coming, _, asked = on_the_way.popleft()
                bodies, upto = coming.result()
                yield bodies, upto
                if upto < asked:
                    to_ask.extendleft((first, end) for _, first, end in reversed(on_the_way))
                    to_ask.appendleft((upto, asked))
                    while on_the_way:
                        on_the_way.popleft()[0].cancel()
                    width, ahead = _FIRST_BODIES, 1
                else:
                    size = sum(len(body) for _, body in bodies) // (len(bodies) or 1) + 1
                    width = max(1, min(_WIDER * width, _WINDOW_BODIES, _WINDOW_BYTES // size))
                    ahead = max(1, min(_WINDOWS_AHEAD, _AHEAD_BYTES // (width * size)))
        finally:
            others.shutdown(cancel_futures=True)

    def _window(self, partition: str, bound: Callable[[int], str], first: int, end: int) -> tuple[_Bodies, int]:
        """Whole bodies numbered ``first`` and below ``end``, or below the first that is not whole."""
        is_wide = end - first > _WHOLE_BODIES
        rows = self._rows(partition, bound(first), bound(end), layout.FIRST_OF_BODY if is_wide else None)
        slices = list(map(layout.slice_of, rows))
        if is_wide:
            end = min((each.number for each in slices if len(each.body) >= layout.PROPERTY_BYTES), default=end)
        return [each for each in layout.whole(slices, first=first) if each[0] < end], end

    def _rows(self, partition: str, lower: str, upper: str, select: list[str] | None = None) -> Iterator[TableEntity]:
        """Entities with ``lower <= RowKey < upper``, in any order; empty pages with a token are walked over."""
        found = iter(
            self._client.query_entities(
                "PartitionKey eq @partition and RowKey ge @lower and RowKey lt @upper",
                parameters={"partition": partition, "lower": lower, "upper": upper},
                select=select,
                results_per_page=_PAGE_ENTITIES,
            )
        )
        while True:
            with self._asked(writing=False):
                entity = next(found, None)
            if entity is None:
                return
            yield entity

    # --- writing ---

    def _moved(self, onto: StoredHead, seq: Seq, head: bytes) -> _Operation:
        """The head, moved, if it is still ``onto``."""
        condition = {
            "mode": UpdateMode.REPLACE,
            "etag": onto.token,
            "match_condition": MatchConditions.IfNotModified,
        }
        return "update", layout.head_entity(self._journal, seq, head), condition

    def _insert_head(self, head: bytes) -> str:
        with self._asked(writing=True):
            try:
                made = self._client.create_entity(layout.head_entity(self._journal, 0, head))
            except ResourceExistsError:
                raise JournalExistsError(f"journal {self._journal} is already in {self._location}") from None
        return str(made["etag"])

    def _make_table(self) -> None:
        try:
            self._client.create_table()
        except ResourceExistsError:
            return  # somebody else made it just now

    def _upsert(self, entity: Entity) -> None:
        with self._asked(writing=True):
            self._client.upsert_entity(entity, mode=UpdateMode.REPLACE)

    def _transact(self, operations: Sequence[_Operation]) -> list[str]:
        """All or nothing; the new ETags, in the order of the operations ('' for a deletion)."""
        with self._asked(writing=True):
            try:
                answers = self._client.submit_transaction(operations)
            except HttpResponseError as error:
                if error.status_code == 409:
                    raise _RowExistsError(f"{self._location}: a row is there already") from error
                raise
        if len(answers) != len(operations):  # an answer cut short is no answer, though the SDK takes it for one
            raise OutcomeUnknownError(f"{self._location} answered for {len(answers)} of {len(operations)} operations")
        return [str(answer.get("etag", "")) for answer in answers]

    def _sweep(self, partition: str, lower: str, upper: str) -> None:
        """Delete a range of rows; those that somebody else deleted meanwhile are no error."""
        rows = self._rows(partition, lower, upper, ["PartitionKey", "RowKey"])
        while batch := list(islice(rows, layout.TRANSACTION_ENTITIES)):
            keys = [str(row["RowKey"]) for row in batch]
            try:
                self._transact([_delete(partition, key) for key in keys])
            except NoJournalError:  # one of them is gone, and the transaction with it
                for key in keys:
                    with self._asked(writing=True):
                        self._client.delete_entity(partition, key)

    @contextmanager
    def _asked(self, *, writing: bool) -> Iterator[None]:
        """What the SDK raises inside leaves as ours."""
        try:
            yield
        except SDK_ERRORS as error:
            meaning = typed(error, writing=writing, location=self._location)
            # only an answer is worth chaining; the rest carries the URL, and a signature with it
            cause = error if isinstance(error, HttpResponseError) and error.response is not None else None
            refused = isinstance(error, HttpResponseError) and error.status_code in (401, 403)
            if refused and self._renew():
                raise StoreUnreachableError(
                    f"{self._location} refused the old credential; there is a new one"
                ) from cause
            raise meaning from cause


def _create(entity: Entity) -> _Operation:
    """A row that must not be there yet."""
    return "create", entity, {}


def _delete(partition: str, row: str) -> _Operation:
    """A row that is there."""
    return "delete", {"PartitionKey": partition, "RowKey": row}, {}


def _put(entity: Entity) -> _Operation:
    """A row, in the place of one that is there."""
    return "upsert", entity, {"mode": UpdateMode.REPLACE}


class _RowExistsError(StoreError):
    """A row that was to be inserted is there already. Never leaves this module."""
