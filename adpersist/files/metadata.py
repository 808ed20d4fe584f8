"""Owner, permissions and extended attributes of an open file or directory."""

import errno
import os
from collections.abc import Mapping
from typing import Final

from adpersist.model.files.file_state import FileState

_NOT_KEPT: Final = ("security.selinux", "security.capability", "security.ima", "security.evm", "trusted.SGI_ACL_")
"""The machine's own, or another face of what is captured already (XFS shows POSIX ACLs twice)."""

_FIRST: Final = ("system.posix_acl_access", "system.posix_acl_default")
_LAST: Final = "security.NTACL"
"""Samba believes it only while owner, mode and POSIX ACL are those it was set with."""


def is_kept(name: str) -> bool:
    """An extended attribute that is captured and put back."""
    return not name.startswith(_NOT_KEPT)


def attributes_of(descriptor: int) -> dict[str, bytes]:
    """The extended attributes that are kept. Raises: OSError."""
    found: dict[str, bytes] = {}
    for name in sorted(os.listxattr(descriptor)):
        if is_kept(name):
            try:
                found[name] = os.getxattr(descriptor, name)
            except OSError as error:
                if error.errno != errno.ENODATA:  # taken away since they were listed
                    raise
    return found


def give(descriptor: int, wanted: FileState) -> None:
    """Owner, permissions, attributes, and at last the time, in the one order that Samba goes on believing.

    Raises:
        OSError: One of them cannot be given.
    """
    permit(descriptor, wanted)
    os.utime(descriptor, ns=(wanted.mtime_ns, wanted.mtime_ns))


def permit(descriptor: int, wanted: FileState) -> None:
    """The same without the time, which tells of content. Raises: OSError."""
    os.fchown(descriptor, wanted.uid, wanted.gid)
    os.fchmod(descriptor, wanted.mode)
    _give_attributes(descriptor, wanted.attributes)


def _give_attributes(descriptor: int, wanted: Mapping[str, bytes]) -> None:
    found = attributes_of(descriptor)
    for name in found.keys() - wanted.keys():
        os.removexattr(descriptor, name)
    for name in sorted(wanted, key=_order):
        # giving away and setting permissions may have changed a POSIX ACL: it is set whatever was found
        _set_attribute(descriptor, name, wanted[name])


def _set_attribute(descriptor: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(descriptor, name, value)
    except OSError as error:
        if error.errno == errno.ENOSPC and os.fstatvfs(descriptor).f_bfree:
            # some file systems, as ext4, have few kilobytes for all of one file: that is nobody else's trouble
            raise OSError(errno.E2BIG, f"its attributes do not fit a file of this disk: {name}") from error
        raise


def _order(name: str) -> tuple[int, str]:
    if name in _FIRST:
        return 0, name
    return (2 if name == _LAST else 1), name
