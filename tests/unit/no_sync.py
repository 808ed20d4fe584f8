"""A disk that takes what is written and then cannot promise it: fsync and fdatasync fail in this process from now on.

By a filter the kernel asks before every system call (seccomp(2)); it cannot be taken away again.
"""

import ctypes
import errno
import platform
from typing import Final

_CALLS: Final = {"x86_64": (0xC000003E, 74, 75), "aarch64": (0xC00000B7, 82, 83)}
"""The architecture as the kernel names it, and its numbers of fsync and fdatasync."""

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_LOAD_WORD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF_0000
_FAIL: Final = 0x0005_0000
_ARCHITECTURE_AT: Final = 4
_NUMBER_AT: Final = 0


class _Instruction(ctypes.Structure):
    """``struct sock_filter``."""

    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Filter(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("count", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def refuse_to_sync() -> None:
    """From now on."""
    architecture, fsync, fdatasync = _CALLS[platform.machine()]
    steps = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 0, 3, architecture),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        (_JUMP_IF_EQUAL, 2, 0, fsync),
        (_JUMP_IF_EQUAL, 1, 0, fdatasync),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL | errno.EIO),
    ]
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    filter_ = _Filter(len(steps), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_)
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")
