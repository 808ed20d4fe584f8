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
OPERATIONS = (
    *("greeting", "begin", "commit", "cancel", "add", "modify", "rename", "delete"),
    *("know_prefixes", "give", "reload_schema", "park", "keep_machine_secret", "hand_down"),
)
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
        from stamp_worker import Partitions, find

        self.files = self.files or Partitions(self.path)
        for partition in self.files.holding(context):
            partition.transaction_start()
            try:
                for guid, descriptor in descriptors:
                    found = find([partition], guid, [_DESCRIPTOR])
                    if found is not None and bytes(found.get(_DESCRIPTOR, idx=0) or b"") != descriptor:
                        change = ldb.Message(found.dn)
                        change["rights"] = ldb.MessageElement(descriptor, ldb.FLAG_MOD_REPLACE, _DESCRIPTOR)
                        partition.modify(change)
            except BaseException:
                partition.transaction_cancel()
                raise
            partition.transaction_commit()

    def reload_schema(self):
        """Use what was just defined."""
        self.plain.set_schema_update_now()
        # what was opened before holds on to what the schema was, and what is opened now may be given the same
        self.batched = self.open("batch_mode:1")
        self.batched.set_schema_update_now()
        self.replications.clear()


def _controls(oids):
    return [f"local_oid:{oid}:{int(critical)}" for oid, critical in oids]


def main(path):
    """Serve until there is nobody to serve."""
    source, sink = worker_frames.opened()
    worker = Worker(path)
    try:
        for name, *arguments in worker_frames.requests(source):
            if name in UNANSWERED:
                worker.carry_out(name, arguments)
                continue
            if name not in OPERATIONS:
                raise ValueError(f"no operation is called {name}")
            worker_frames.write(sink, worker.carry_out(name, arguments))
    finally:
        if worker.pipe is not None:
            worker.pipe.close()


if __name__ == "__main__":
    main(sys.argv[1])
