"""Stamps as they lie in a Samba DC's database: no search over LDAP shows those of links.

A link value is an extended DN with parts of Samba's own: RMD_CHANGETIME (100 ns since 1601), RMD_FLAGS (1: it was taken
away), RMD_INVOCID, RMD_LOCAL_USN, RMD_ORIGINATING_USN and RMD_VERSION.
Source: samba dsdb/common/dsdb_dn.c, dsdb/samdb/ldb_modules/repl_meta_data.c (replmd_build_la_val).
"""

import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, compress
from typing import Final

from adpersist.directory.wire.extended_dn import reference
from adpersist.model.identity.ids import GUID_BYTES, Guid, Usn, guid_from_text
from adpersist.model.identity.reference import refs
from adpersist.model.objects.rows.link_stamp_row import LinkStampRow, LinkWrite
from adpersist.model.objects.rows.stamp_row import packed_write, unpacked_write

_PLAIN: Final = re.compile(rb"<GUID=([0-9a-fA-F-]{36})>")
_PART: Final = re.compile(rb"<RMD_([A-Z_]+)=([^>]*)>")
_TICKS: Final = 10_000_000
"""In a second."""
_REMOVED: Final = 1
"""RMD_FLAG_DELETED."""


class StoredLinks:
    """Links of one attribute and their stamps, in columns: a group has tens of thousands.

    Args:
        values: As they are stored; those whose stamp cannot be read are left out.
    """

    __slots__ = ("_guids", "_known", "_others", "_usns", "_writes")

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self._guids = bytearray()
        self._others: list[bytes] = []
        # of plain references, whose targets lie one behind the other, and of all others
        self._writes: tuple[list[LinkWrite], list[LinkWrite]] = [], []
        self._usns = array("Q"), array("Q")
        self._known: dict[LinkWrite, LinkWrite] = {}
        self.add(values)

    def add(self, values: Iterable[bytes]) -> int:
        """Take some more; of how many the stamp cannot be read."""
        unreadable = 0
        for value in values:
            try:
                link, write, usn = _stored_link(value)
            except ValueError:
                unreadable += 1
                continue
            is_odd = len(link) != GUID_BYTES
            if is_odd:
                self._others.append(link)
            else:
                self._guids += link
            # most came by a few writes, which are kept once
            self._writes[is_odd].append(self._known.setdefault(write, write))
            self._usns[is_odd].append(usn)
        return unreadable

    def is_newer(self, usn: Usn) -> bool:
        """One of them was written after that."""
        return any(usns and max(usns) > usn for usns in self._usns)

    def through(self, usn: Usn | None = None) -> LinkStampRow | None:
        """Stamps of those written up to there, or of all; None: there are none."""
        plain, odd = self._writes
        if usn is None or not self.is_newer(usn):
            row = LinkStampRow.with_last(bytes(self._guids), self._others, [*plain, *odd])
        else:
            early, also = ([each <= usn for each in usns] for usns in self._usns)
            guids = b"".join(compress(map(bytes, zip(*[iter(self._guids)] * GUID_BYTES, strict=True)), early))
            writes = [*compress(plain, early), *compress(odd, also)]
            row = LinkStampRow.with_last(guids, list(compress(self._others, also)), writes)
        return row or None

    def received(self) -> frozenset[bytes]:
        """Links whose write this database gave another USN than who wrote it."""
        links = chain(refs(bytes(self._guids)), self._others)
        stamps = zip(chain(*self._writes), chain(*self._usns), strict=True)
        return frozenset(
            link for link, ((write, _), usn) in zip(links, stamps, strict=True) if unpacked_write(write)[-1] != usn
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStamps:
    """What is kept beside the values of one object.

    Attributes:
        guid: objectGUID.
        created: uSNCreated; 0 when it has none.
        blob: replPropertyMetaData; empty when it has none.
        links: Links by attribute, taken away ones too; None: not to be seen.
    """

    guid: Guid
    created: Usn
    blob: bytes
    links: Mapping[str, StoredLinks] | None


def _stored_link(value: bytes) -> tuple[Guid | bytes, LinkWrite, int]:
    """Whom a plain reference is to, or another reference; its stamp, and the USN this database gave the write.

    Raises:
        ValueError: It has no stamp, as links from before Windows 2003, or a broken one.
    """
    parts = dict(_PART.findall(value))
    try:
        write = packed_write(
            int(parts[b"VERSION"]),
            int(parts[b"CHANGETIME"]) // _TICKS,
            guid_from_text(parts[b"INVOCID"].decode()),
            int(parts[b"ORIGINATING_USN"]),
        )
        removed = int(parts.get(b"FLAGS", b"0")) & _REMOVED
        plain = _PLAIN.match(value)
        link = guid_from_text(plain[1].decode()) if plain is not None else reference(value)
        return link, (write, not removed), int(parts[b"LOCAL_USN"])
    except KeyError as error:
        raise ValueError("a part of it is missing") from error
