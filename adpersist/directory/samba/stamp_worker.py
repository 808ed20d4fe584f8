"""Reads what replication keeps beside values in a domain controller's own database files, as told on standard input.

A program of its own: only the system's interpreter has ldb, so nothing of adpersist is imported here but
:mod:`.worker_frames`, of which the same is true, and nobody imports this. Run by
:mod:`adpersist.directory.samba.stamp_reader`:

    python3 -I stamp_worker.py PATH_OF_SAM_LDB OBJECTGUID_OF_NTDS_SETTINGS

The files are opened without Samba's modules, which would hide what is asked for, take ten times as long and as much
memory again as an agent has. Nothing is written; but what is opened read-only takes no locks (tdb_open), and would be
read in the middle of a commit. Each object is looked up by itself: nobody who writes waits for longer.

Both directions carry pickled numbers, text, bytes, and collections of those. The first out is a greeting, the
highestCommittedUSN and the invocationID, or words that say why there is nothing to be read. Then for each that comes
in, (naming context or None, objectGUIDs, names of link attributes, after which USN), there go out lists that have for
each object that is there its GUID, its uSNCreated, its replPropertyMetaData, and by attribute its link values as they
are stored, without their DN: those written after that USN. An object of many links stands in several of them. The USN
once all were looked up ends the answer. When standard input ends, the program does.
"""

import itertools
import os
import re
import sys

import ldb
import tdb

sys.path.append(os.path.dirname(__file__))  # noqa: PTH120 - isolated, Python looks nowhere near
import worker_frames

_LINK = re.compile(rb"<RMD_LOCAL_USN=(\d+)>")
_METADATA = "metadata.tdb"
_TOGETHER = 1000
"""Objects, and links of one object, in one list: a group has tens of thousands."""


class NotReadableError(Exception):
    """The files cannot be read from here, or are not there any more."""


class Partitions:
    """The naming contexts' files, opened as they are asked for, without Samba's modules.

    Args:
        path: Of ``sam.ldb``.
        way: Opens one. ldb by itself does not find entries by names beyond ASCII: it folds no such letters.
    """

    def __init__(self, path, way=ldb.Ldb):
        self.path = path
        self.way = way
        self.place = os.path.dirname(path)  # noqa: PTH120
        self.opened = {}
        self.seen = {path: _identity(path)}
        self.partitions = self.backend = None
        self.load()

    def load(self):
        """Which partitions there are; ones made later are found by loading again."""
        top = ldb.Ldb(f"tdb://{self.path}", flags=ldb.FLG_DONT_CREATE_DB, options=["modules:"])
        found = top.search("@PARTITION", ldb.SCOPE_BASE)[0]
        self.backend = str(found["backendStore"][0]) if "backendStore" in found else "tdb"
        self.partitions = dict(bytes(each).decode().rsplit(":", 1) for each in found["partition"])

    def open(self, name, how):
        """A file, and which one it was."""
        before = _identity(name)
        opened = how(name)
        if _identity(name) != before:
            raise NotReadableError(f"{name} was replaced")
        self.seen[name] = before
        return opened

    def partition(self, dn):
        """An open partition."""
        if dn not in self.opened:
            name = os.path.join(self.place, self.partitions[dn])  # noqa: PTH118
            self.opened[dn] = self.open(
                name, lambda name: self.way(f"{self.backend}://{name}", flags=ldb.FLG_DONT_CREATE_DB)
            )
        return self.opened[dn]

    def holding(self, nc):
        """The partitions an object of a naming context may lie in."""
        if nc is not None and nc.upper() not in self.partitions:
            self.load()
        names = [nc.upper()] if nc is not None and nc.upper() in self.partitions else list(self.partitions)
        return [self.partition(name) for name in names]


def find(partitions, guid, attributes=None):
    """An object; None: it is in none of them."""
    matching = f"(objectGUID={''.join(f'{chr(92)}{byte:02x}' for byte in guid)})"
    for each in partitions:
        for found in each.search("", ldb.SCOPE_SUBTREE, matching, attrs=attributes):
            return found
    return None


class Files(Partitions):
    """The same, and the file that says how far the database has come."""

    def __init__(self, path):
        super().__init__(path)
        self.metadata = self.open(
            os.path.join(self.place, "sam.ldb.d", _METADATA),  # noqa: PTH118
            lambda name: tdb.Tdb(name, 0, tdb.DEFAULT, os.O_RDWR),
        )

    def usn(self):
        """highestCommittedUSN, of files that still are the ones that were opened."""
        for name, identity in self.seen.items():
            if _identity(name) != identity:
                raise NotReadableError(f"{name} was replaced")
        return int(self.metadata[b"SEQ_NUM"])

    def greeting(self, server):
        """Whose database this is."""
        found = find(self.holding(None), server, ["invocationId"])
        if found is None or "invocationId" not in found:
            raise NotReadableError(f"{self.path} does not know its own domain controller")
        return self.usn(), bytes(found["invocationId"][0])

    def stamps(self, nc, guids, links, since):
        """The answer to one request, in its parts."""
        partitions, part, count = self.holding(nc), [], 0
        for guid in guids:
            found = find(partitions, guid)
            if found is None:
                continue
            blob, linked = found.get("replPropertyMetaData", idx=0), {}
            created = int(found.get("uSNCreated", idx=0, default=b"0"))
            part.append((guid, created, bytes(blob) if blob is not None else b"", linked))
            for name in links.intersection(found):
                written = _written(found[name], since)
                while some := list(itertools.islice(written, _TOGETHER)):
                    linked[name] = some
                    count += len(some)
                    if count >= _TOGETHER:
                        yield part
                        linked, count = {}, 0
                        part = [(guid, created, b"", linked)]
            count += 1
        yield part
        yield self.usn()


def _written(values, since):
    for number in range(len(values)):  # to go through them takes a copy of them all
        value = bytes(values[number])
        written = _LINK.search(value)
        if written is not None and int(written[1]) > since:
            yield value[: value.rindex(b">") + 1]


def _identity(name):
    found = os.stat(name)  # noqa: PTH116
    return found.st_dev, found.st_ino


def main(path, server):
    """Serve until there is nobody to serve, or the files are other ones."""
    source, sink = worker_frames.opened()
    try:
        files = Files(path)
        worker_frames.write(sink, files.greeting(bytes.fromhex(server)))
        for request in worker_frames.requests(source):
            for part in files.stamps(*request):
                worker_frames.write(sink, part)
            worker_frames.give_back()  # of a large group they are megabytes
    except (NotReadableError, OSError, ldb.LdbError, KeyError) as error:
        worker_frames.write(sink, " ".join(map(str, error.args)))


if __name__ == "__main__":
    main(*sys.argv[1:])
