"""Reads smb.conf, and reads and writes a domain controller's databases beside its directory, as told on standard input.

A program of its own: only the system's interpreter has Samba's Python, so nothing of adpersist is imported here but
:mod:`.worker_frames`, of which the same is true, and nobody imports this. Run by
:mod:`adpersist.directory.samba.local_databases`:

    python3 -I local_databases_worker.py PATH_OF_SMB_CONF

The first out is a greeting: what smb.conf says. Then each that comes in, an operation's name and its arguments, is
answered by (words that say why it failed, empty for success, and what was asked for). An entry is its path and its
values by name; the second value of ``privilege`` is called ``privilege#2``. Each write is one transaction.

Files are opened for writing though some are only read: what is opened read-only takes no locks (tdb_open), and would be
read in the middle of a commit.
"""

import os
import re
import sys

import ldb
import samba
import tdb
from samba.param import LoadParm

sys.path.append(os.path.dirname(__file__))  # noqa: PTH120 - isolated, Python looks nowhere near
import worker_frames

_LDB_NAMES = {"idmap": ("idmap.ldb", "CN="), "privileges": ("privilege.ldb", "sid=")}
_INDEXED = {"idmap": ["xidNumber", "objectSid"]}
"""What Samba looks entries up by; provisioning says so in the file, which no other has."""
_TDB_NAMES = {"shares": "share_info.tdb", "registry": "registry.tdb"}
_VERSION = b"INFO/version\0"
_OF_SMB_CONF = re.compile(rb"(SAMBA_REGVAL\\|SAMBA_SECDESC\\)?HKLM\\SOFTWARE\\SAMBA\\SMBCONF(\\.*)?\0", re.DOTALL)
"""Keys of the registry's records that `net conf` writes; all others are the machine's own, or what smbd makes anew."""
_ASKED = ("private dir", "state directory", "lock directory", "registry shares", "include", "log level")
_ASKED_OF_SHARE = ("path", "vfs objects")


class Databases:
    """The files, by the places an entry may lie in."""

    def __init__(self, smb_conf):
        self.settings = LoadParm()
        self.settings.load(smb_conf)

    def greeting(self):
        """What smb.conf says of where things lie."""
        found = {name: self.text(name) for name in _ASKED}
        found |= {f"sysvol {name}": self.text(name, "sysvol") for name in _ASKED_OF_SHARE}
        found |= {name: self.text(name) for name in ("acl_xattr:security_acl_name", "posix:eadb", "xattr_tdb:file")}
        return found | {"version": samba.version}

    def text(self, name, section=None):
        value = self.settings.get(name, section) if section is not None else self.settings.get(name)
        if isinstance(value, list):
            return " ".join(value)
        return "" if value is None else str(value)

    def path(self, place):
        if place in _TDB_NAMES:
            return os.path.join(self.text("state directory"), _TDB_NAMES[place])  # noqa: PTH118
        return os.path.join(self.text("private dir"), _LDB_NAMES[place][0])  # noqa: PTH118

    def read(self, place):
        """Every entry of a place; none where there is no such file."""
        path = self.path(place)
        if not os.path.exists(path):  # noqa: PTH110
            return []
        if place in _TDB_NAMES:
            return records(place, path)
        prefix, found = _LDB_NAMES[place][1], []
        for message in opened(path).search("", ldb.SCOPE_SUBTREE):
            dn = str(message.dn)
            if not dn.startswith("@"):
                found.append((dn.removeprefix(prefix), values_of(message)))
        return found

    def write(self, place, entries, removed):
        """Put entries and take others away."""
        path = self.path(place)
        if place in _TDB_NAMES:
            write_records(place, path, entries, removed)
            return
        prefix, database = _LDB_NAMES[place][1], opened(path, is_new=is_gone_alone(path))
        database.transaction_start()
        try:
            # whoever made it anew may have died before it said so
            if place in _INDEXED and not exists(database, "@INDEXLIST"):
                database.add({"dn": "@INDEXLIST", "@IDXATTR": _INDEXED[place]})
            for name, values in entries:
                put(database, f"{prefix}{name}", values)
            for name in removed:
                database.delete(f"{prefix}{name}")
        except BaseException:
            database.transaction_cancel()
            raise
        database.transaction_commit()


