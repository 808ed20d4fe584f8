"""LDAP controls this project sends, as (OID, critical, BER value) triples."""

from typing import Final

from adpersist.directory.wire.ber import INTEGER, SEQUENCE, octets, tlv

Control = tuple[str, bool, bytes | None]

DIRSYNC_OID: Final = "1.2.840.113556.1.4.841"
"""LDAP_SERVER_DIRSYNC_OID, [MS-ADTS] 3.1.1.3.4.1.3."""

EXTENDED_DN_OID: Final = "1.2.840.113556.1.4.529"
"""LDAP_SERVER_EXTENDED_DN_OID, [MS-ADTS] 3.1.1.3.4.1.5."""

SHOW_DELETED_OID: Final = "1.2.840.113556.1.4.417"
"""LDAP_SERVER_SHOW_DELETED_OID, [MS-ADTS] 3.1.1.3.4.1.14."""

SHOW_RECYCLED_OID: Final = "1.2.840.113556.1.4.2064"
"""LDAP_SERVER_SHOW_RECYCLED_OID, [MS-ADTS] 3.1.1.3.4.1.26."""

SEARCH_OPTIONS_OID: Final = "1.2.840.113556.1.4.1340"
"""LDAP_SERVER_SEARCH_OPTIONS_OID, [MS-ADTS] 3.1.1.3.4.1.12."""

SD_FLAGS_OID: Final = "1.2.840.113556.1.4.801"
"""LDAP_SERVER_SD_FLAGS_OID, [MS-ADTS] 3.1.1.3.4.1.11."""

RELAX_OID: Final = "1.3.6.1.4.1.4203.666.5.12"
"""Relax rules, Samba's LDB_CONTROL_RELAX_OID; refused on a modify when marked critical."""

BYPASS_PASSWORD_HASH_OID: Final = "1.3.6.1.4.1.7165.4.3.12"  # noqa: S105 - an OID
"""Samba's DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID: hashes are stored as they are given."""

DBCHECK_OID: Final = "1.3.6.1.4.1.7165.4.3.19"
"""Samba's DSDB_CONTROL_DBCHECK: with relaxed rules a delete leaves nothing. Its LDAP server passes it over."""

DIRSYNC_INCREMENTAL_VALUES: Final = 0x80000000
"""LDAP_DIRSYNC_INCREMENTAL_VALUES: link values come one by one, [MS-ADTS] 3.1.1.3.4.1.3."""

SHOW_DELETED: Final[Control] = (SHOW_DELETED_OID, True, None)
SHOW_RECYCLED: Final[Control] = (SHOW_RECYCLED_OID, True, None)
RELAX: Final[Control] = (RELAX_OID, False, None)
BYPASS_PASSWORD_HASH: Final[Control] = (BYPASS_PASSWORD_HASH_OID, False, None)
DBCHECK: Final[Control] = (DBCHECK_OID, False, None)
SD_ALL: Final[Control] = (SD_FLAGS_OID, False, bytes.fromhex("300302010f"))
"""Owner, group, DACL and SACL together."""
ALL_CONTEXTS: Final[Control] = (SEARCH_OPTIONS_OID, True, bytes.fromhex("3003020102"))
"""SERVER_SEARCH_FLAG_PHANTOM_ROOT: an empty base covers every naming context of this DC."""
EXTENDED_DN: Final[Control] = (EXTENDED_DN_OID, False, bytes.fromhex("3003020101"))
"""Entries and references come as ``<GUID=8-4-4-4-12>;<SID=S-1-...>;DN``."""


def dirsync(cookie: bytes) -> Control:
    """The request for what changed since ``cookie``; an empty cookie asks for everything.

    The flags are a 32-bit field in a BER INTEGER, so the highest one makes it negative: ``80 00 00 00`` and not
    ``00 80 00 00 00``, which Windows refuses. Source: [MS-ADTS] 3.1.1.3.4.1.3.
    """
    flags = DIRSYNC_INCREMENTAL_VALUES.to_bytes(4, "big")
    most_bytes = (0x7FFFFFFF).to_bytes(4, "big")
    return DIRSYNC_OID, True, tlv(SEQUENCE, tlv(INTEGER, flags), tlv(INTEGER, most_bytes), octets(cookie))
