"""A partner's changes by hand: objects and links with their stamps, given to Samba's own replication code.

Part of :mod:`.database_worker`, and like it run by the system's interpreter alone. What is handed in becomes the
answer a partner would have given ([MS-DRSR] 4.1.10.2.11, DRS_MSG_GETCHGREPLY_V6) and is applied by the code that
applies those: values come with the stamps they had, nothing is validated or computed as for a client, and what the
database has newer stays. No partner, no password and no running Samba is needed.

An object is ``(guid, dn, parent, sid, attributes, expected, lowered, imposed)``:

* parent: None for the root of a naming context
* sid: text, or None
* attributes: ``{name: (values, stamp)}``, without values for one that was emptied
* expected: stamps the database is believed to have, ``{name: stamp}``; None where it has no such object
* lowered: names whose stamps in the database give way, whatever they are
* imposed: names that are sent whatever was written since

A link is ``(source, attribute, value, present, stamp)``. A stamp is ``(version, seconds since 1601, invocationID,
USN)``; GUIDs are 16 bytes.
"""

import contextlib
import functools
import hashlib
import os
import signal
import socket
import struct
import uuid
import zlib
from itertools import pairwise

import ldb
from samba import Ldb, WERRORError, dsdb
from samba.auth import system_session
from samba.credentials import DONT_USE_KERBEROS, Credentials
from samba.crypto import arcfour_crypt_blob, des_crypt_blob_16
from samba.dcerpc import drsblobs, drsuapi, misc, security
from samba.ndr import ndr_pack, ndr_unpack
from samba.net import Net

_HASHES = frozenset({"unicodePwd", "dBCSPwd", "ntPwdHistory", "lmPwdHistory"})
"""Travel under a second layer, of the account's RID ([MS-DRSR] 4.1.10.6.13)."""
_SECRETS = _HASHES | {
    "supplementalCredentials",
    "currentValue",
    "priorValue",
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "initialAuthIncoming",
    "initialAuthOutgoing",
}
"""Travel encrypted ([MS-DRSR] 4.1.10.3.11, IsSecretAttribute)."""

_TICKS = 10_000_000
"""In a second."""
_SOURCE = "b7b6f5c2-4d0f-4c8b-9d53-3e0e6f1f9a40"
"""The partner that is not there; what Samba notes of it is taken away again."""
_UNKNOWN_SCHEMA = b"\xff" + bytes(20)
"""schemaInfo where there is none: revision 0 ([MS-ADTS] 3.1.1.2.2.3)."""
_TRACES = ("repsFrom", "replUpToDateVector")
"""What Samba notes of a partner, on the root of the naming context."""
_INSTANCE = "instanceType"
"""Must be in every object that is sent."""
_SHOWN = ["show_recycled:1"]
_RAW_PREFIX_MAP = ["local_oid:1.3.6.1.4.1.7165.4.3.3:0", "relax:0"]
_BIND_TIMEOUT_S = 10
_ARCFOUR = 23
_AES = (17, 18)
"""Encryption types, [RFC4757] and [RFC3962]."""


class RefusedError(Exception):
    """Samba does not take it; the text says why.

    Args:
        attribute: The one that it does not take.
    """

    def __init__(self, words, attribute):
        super().__init__(words)
        self.attribute = attribute


_REFUSALS = (RefusedError, WERRORError, ldb.LdbError, RuntimeError, TypeError, ValueError, LookupError)
"""What Samba's Python raises where it does not take something."""


