"""A DC's own database, written to by a worker process that runs Samba's code (:mod:`.database_worker`)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

from adpersist.directory.ldap.operations import AddRequest, WriteRequest, WriteResult, refused
from adpersist.directory.samba.worker_process import WRITE_TIMEOUT_S, WorkerProcess
from adpersist.directory.wire.controls import Control
from adpersist.directory.wire.requests import Modifications
from adpersist.errors import DirectoryUnreachableError, NoSuchEntryError, WriteRefusedError
from adpersist.model.identity.ids import Guid, guid_from_text, guid_text
from adpersist.model.objects.change import Stamp, Values
from adpersist.model.plan.replicated import Aside, MachinePassword, ReplicatedLink, ReplicatedObject

_WORKER: Final = Path(__file__).with_name("database_worker.py")
_MOST_AHEAD: Final = 100
"""Requests whose answers were not taken; those fit any socket, so that nobody waits for the other."""


class Database:
    """The open database. Outside a :meth:`transaction` every operation is one of its own.

    Implements :class:`adpersist.directory.ldap.operations.DirectoryWrites`.

    Attributes:
        path: The file ``sam.ldb``.
        version: Samba's version that writes.
        invocation: invocationID of the database.
        usn: highestCommittedUSN when it was opened.
    """

    def __init__(self, path: Path, worker: WorkerProcess | None = None) -> None:
        """Wait until it is open.

        Args:
            path: The file ``sam.ldb``.
            worker: The one that :func:`worker_of` gave; None: another is started.

        Raises:
            DirectoryUnreachableError: There is no interpreter with Samba's Python, or it cannot open the database.
        """
        self.path = path
        self._worker = worker or worker_of(path)
        self._sent: deque[tuple[str, str]] = deque()
        self._verdicts: list[WriteResult] = []
        greeting = self._greeting()
        self.version: str = greeting["version"]
        self.invocation = guid_from_text(greeting["invocation"])
        self.usn: int = greeting["usn"]

    @property
    def pid(self) -> int:
        """The worker's process id; at rest that of the last one."""
        return self._worker.pid

    def rest(self) -> None:
        """Let the worker, which holds much in memory, go until something is to be done; then there is another."""
        self.verdicts()
        self._worker.close()

    def _at_work(self) -> WorkerProcess:
        """The worker, awake. Raises: DirectoryUnreachableError."""
        if self._worker.is_closed:
            self._worker = worker_of(self.path)
            if guid_from_text(self._greeting()["invocation"]) != self.invocation:
                self._worker.close()
                raise _gone(f"{self.path} is another database by now")
        return self._worker

    def _greeting(self) -> Any:  # noqa: ANN401 - what the worker gives
        self._worker.send(("greeting",))
        result, answer = self._worker.receive()
        if result:
            raise _gone(f"{self.path} does not say whose it is: {answer}")
        return answer

    @contextmanager
    def transaction(self, *, batched: bool = True) -> Iterator[None]:
        """Everything in the block becomes durable when it ends, or, when it ends with an error, nothing does.

        Args:
            batched: Many times faster. Not for operations within which Samba's modules try what fails, and go on: ldb
                tells of that at the end, naming context after naming context, when others are durable already.

        Raises:
            WriteRefusedError: The database refused all of it together.
        """
        self._ask("begin", "", "begin", batched)
        try:
            yield
        except BaseException:
            self._ask("cancel", "", "cancel")
            raise
        self._ask("commit", "", "commit")

    def send(self, write: WriteRequest) -> None:
        """Have a write done without waiting: :meth:`verdicts` tells what became of it.

        In a transaction nothing is done any more after the first that is refused.
        """
        if len(self._sent) >= _MOST_AHEAD:
            self._take_verdict()
        if isinstance(write, AddRequest):
            self._send("add", write.dn, dict(write.attributes), _named(write.controls))
        else:
            self._send("modify", write.dn, _changed(write.changes), _named(write.controls))

    def _send(self, operation: str, dn: str, *given: object) -> None:
        self._at_work().send((operation, dn, *given))
        self._sent.append((operation, dn))

    def verdicts(self) -> list[WriteResult]:
        """What became of the writes that were sent, in their order."""
        while self._sent:
            self._take_verdict()
        taken, self._verdicts = self._verdicts, []
        return taken

    def _take_verdict(self) -> None:
        result, answer = self._worker.receive()
        operation, dn = self._sent.popleft()
        self._verdicts.append(self._refused(operation, dn, result, answer) if result else None)

    def add(self, dn: str, attributes: Mapping[str, Values], controls: Sequence[Control]) -> None:
        self._ask("add", dn, "add", dn, dict(attributes), _named(controls))

    def modify(self, dn: str, changes: Modifications, controls: Sequence[Control] = ()) -> None:
        self._ask("modify", dn, "modify", dn, _changed(changes), _named(controls))

    def rename(self, dn: str, rdn: str, new_parent: str, controls: Sequence[Control] = ()) -> None:
        self._ask("rename", dn, "rename", dn, f"{rdn},{new_parent}", _named(controls))

    def delete(self, dn: str, controls: Sequence[Control] = ()) -> None:
        self._ask("delete", dn, "delete", dn, _named(controls))

    def make_ready(self) -> None:
        """Have the worker load what :meth:`give` takes, and go on meanwhile. Raises: DirectoryUnreachableError."""
        make_ready(self._at_work())

    def give(
        self,
        context: str,
        objects: Iterable[Sequence[ReplicatedObject]] = (),
        links: Iterable[Sequence[ReplicatedLink]] = (),
        *,
        as_new: bool = False,
    ) -> Iterator[tuple[int, list[Aside]]]:
        """Have Samba's replication take objects, then links; those it refuses are set aside, all others land.

        Each sequence is a transaction of its own. What the database has newer, by stamp, stays. While Samba is at one,
        the next is made ready and sent.

        Args:
            context: DN of their naming context.
            objects: Containers before what is in them.
            links: Between objects that are there: one to an object that is not is left out without a word.
            as_new: The object is the root of a naming context that the database does not have yet.

        Returns:
            Of each, how many there were and what of them was refused.
        """
        self.verdicts()  # what was sent before is answered before
        worker = self._at_work()
        ahead: deque[tuple[Sequence[ReplicatedObject], Sequence[ReplicatedLink]]] = deque()
        for some, other in chain(((each, ()) for each in objects), (((), each) for each in links)):
            worker.send(("give", context, list(map(_object, some)), list(map(_link, other)), as_new))
            ahead.append((some, other))
            if len(ahead) > 1:
                yield self._taken(*ahead.popleft())
        while ahead:
            yield self._taken(*ahead.popleft())

    def _taken(self, objects: Sequence[ReplicatedObject], links: Sequence[ReplicatedLink]) -> tuple[int, list[Aside]]:
        result, answer = self._worker.receive()
        if result:
            raise self._refused("replicate", "", result, answer)
        refused_objects, refused_links = answer
        return len(objects) + len(links), [
            *(Aside(guid=objects[at].guid, attribute="", reason=why) for at, why in refused_objects.items()),
            *(
                Aside(guid=links[at].source, attribute=links[at].attribute, reason=why)
                for at, why in refused_links.items()
            ),
        ]

    def know_prefixes(self, oids: Sequence[str]) -> None:
        """Have the schema's table of OID prefixes name those of definitions that are to come.

        Args:
            oids: In the order in which they were defined.

        Raises:
            WriteRefusedError: The table stays as it was.
        """
        self._ask("modify", "the schema's table of prefixes", "know_prefixes", list(oids))

    def park(self, guid: Guid, rdn: str) -> None:
        """Give an object another name for a while; its stamps stay. Raises: WriteRefusedError."""
        self._ask("rename", guid_text(guid), "park", bytes(guid), rdn)

    def hand_down(self, context: str, descriptors: Sequence[tuple[Guid, bytes]]) -> None:
        """Write access rights that follow from those of containers above, which are yet to come; all or none.

        Past Samba's modules: those would work out anew what a container does not hand down yet. No stamp and no USN
        tells of them, as of none that Samba hands down itself. Who is not there, or has them, is passed over.

        Raises:
            WriteRefusedError: None was written.
        """
        given = [(bytes(guid), descriptor) for guid, descriptor in descriptors]
        self._ask("modify", f"rights in {context}", "hand_down", context, given)

    def begin_counting(self, *, everywhere: bool) -> None:
        """Give accounts that were received the counters of logins, which are each DC's own, and begin at 0.

        Past Samba's modules, and no stamp tells of it.

        Args:
            everywhere: Accounts that have none are looked for: a run before this one may have left them behind.

        Raises:
            WriteRefusedError: Some have none, for which Samba takes 0.
        """
        self._ask("modify", "counters of logins", "begin_counting", everywhere)

    def keep_machine_secret(self, known: Sequence[MachinePassword]) -> None:
        """Have the DC's own account, secrets and keytab agree on the password its files hold.

        Args:
            known: Those that others may still know it by, the newest first.

        Raises:
            WriteRefusedError: They do not agree now.
        """
        told = [(each.number, each.nt_hash, each.credentials) for each in known]
        self._ask("modify", "the machine's own secret", "keep_machine_secret", told)

    def reload_schema(self) -> None:
        """Use what was just defined."""
        self._ask("reload", "the schema", "reload_schema")

    def close(self) -> None:
        """Let the worker go; what was not committed is not done."""
        self._worker.close()

    def _ask(self, operation: str, subject: str, *request: object) -> Any:  # noqa: ANN401 - what the operation gives
        self.verdicts()  # what was sent before is answered before
        self._at_work().send(request)
        result, answer = self._worker.receive()
        if result:
            raise self._refused(operation, subject, result, answer)
        return answer

    def _refused(self, operation: str, subject: str, result: int, words: str) -> WriteRefusedError | NoSuchEntryError:
        return refused(operation, subject or str(self.path), result, f"({result}) {words}")


