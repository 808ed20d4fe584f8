"""How a worker speaks with whoever started it: pickled values, one after the other, over standard input and output.

For the programs that the system's interpreter runs: nothing of adpersist is imported here. Pickled values delimit
themselves, bytes stay bytes, and both ends are of one program and one user. What marshal writes is not the same in
every version of Python, and the worker's is another; multiprocessing's connections say the same, but take the worker a
tenth of a second to load.
"""

import contextlib
import ctypes
import os
import pickle
import sys


def opened():
    """A worker's two ends. What else it prints must not get between its answers, and goes where errors go."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return source, sink


def requests(source):
    """What comes in, until there is nobody to serve."""
    with contextlib.suppress(EOFError, ConnectionResetError):
        while True:
            yield pickle.load(source)  # noqa: S301 - from the process that started this one


def write(sink, document):
    """Send one value, at once."""
    pickle.dump(document, sink)
    sink.flush()


def give_back():
    """Hand free memory back to the system, of which the C library keeps what lies between other pieces."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