class Replication:
    """Gives objects and links to one open database.

    Args:
        database: The SamDB; it is not in a transaction.
        settings: The LoadParm it was opened with.
        keyed: Has the key that secrets travel under.
        plainly: Where the database is in ldb's batch mode, gives the same to one that is not; else None. In that mode
            nothing becomes durable within which Samba's modules tried what fails, and went on.
    """

    def __init__(self, database, settings, keyed, plainly=None):
        self.database = database
        self.settings = settings
        self.keyed = keyed
        self.plainly = plainly
        self.net = Net(creds=keyed.credentials, lp=settings)
        self.state = self.prefixes = None
        # as the schema is: accounts have half of their values in common
        self._attribute = functools.lru_cache(maxsize=1024)(self._attribute_as_sent)
        self._attid = functools.lru_cache(maxsize=1024)(self._attid_known)

    def give(self, context, objects, links, *, as_new=False):
        """Apply them in one transaction; what is refused is found by halving and set aside.

        Of an object with attributes that cannot be told at all, such as text that is none, the others are applied.

        Args:
            context: DN of the naming context.
            as_new: It is the root of one that this database does not have yet.

        Returns:
            Why, by the place among the objects, for those refused, wholly or in part; the same for links.
        """
        return (
            self._given(objects, lambda to, some: to.apply(context, some, [], as_new=as_new), _without),
            self._given(links, lambda to, some: to.apply(context, [], some, as_new=False), lambda *_: None),
        )

    def know_prefixes(self, oids):
        """Have the schema's table of OID prefixes name those of new definitions ([MS-DRSR] 5.16.4, MakeAttid).

        The table is each database's own. Samba numbers a new prefix by the next free number, and so is it done here.

        Args:
            oids: As text, in the order in which they were defined: each prefix gets the number that it had.
        """
        schema = self.database.get_schema_basedn()
        row = self.database.search(schema, ldb.SCOPE_BASE, attrs=["prefixMap"])[0]
        blob = ndr_unpack(drsblobs.prefixMapBlob, bytes(row["prefixMap"][0]))
        entries = list(blob.ctr.mappings)
        known = {bytes(each.oid.binary_oid) for each in entries}
        for arc in dict.fromkeys(map(_arc, oids)):
            if arc not in known:
                entries.append(_prefix(max(each.id_prefix for each in entries) + 1, arc))
        if len(entries) == len(known):
            return
        blob.ctr.num_mappings, blob.ctr.mappings = len(entries), entries
        message = ldb.Message(schema)
        message["prefixMap"] = ldb.MessageElement(ndr_pack(blob), ldb.FLAG_MOD_REPLACE, "prefixMap")
        self.database.modify(message, controls=_RAW_PREFIX_MAP)
        self.database.set_schema_update_now()
        self.state = self.prefixes = None
        self._attribute.cache_clear()
        self._attid.cache_clear()

    def keep_machine_secret(self, known):
        """Have the DC's own account, its secrets and its keytab agree on the password that its files hold.

        The password stays what the files went back to, and its key version number rises above what anybody knows.
        Whoever has not heard of that yet, a partner above all, still uses the one the journal has, or tickets from
        before that: the keytab gets their keys, and keeps those that it went back to. They lie beside it meanwhile: a
        run that is killed here leaves them to the next.

        Args:
            known: The account's passwords in the journal, the newest first: key version number, unicodePwd,
                supplementalCredentials.
        """
        import keytab_worker  # beside this program, which alone finds it

        path = self.settings.private_path("secrets.ldb")
        secrets = Ldb(path, lp=self.settings, session_info=system_session(self.settings))
        own = "(&(objectClass=primaryDomain)(secret=*))"
        wanted = ["samAccountName", "msDS-KeyVersionNumber", "secret", "privateKeytab"]
        for row in secrets.search("CN=Primary Domains", ldb.SCOPE_SUBTREE, own, attrs=wanted):
            account = ldb.binary_encode(bytes(row["samAccountName"][0]))
            self._have_password(account, bytes(row["secret"][0]))
            (found,) = self.database.search(expression=f"(sAMAccountName={account})", attrs=["replPropertyMetaData"])
            entries = ndr_unpack(drsblobs.replPropertyMetaDataBlob, bytes(found["replPropertyMetaData"][0])).ctr.array
            number = next(str(each.version) for each in entries if each.attid == drsuapi.DRSUAPI_ATTID_unicodePwd)
            keytab = self.settings.private_path(str(row["privateKeytab"][0])) if "privateKeytab" in row else None
            before = keytab_worker.held(keytab) if keytab is not None else b""
            if str(row.get("msDS-KeyVersionNumber", ["0"])[0]) != number:
                message = ldb.Message(row.dn)
                message["n"] = ldb.MessageElement(number, ldb.FLAG_MOD_REPLACE, "msDS-KeyVersionNumber")
                if before:
                    keytab_worker.lay_beside(keytab, before)
                secrets.modify(message)  # the database's own module writes the keytab, with hardly an older key
            if keytab is not None:
                _keep_keys(keytab, before, known)
                keytab_worker.drop_beside(keytab)

    def _have_password(self, account, secret):
        """Give the account the password of its machine's files where it has another: replicated in from a partner."""
        (found,) = self.database.search(expression=f"(sAMAccountName={account})", attrs=["unicodePwd"])
        expected = Credentials()
        expected.set_password(secret.decode())
        if bytes(found.get("unicodePwd", [b""])[0]) != bytes(expected.get_nt_hash()):
            # Kerberos keys are salted with the realm
            self.settings.set("realm", self.database.domain_dns_name().upper())
            message = ldb.Message(found.dn)
            quoted = secret.decode().encode("utf-16-le")
            message["p"] = ldb.MessageElement(quoted, ldb.FLAG_MOD_REPLACE, "clearTextPassword")
            self.database.modify(message)

    def _given(self, things, apply, lessened):
        """Those refused, by place; containers stand before what is in them, so a half never lacks the other's."""
        refused = {}

        def halves(first, some):
            try:
                apply(self, some)
            except _REFUSALS as error:
                if len(some) > 1:
                    middle = len(some) // 2
                    halves(first, some[:middle])
                    halves(first + middle, some[middle:])
                elif (last := alone(some, error)) is not None:
                    refused.setdefault(first, _words(last))
                    if (lesser := lessened(some[0], last)) is not None:
                        halves(first, [lesser])

        def alone(one, error):
            if self.plainly is None:
                return error
            try:
                apply(self.plainly(), one)
            except _REFUSALS as last:
                return last
            return None

        if things:
            halves(0, things)
        return refused

    def apply(self, context, objects, links, *, as_new):
        """Apply them in one transaction, or raise one of those that Samba's Python raises where it refuses."""
        if self.state is None:
            invocation = misc.GUID(self.database.get_invocation_id())
            self.state = self.net.replicate_init(self.database, self.settings, self.keyed.pipe, invocation)
            self.prefixes = _prefixes(self.database)
        request, identifier = drsuapi.DsGetNCChangesRequest8(), drsuapi.DsReplicaObjectIdentifier()
        identifier.dn = context
        request.naming_context = identifier
        # as one operation on some objects: what Samba believes to know of the whole naming context stays
        request.extended_op = drsuapi.DRSUAPI_EXOP_NONE if as_new else drsuapi.DRSUAPI_EXOP_REPL_OBJ
        self.database.transaction_start()
        try:
            traces = self._traces(context) if not as_new else {}
            met = [each for each in map(self._met, objects) if each is not None]
            reply = self._reply(context, met, links)
            self.net.replicate_chunk(self.state, 6, reply, schema=False, req_level=8, req=request)
            message = ldb.Message(ldb.Dn(self.database, context))
            for name in _TRACES:
                found = [bytes(value) for value in traces.get(name, [])]
                message[name] = ldb.MessageElement(found, ldb.FLAG_MOD_REPLACE, name)
            self.database.modify(message)
        except BaseException:
            self.database.transaction_cancel()
            raise
        self.database.transaction_commit()

    def _traces(self, context):
        return self.database.search(context, ldb.SCOPE_BASE, attrs=list(_TRACES))[0]

    def _met(self, given):
        """The object without what somebody wrote since the database was looked at; None: it was deleted meanwhile."""
        guid, dn, parent, sid, attributes, expected, lowered, imposed = given
        if expected is None:
            return given
        row, blob = self._stamps(guid)
        found = {self.database.get_lDAPDisplayName_by_attid(each.attid): _told(each) for each in blob.ctr.array}
        written = {name for name, stamp in found.items() if expected.get(name) != stamp}.difference(imposed)
        # what is to be sent may have been taken by a run that was killed
        written -= {name for name in written & attributes.keys() if attributes[name][1] == found[name]}
        if "isDeleted" in written:
            return None
        lowered = frozenset(lowered) - written
        if lowered:
            self._lower(row, blob, lowered)
        kept = {name: each for name, each in attributes.items() if name not in written or name == _INSTANCE}
        return guid, dn, parent, sid, kept

    def _stamps(self, guid):
        (row,) = self.database.search(_address(guid), ldb.SCOPE_BASE, attrs=["replPropertyMetaData"], controls=_SHOWN)
        return row, ndr_unpack(drsblobs.replPropertyMetaDataBlob, bytes(row["replPropertyMetaData"][0]))

    def _lower(self, row, blob, names):
        entries = []
        for entry in blob.ctr.array:
            if self.database.get_lDAPDisplayName_by_attid(entry.attid) in names:
                entry.version = 0
            entries.append(entry)
        blob.ctr.array = entries
        self._put_stamps(row.dn, ndr_pack(blob))

    def _put_stamps(self, dn, blob):
        """Without the control that is for it the value is taken as it is, and nothing is noted as news."""
        message = ldb.Message(dn)
        message["m"] = ldb.MessageElement(blob, ldb.FLAG_MOD_REPLACE, "replPropertyMetaData")
        self.database.modify(message, controls=_SHOWN)

    def park(self, guid, rdn):
        """Give an object another name for a while, and leave it the stamp its own had."""
        self.database.transaction_start()
        try:
            row, blob = self._stamps(guid)
            before = ndr_pack(blob)
            new = ldb.Dn(self.database, f"{rdn},{row.dn.parent()}")
            self.database.rename(row.dn, new, controls=["relax:0"])
            self._put_stamps(new, before)
        except BaseException:
            self.database.transaction_cancel()
            raise
        self.database.transaction_commit()

    def _reply(self, context, objects, links):
        reply, identifier = drsuapi.DsGetNCChangesCtr6(), drsuapi.DsReplicaObjectIdentifier()
        identifier.dn = context
        in_schema = context == str(self.database.get_schema_basedn())
        items = [self._item(each, context, in_schema=in_schema) for each in objects]
        for item, following in pairwise(items):
            item.next_object = following
        if items:
            reply.first_object = items[0]
        reply.object_count, reply.more_data, reply.extended_ret = len(items), 0, drsuapi.DRSUAPI_EXOP_ERR_SUCCESS
        reply.linked_attributes_count = len(links)
        reply.linked_attributes = [self._link(each, in_schema=in_schema) for each in links]
        reply.naming_context, reply.mapping_ctr = identifier, self.prefixes
        reply.source_dsa_guid = misc.GUID(_SOURCE)
        reply.source_dsa_invocation_id = misc.GUID(self.database.get_invocation_id())
        return reply

    def _item(self, given, context, *, in_schema):
        guid, dn, parent, sid, attributes, *_ = given
        item, stamps = drsuapi.DsReplicaObjectListItemEx(), drsuapi.DsReplicaMetaDataCtr()
        item.object.identifier = _identifier(guid, dn, sid)
        rid = int(sid.rsplit("-", 1)[1]) if sid else None
        values = item.object.attribute_ctr
        values.num_attributes = stamps.count = len(attributes)
        values.attributes = [
            self._secret(name, found[0], rid, in_schema)
            if found and name in _SECRETS
            else self._attribute(name, tuple(found), in_schema)
            for name, (found, _) in attributes.items()
        ]
        stamps.meta_data = [_stamp(stamp) for _, stamp in attributes.values()]
        item.meta_data_ctr, item.is_nc_prefix = stamps, int(dn == context)
        if parent is not None:
            item.parent_object_guid = _guid(parent)
        return item

    def _attribute_as_sent(self, name, found, in_schema):
        attribute = self._encoded(name, found) if found else drsuapi.DsReplicaAttribute()
        attribute.attid = self._attid(name, in_schema)
        return attribute

    def _secret(self, name, value, rid, in_schema):
        if name in _HASHES and rid is None:
            raise RefusedError(f"{name} of somebody without a SID", name)
        attribute, hidden = self._encoded(name, [value]), drsuapi.DsAttributeValue()
        attribute.attid = self._attid(name, in_schema)
        hidden.blob = encrypted(self.keyed.key, value, rid if name in _HASHES else None)
        attribute.value_ctr.values = [hidden]
        return attribute

    def _encoded(self, name, found):
        try:
            return dsdb._dsdb_DsReplicaAttribute(self.database, name, list(found))
        except _REFUSALS as error:
            raise RefusedError(f"{name} cannot be told to replication: {_words(error)}", name) from error

    def _attid_known(self, name, in_schema):
        try:
            return self.database.get_attid_from_lDAPDisplayName(name, in_schema)
        except _REFUSALS as error:
            raise RefusedError(f"the schema has no attribute {name}", name) from error

    def _link(self, given, *, in_schema):
        source, name, value, present, stamp = given
        link, blob = drsuapi.DsReplicaLinkedAttribute(), drsuapi.DsAttributeValue()
        # the structure alone would lose its bytes
        blob.blob = bytes(self._encoded(name, [value]).value_ctr.values[0].blob)
        link.identifier, link.attid, link.value = (
            _identifier(source, "", None),
            self._attid(name, in_schema),
            blob,
        )
        link.flags = drsuapi.DRSUAPI_DS_LINKED_ATTRIBUTE_FLAG_ACTIVE if present else 0
        link.originating_add_time, link.meta_data = stamp[1] * _TICKS, _stamp(stamp)
        return link


