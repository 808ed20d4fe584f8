"""What a look at everything leaves behind: memory that is free and that Python and the C library keep for later.

Only glibc has to be told and asked; others keep less.
"""

import ctypes
import gc
from typing import Final

from adpersist.model.objects.rows.interning import forget

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of mallopt(3)."""
_LARGE_BYTES: Final = 2 * 1_048_576
"""More than a frame: for what is read and written by the hundred the system would clear page after page anew."""
_KEPT_BYTES: Final = 4 * 1_048_576


def keep_little() -> None:
    """Have large pieces of memory be the system's again as soon as they are free, but for a few megabytes.

    By itself the C library learns from the first large piece to keep such ones: an agent holds on to what it read a
    journal or a look with.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """Hand free memory back to the system; a third of an agent's, after its first look."""
    forget()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
