"""Writes to a domain controller's own database through Samba's modules, as told on standard input.

A program of its own: only the system's interpreter has Samba's Python, so nothing of adpersist is imported here but
:mod:`.replication_worker`, :mod:`.keytab_worker`, :mod:`.stamp_worker` and :mod:`.worker_frames`, of which the same is
true, and nobody imports this. Run by :mod:`adpersist.directory.samba.database`:

    python3 -I database_worker.py PATH_OF_SAM_LDB

Both directions carry pickled numbers, text, bytes, and collections of those. Each operation that comes in, its name and
its arguments, is answered by (result code, words or what was asked for); 0 is success. They may be sent ahead of the
answers, and before the database is open: once an operation of a transaction failed, none that follows is carried out.

When standard input ends, the program does, and what was not committed has never happened.
"""

import os
import sys

import ldb
import samba
from samba.auth import system_session
from samba.dcerpc import misc
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

sys.path.append(os.path.dirname(__file__))  # noqa: PTH120 - isolated, Python looks nowhere near
import worker_frames

_HOW = {
    "MODIFY_ADD": ldb.FLAG_MOD_ADD,
    "MODIFY_DELETE": ldb.FLAG_MOD_DELETE,
    "MODIFY_REPLACE": ldb.FLAG_MOD_REPLACE,
}
_DESCRIPTOR = "nTSecurityDescriptor"
_ACCOUNT = b"user"
_COUNTERS = ("badPasswordTime", "badPwdCount", "lastLogoff", "lastLogon", "logonCount")
"""Begin at 0 with the account and are each DC's own ([MS-SAMR] 3.1.1.8.1, 3.1.5.14.3)."""
_AT_ONCE = 1000
"""Accounts in one transaction, for whose end a running DC's writers wait."""
_NOT_COUNTING = f"(&(objectClass=user)(|{''.join(f'(!({name}=*))' for name in _COUNTERS)}))"
OPERATIONS = (
    *("greeting", "begin", "commit", "cancel", "add", "modify", "rename", "delete"),
    *("know_prefixes", "give", "reload_schema", "park", "keep_machine_secret"),
    *("hand_down", "begin_counting"),
)
TRANSACTIONS = ("commit", "cancel", "give", "hand_down", "begin_counting")
"""Operations at whose end one is over."""
UNANSWERED = ("make_ready",)
"""Operations of which nobody waits for the end: what fails in them fails again where it is needed."""