def _keep_keys(keytab, before, known):
    import keytab_worker  # beside this program, which alone finds it

    content = found = keytab_worker.content_of(keytab)
    if before:
        content = keytab_worker.with_those_of(content, before)
    for number, nt_hash, credentials in known:
        content = keytab_worker.with_keys(content, number, _keys(nt_hash, credentials))
    if content != found:
        keytab_worker.replace(keytab, content)


def _without(given, error):
    """The object without the attribute that is refused; None: that is not known, or not in it any more."""
    guid, dn, parent, sid, attributes, *rules = given
    refused = getattr(error, "attribute", None)
    if refused not in attributes:
        return None
    return guid, dn, parent, sid, {name: each for name, each in attributes.items() if name != refused}, *rules


def _keys(nt_hash, credentials):
    """Kerberos keys by encryption type, of an account's secrets ([MS-SAMR] 2.2.10.1, 2.2.10.6)."""
    keys = {_ARCFOUR: nt_hash}
    for package in ndr_unpack(drsblobs.supplementalCredentialsBlob, credentials).sub.packages if credentials else ():
        if package.name == "Primary:Kerberos-Newer-Keys":
            found = ndr_unpack(drsblobs.package_PrimaryKerberosBlob, bytes.fromhex(package.data)).ctr
            keys.update({each.keytype: bytes(each.value) for each in found.keys if each.keytype in _AES})
    return keys