def records(place, path):
    """Every record of a tdb that is captured: of the shares all but the number of its version."""
    file = tdb.Tdb(path, 0, tdb.DEFAULT, os.O_RDWR)
    kept = _OF_SMB_CONF.fullmatch if place == "registry" else _VERSION.__ne__
    return [(record_path(place, key), {"record": bytes(file[key])}) for key in list(file) if kept(key)]


def write_records(place, path, entries, removed):
    """Put records and take others away, in one transaction."""
    file = tdb.Tdb(path, 0, tdb.DEFAULT, os.O_RDWR | os.O_CREAT, 0o600)
    file.transaction_start()
    try:
        for name, values in entries:
            file.store(record_key(place, name), values["record"], tdb.REPLACE)
        for name in removed:
            file.delete(record_key(place, name))
    except BaseException:
        file.transaction_cancel()
        raise
    file.transaction_prepare_commit()
    file.transaction_commit()


def record_path(place, key):
    """A record's key as a path; every key of the registry ends with a zero."""
    return (key[:-1] if place == "registry" else key).decode("utf-8", "surrogateescape")


def record_key(place, path):
    """The reverse."""
    return path.encode("utf-8", "surrogateescape") + (b"\0" if place == "registry" else b"")


def is_gone_alone(path):
    """The directory's own database is there and this one is not; without either, a disk is more likely not mounted."""
    beside = os.path.join(os.path.dirname(path), "sam.ldb")  # noqa: PTH118, PTH120
    return os.path.exists(beside) and not os.path.exists(path)  # noqa: PTH110


def opened(path, *, is_new=False):
    """A database without Samba's modules; where that is asked for one that is gone altogether is made anew."""
    os.umask(0o077)  # for root alone
    return ldb.Ldb(f"tdb://{path}", flags=0 if is_new else ldb.FLG_DONT_CREATE_DB)


def values_of(message):
    """Values by name, those of one name in an order that is always the same."""
    found = {}
    for name in message:
        if name not in ("dn", "distinguishedName"):
            for number, value in enumerate(sorted(bytes(each) for each in message[name]), 1):
                found[name if number == 1 else f"{name}#{number}"] = value
    return found


def put(database, dn, values):
    """Make an entry what it should be, whether it is there or not."""
    message, given = ldb.Message(ldb.Dn(database, dn)), {}
    for name, value in values.items():
        given.setdefault(name.partition("#")[0], []).append(value)
    there = database.search(dn, ldb.SCOPE_BASE) if exists(database, dn) else []
    if not there:
        for name, each in given.items():
            message[name] = ldb.MessageElement(each, ldb.FLAG_MOD_ADD, name)
        database.add(message)
        return
    for name in {*given, *(name for name in there[0] if name not in ("dn", "distinguishedName"))}:
        message[name] = ldb.MessageElement(given.get(name, []), ldb.FLAG_MOD_REPLACE, name)
    database.modify(message)


def exists(database, dn):
    try:
        return bool(database.search(dn, ldb.SCOPE_BASE, attrs=["objectClass"]))
    except ldb.LdbError as error:
        if error.args[0] == ldb.ERR_NO_SUCH_OBJECT:
            return False
        raise


def main(smb_conf):
    """Serve until there is nobody to serve."""
    source, sink = worker_frames.opened()
    try:
        databases = Databases(smb_conf)
    except RuntimeError as error:
        worker_frames.write(sink, f"{smb_conf} cannot be read: {error}")
        return
    worker_frames.write(sink, databases.greeting())
    for name, *arguments in worker_frames.requests(source):
        try:
            answer = "", getattr(databases, name)(*arguments)
        except (OSError, RuntimeError, ldb.LdbError) as error:
            answer = " ".join(map(str, error.args)), None
        worker_frames.write(sink, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
