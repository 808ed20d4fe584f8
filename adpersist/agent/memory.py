"""What a look at everything leaves behind: memory that is free and that the C library keeps for later."""

import ctypes


def give_back() -> None:
    """Hand free memory back to the system; a fifth of an agent's, after its first look. Only glibc has to be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