class KeyedPipe:
    """An RPC connection with a session key, which is all that replication asks of one: no call is ever made on it.

    A child answers the one NTLMSSP bind ([MS-NLMP] 2.2.1.2): the key is computed on the client's side alone, so that
    any challenge does, and no account, no policy and no server is touched. It hands its end of the connection over and
    is gone, as it would keep all that this process had in memory.
    """

    def __init__(self, settings):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(_BIND_TIMEOUT_S)
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                connection = _answer_bind(listener)
                socket.send_fds(theirs, [b"."], [connection.fileno()])
            os._exit(0)
        port = listener.getsockname()[1]
        listener.close()
        theirs.close()
        self.credentials = Credentials()
        self.credentials.guess(settings)
        self.credentials.set_kerberos_state(DONT_USE_KERBEROS)
        self.credentials.set_username("nobody")
        self.credentials.set_domain("NOWHERE")
        self.credentials.set_password("nothing")
        try:
            # without "ntlm" it would speak SPNEGO, and wait for an answer to that
            self.pipe = drsuapi.drsuapi(f"ncacn_ip_tcp:127.0.0.1[{port},sign,ntlm]", settings, self.credentials)
            _, self.other_end, _, _ = socket.recv_fds(ours, 1, 1)
        finally:
            ours.close()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.key = self.pipe.user_session_key


