"""What on a DC belongs to its machine and not to the directory."""

from typing import Final

from adpersist.directory.ldap.session import RootDse, Session
from adpersist.directory.schema import Schema
from adpersist.model.identity.dn import parent
from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.objects.secret_attributes import PASSWORD_ATTRIBUTES, SECRET_ATTRIBUTES
from adpersist.model.plan.reach import EVERYWHERE, Reach
from adpersist.model.plan.replicated import Spared
from adpersist.model.plan.step import Exempt

_DERIVED: Final = frozenset(
    {"instanceType", "sAMAccountType", "isDeleted", "isRecycled", "msDS-IntId", "schemaInfo", "prefixMap"}
)
"""Computed by the server, refused from anybody else ([MS-ADTS] 3.1.1.5.2.4, 3.1.1.5.3.2, 3.1.1.5.5.1.1)."""

_SET_AFTERWARDS: Final = frozenset({"whenCreated", "isCriticalSystemObject"})
"""whenCreated of an add is replaced by now; Samba sets isCriticalSystemObject of a computer itself."""

_MACHINE_SECRET: Final = frozenset({*PASSWORD_ATTRIBUTES, "pwdLastSet"})
"""Must match what the machine's own secrets database and keytab hold, which were put back with it."""


_REFUSED_OVER_NETWORK: Final = frozenset(
    {"objectSid", "sIDHistory", "whenCreated", "isCriticalSystemObject", "pwdLastSet", "userParameters"}
)
"""Taken from SYSTEM alone, whatever the schema says ([MS-SAMR] 3.1.1.8, Samba bug 8077); pwdLastSet takes 0 and -1."""


def exempt(session: Session, dse: RootDse, schema: Schema, server: Guid) -> Exempt:
    """What a restore leaves alone on this DC: its NTDS Settings, its RID set, its machine account's secret.

    The RID set and the RID Manager's pool are raised on their own (:mod:`adpersist.directory.lineage.rid_set`).

    Args:
        session, dse, schema: Of the DC.
        server: Its NTDS Settings, wherever they lie by now.
    """
    computer_dn = own_computer(session, server)
    computer = session.read(computer_dn, attributes=["objectGUID", "rIDSetReferences"]).attributes
    rid_sets = [session.guid_of(dn.decode()) for dn in computer.get("rIDSetReferences", ())]
    manager = session.guid_of(f"CN=RID Manager$,CN=System,{dse.domain}")
    machine = Guid(computer["objectGUID"][0])
    return Exempt(
        objects=frozenset({server, *rid_sets}),
        attributes={machine: _MACHINE_SECRET, manager: frozenset({"rIDAvailablePool"})},
        derived=_DERIVED,
        single_links=schema.single_links,
        without_references=schema.without_references,
        created_with=_SET_AFTERWARDS,
        reach=EVERYWHERE if session.privileged else _over_network(schema),
        # the rest of what the DC says of itself follows what was renamed or made since
        spared=Spared(
            objects=frozenset(rid_sets), attributes={machine: _MACHINE_SECRET, server: frozenset({"invocationId"})}
        ),
    )


def _over_network(schema: Schema) -> Reach:
    """An administrator's; every secret is hidden, what is the system's own is read-only."""
    return Reach(
        unseen=frozenset(SECRET_ATTRIBUTES),
        unwritable=schema.system_only | _REFUSED_OVER_NETWORK,
        not_at_birth=_REFUSED_OVER_NETWORK | frozenset(SECRET_ATTRIBUTES),
        gives_identities=False,
    )


def own_computer(session: Session, server: Guid) -> str:
    """DN of the DC's machine account; ``server`` are its NTDS Settings, whose place changes with a site's name."""
    settings_dn = session.read(f"<GUID={guid_text(server)}>", attributes=["objectGUID"]).dn
    return session.read(parent(settings_dn), attributes=["serverReference"]).attributes["serverReference"][0].decode()