def worker_of(path: Path) -> WorkerProcess:
    """A worker that opens it, which takes a moment. Raises: DirectoryUnreachableError."""
    return WorkerProcess(_WORKER, str(path), task=f"writes to {path}", gone=_gone, timeout_s=WRITE_TIMEOUT_S)


def make_ready(worker: WorkerProcess) -> None:
    """Have it load what replication takes once it has the database open. Raises: DirectoryUnreachableError."""
    worker.send(("make_ready",))


def _gone(words: str) -> DirectoryUnreachableError:
    return DirectoryUnreachableError(
        words, hint="What it had not committed was not done: run the command again, or with --engine ldap."
    )


def _object(given: ReplicatedObject) -> tuple[object, ...]:
    told = {id(stamp): _stamp(stamp) for stamp in given.stamps.values()}  # many attributes have one: it is sent once
    values = given.values()
    attributes = {name: (tuple(values.get(name, ())), told[id(stamp)]) for name, stamp in given.stamps.items()}
    parent = bytes(given.parent) if given.parent is not None else None
    expected = {name: _stamp(each) for name, each in given.expected.items()} if given.expected is not None else None
    rules = expected, tuple(given.lowered), tuple(given.imposed)
    return bytes(given.guid), given.dn, parent, given.sid, attributes, *rules


def _link(given: ReplicatedLink) -> tuple[object, ...]:
    return bytes(given.source), given.attribute, given.value, given.stamp.present, _stamp(given.stamp)


def _stamp(stamp: Stamp) -> tuple[int, int, bytes, int]:
    return stamp.version, stamp.time, bytes(stamp.origin), stamp.usn


def _changed(changes: Modifications) -> list[tuple[str, str, Values]]:
    return [(name, how, tuple(found)) for name, pieces in changes.items() for how, found in pieces]


def _named(controls: Sequence[Control]) -> list[tuple[str, bool]]:
    # none that is sent with a write has a value
    return [(oid, critical) for oid, critical, _ in controls]