class Worker:
    """The database, and the operations by name."""

    def __init__(self, path):
        self.path = path
        self.settings = LoadParm()
        # all else that matters lies in the database and in the files beside it
        self.settings.set("private dir", os.path.dirname(path))  # noqa: PTH120
        self.settings.set("dsdb:schema update allowed", "yes")
        self.plain = self.db = self.open()
        self.batched = self.held = self.pipe = self.files = None
        self.replications = {}
        self.accounts = {}
        self.spoilt = 0

    def open(self, *options, may_make_files=False):
        settings = self.settings
        return SamDB(
            url=f"tdb://{self.path}",
            lp=settings,
            session_info=system_session(settings),
            options=list(options),
            flags=0 if may_make_files else ldb.FLG_DONT_CREATE_DB,
        )

    def opened_batched(self):
        """The database for many operations in a transaction, opened once.

        Else every one of them copies each index of the directory, to be taken back by itself.
        """
        self.batched = self.batched or self.open("batch_mode:1")
        return self.batched

    def greeting(self):
        """Whose database this is by now, and which Samba is at work."""
        found = self.db.search("", ldb.SCOPE_BASE, attrs=["highestCommittedUSN"])[0]
        # the DC may have taken another one since this was opened, and Samba asks once
        (own,) = self.db.search(self.db.get_dsServiceName(), ldb.SCOPE_BASE, attrs=["invocationId"])
        invocation = str(ndr_unpack(misc.GUID, bytes(own["invocationId"][0])))
        for each in filter(None, (self.plain, self.batched)):
            each.set_invocation_id(invocation)
        return {
            "version": samba.version,
            "invocation": invocation,
            "usn": int(str(found["highestCommittedUSN"])),
        }

    def carry_out(self, name, arguments):
        """The answer to one request."""
        if self.spoilt and name != "cancel":
            answer = self.spoilt, "what came before it in the transaction failed"
            if name == "commit":
                self.cancel()
            return answer
        try:
            return 0, getattr(self, name)(*arguments)
        except ldb.LdbError as error:
            code, words = error.args
        except (OSError, RuntimeError, TypeError, ValueError, LookupError) as error:
            # Samba's Python says so much in other words; whoever asked can go on without
            code, words = ldb.ERR_OPERATIONS_ERROR, f"{type(error).__name__}: {error}"
        # ldb undoes one operation of several only where every index is copied for it
        self.spoilt = code if self.held is not None else 0
        return code, words

    def begin(self, batched):
        self.held = self.db = self.opened_batched() if batched else self.plain
        self.db.transaction_start()

    def commit(self):
        self.db, held, self.held = self.plain, self.held, None
        held.transaction_commit()

    def cancel(self):
        self.db, held, self.held, self.spoilt = self.plain, self.held, None, 0
        held.transaction_cancel()

    def add(self, dn, attributes, controls):
        message = ldb.Message(ldb.Dn(self.db, dn))
        for name, values in attributes.items():
            message.add(ldb.MessageElement(list(values), ldb.FLAG_MOD_ADD, name))
        self.db.add(message, controls=_controls(controls))

    def modify(self, dn, changes, controls):
        message = ldb.Message(ldb.Dn(self.db, dn))
        for name, how, values in changes:
            message.add(ldb.MessageElement(list(values), _HOW[how], name))
        self.db.modify(message, controls=_controls(controls))

    def rename(self, dn, new_dn, controls):
        self.db.rename(ldb.Dn(self.db, dn), ldb.Dn(self.db, new_dn), controls=_controls(controls))

    def delete(self, dn, controls):
        self.db.delete(ldb.Dn(self.db, dn), controls=_controls(controls))

    def replicating(self, context):
        """Replication into a naming context, made ready once.

        The schema's is not batched: what has refused one operation takes no more.
        """
        schema = str(self.plain.get_schema_basedn())
        in_schema = context == schema
        if in_schema not in self.replications:
            self.replications[in_schema] = (
                self.replication(self.plain)
                if in_schema
                else self.replication(self.opened_batched(), plainly=lambda: self.replicating(schema))
            )
        return self.replications[in_schema]

    def replication(self, database, plainly=None):
        from replication_worker import KeyedPipe, Replication  # take as long to load as all the rest

        self.pipe = self.pipe or KeyedPipe(self.settings)
        return Replication(database, self.settings, self.pipe, plainly)

    def give(self, context, objects, links, as_new):
        """Objects and links with their stamps, as from a partner; those refused by place, and why."""
        self.accounts.setdefault(context, []).extend(each[0] for each in objects if _may_be_account(each[4]))
        if as_new:
            # Samba makes a file for the new naming context only where it may; where not, it never answers. Any other
            # file must be there, and is: the database has been opened without that leave.
            return self.replication(self.open(may_make_files=True)).give(context, objects, links, as_new=True)
        return self.replicating(context).give(context, objects, links, as_new=False)

    def make_ready(self):
        """Open and load what receiving takes, while whoever asks works out what is lacking."""
        self.replicating(None)

    def know_prefixes(self, oids):
        self.replicating(str(self.plain.get_schema_basedn())).know_prefixes(oids)

    def park(self, guid, rdn):
        self.replicating(None).park(guid, rdn)

    def keep_machine_secret(self, known):
        self.replicating(None).keep_machine_secret(known)

    def hand_down(self, context, descriptors):
        from stamp_worker import find

        def lacking(partition):
            for guid, descriptor in descriptors:
                found = find([partition], guid, [_DESCRIPTOR])
                if found is not None and bytes(found.get(_DESCRIPTOR, idx=0) or b"") != descriptor:
                    yield found.dn, {_DESCRIPTOR: descriptor}, ldb.FLAG_MOD_REPLACE

        self.past_modules(context, lacking)

    def begin_counting(self, everywhere):
        """Give accounts that came to life the counters that replication never sends and every account has.

        Args:
            everywhere: Who counts not yet is looked for. Else it is among what was given.
        """
        from stamp_worker import find

        wanted = ["objectClass", "isDeleted", *_COUNTERS]

        def lacking(partition, guids):
            for guid in guids:
                found = find([partition], guid, wanted)
                if found is not None and _is_account(found):
                    yield found.dn, {name: b"0" for name in _COUNTERS if name not in found}, ldb.FLAG_MOD_ADD

        accounts = self._not_counting() if everywhere else self.accounts
        for context, guids in accounts.items():
            for at in range(0, len(guids), _AT_ONCE):
                some = guids[at : at + _AT_ONCE]
                self.past_modules(context, lambda partition, some=some: lacking(partition, some), numbers=_COUNTERS)
        self.accounts.clear()

    def _not_counting(self):
        """Accounts without counters, by naming context."""
        files = self.opened_files()
        files.load()  # some may have been made just now

        def of(partition):
            rows = partition.search("", ldb.SCOPE_SUBTREE, _NOT_COUNTING, attrs=["objectGUID"])
            return [bytes(row["objectGUID"][0]) for row in rows]

        return {context: of(files.partition(context)) for context in files.partitions}

    def opened_files(self):
        from stamp_worker import Partitions

        self.files = self.files or Partitions(self.path, samba.Ldb)
        return self.files

    def past_modules(self, context, changes, numbers=()):
        """Write what no stamp and no USN tells of; in each file of the naming context all of it or none.

        Args:
            changes: Gives the DN, the values and how they are written, for a file that nobody else writes to meanwhile.
            numbers: Those of its attributes of which an index has another order than that of text, which only Samba's
                modules know: where there is one, they write.
        """
        for partition in self.opened_files().holding(context):
            writer = self.plain if _indexed(partition).intersection(numbers) else partition
            writer.transaction_start()
            try:
                for dn, values, how in changes(partition):
                    message = ldb.Message(ldb.Dn(writer, str(dn)))
                    for name, value in values.items():
                        message[name] = ldb.MessageElement(value, how, name)
                    if len(message) > 0:
                        writer.modify(message)
            except BaseException:
                writer.transaction_cancel()
                raise
            writer.transaction_commit()

    def reload_schema(self):
        """Use what was just defined."""
        self.plain.set_schema_update_now()
        # what was opened before holds on to what the schema was, and what is opened now may be given the same
        self.batched = self.open("batch_mode:1")
        self.batched.set_schema_update_now()
        self.replications.clear()