def _answer_bind(listener):
    """One bind_ack with an NTLMSSP challenge ([C706] 12.6.4.4, [MS-RPCE] 2.2.2.11), and what it was sent by."""
    connection, _ = listener.accept()
    bind = connection.recv(65536)
    (token_length,) = struct.unpack_from("<H", bind, 10)
    (call,) = struct.unpack_from("<I", bind, 12)
    contexts = bind[24]
    trailer = bytearray(bind[-token_length - 8 : -token_length])
    syntax = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)  # NDR
    body = struct.pack("<HHIHHBBH", 5840, 5840, 1, 1, 0, contexts, 0, 0)
    for number in range(contexts):
        # the first is accepted, every other refused
        body += struct.pack("<HH", 0, 0) + syntax if number == 0 else struct.pack("<HH", 2, 2) + bytes(20)
    trailer[2] = -(16 + len(body)) % 4
    body += bytes(trailer[2])
    token = _challenge()
    head = struct.pack("<BBBB4sHHI", 5, 0, 12, 3, b"\x10\0\0\0", 16 + len(body) + 8 + len(token), len(token), call)
    connection.sendall(head + body + bytes(trailer) + token)
    return connection


def _challenge():
    name = "NOWHERE".encode("utf-16-le")
    target_info = struct.pack("<HH", 2, len(name)) + name
    target_info += struct.pack("<HHQ", 7, 8, 133_500_000_000_000_000) + bytes(4)  # any time; the end
    offset = 56
    return (
        b"NTLMSSP\0"
        + struct.pack("<IHHII", 2, len(name), len(name), offset, 0xE0888235)
        + os.urandom(8)
        + bytes(8)
        + struct.pack("<HHI", len(target_info), len(target_info), offset + len(name))
        + bytes(8)
        + name
        + target_info
    )


