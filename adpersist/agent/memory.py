"""What a look at everything leaves behind: memory that is free and that Python and the C library keep for later."""

import ctypes
import gc


def give_back() -> None:
    """Hand free memory back to the system; a third of an agent's, after its first look. Only glibc has to be asked."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