def _may_be_account(attributes):
    """Whether an object that is given may be an account that came to life."""
    classes, _ = attributes.get("objectClass", ([], None))
    deleted, _ = attributes.get("isDeleted", ([] if classes else [b"TRUE"], None))
    return not deleted and (not classes or _ACCOUNT in classes)


def _is_account(found):
    return bytes(found.get("isDeleted", idx=0) or b"") != b"TRUE" and _ACCOUNT in map(bytes, found["objectClass"])


def _indexed(partition):
    (found,) = partition.search("@INDEXLIST", ldb.SCOPE_BASE, attrs=["@IDXATTR"])
    return {str(each) for each in found.get("@IDXATTR", ())}


def _controls(oids):
    return [f"local_oid:{oid}:{int(critical)}" for oid, critical in oids]


def main(path):
    """Serve until there is nobody to serve."""
    source, sink = worker_frames.opened()
    worker = Worker(path)
    for name, *arguments in worker_frames.requests(source):
        if name in UNANSWERED:
            worker.carry_out(name, arguments)
            continue
        if name not in OPERATIONS:
            raise ValueError(f"no operation is called {name}")
        worker_frames.write(sink, worker.carry_out(name, arguments))
        if name in TRANSACTIONS:
            worker_frames.give_back()  # of a large directory it had every index it touched in memory


if __name__ == "__main__":
    main(sys.argv[1])