def encrypted(key, value, rid):
    """A secret as it travels ([MS-DRSR] 4.1.10.6.12), a hash under a layer of the account's RID below that."""
    if rid is not None:
        des = (struct.pack("<I", rid) * 4)[:14]
        value = b"".join(des_crypt_blob_16(value[at : at + 16], des) for at in range(0, len(value), 16))
    salt = os.urandom(16)
    checked = struct.pack("<I", zlib.crc32(value)) + value
    return salt + arcfour_crypt_blob(checked, hashlib.md5(key + salt).digest())  # noqa: S324 - the protocol's


def _prefixes(database):
    """The database's own table of OID prefixes, and its schema's revision: nothing is translated."""
    row = database.search(database.get_schema_basedn(), ldb.SCOPE_BASE, attrs=["prefixMap", "schemaInfo"])[0]
    known = ndr_unpack(drsblobs.prefixMapBlob, bytes(row["prefixMap"][0])).ctr.mappings
    pairs = [(each.id_prefix, bytes(each.oid.binary_oid)) for each in known]
    pairs.append((0, bytes(row["schemaInfo"][0]) if "schemaInfo" in row else _UNKNOWN_SCHEMA))
    table = drsuapi.DsReplicaOIDMapping_Ctr()
    table.num_mappings, table.mappings = len(pairs), [_prefix(*pair) for pair in pairs]
    return table


def _arc(oid):
    """The encoded OID without what goes into the low half of an attribute id."""
    first, second, *rest = map(int, oid.split("."))
    encoded = bytearray()
    for part in (first * 40 + second, *rest):
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(0x80 | part & 0x7F)
        encoded += bytes(reversed(digits))
    return bytes(encoded[:-1] if rest[-1] < 128 else encoded[:-2])


def _prefix(number, arc):
    mapping, oid = drsuapi.DsReplicaOIDMapping(), drsuapi.DsReplicaOID()
    oid.length, oid.binary_oid, mapping.id_prefix = len(arc), list(arc), number
    mapping.oid = oid
    return mapping


def _identifier(guid, dn, sid):
    identifier = drsuapi.DsReplicaObjectIdentifier()
    identifier.guid, identifier.dn = _guid(guid), dn
    if sid:
        identifier.sid = security.dom_sid(sid)
    return identifier


@functools.lru_cache(maxsize=1024)  # most attributes of an object were written together
def _stamp(given):
    version, time, origin, usn = given
    stamp = drsuapi.DsReplicaMetaData()
    stamp.version, stamp.originating_change_time = version, time * _TICKS
    stamp.originating_invocation_id, stamp.originating_usn = _guid(origin), usn
    return stamp


def _told(entry):
    """A stamp as it is handed in."""
    origin = uuid.UUID(str(entry.originating_invocation_id)).bytes_le
    return entry.version, entry.originating_change_time // _TICKS, origin, entry.originating_usn


def _address(guid):
    return f"<GUID={uuid.UUID(bytes_le=guid)}>"


def _guid(guid):
    return misc.GUID(guid)  # in the order of its bytes


def _words(error):
    return str(error.args[1]) if len(error.args) > 1 else str(error)
