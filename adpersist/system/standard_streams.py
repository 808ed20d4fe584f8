"""Standard input, output and error of a command, whatever it was started with: closed, full, or with nobody at the
other end.

An answer that cannot be written is an error; one that nobody reads to its end goes nowhere, and the command ends as it
would have. What is logged where nothing can be written is lost, and nothing else: no capture and no heal ends for its
log's disk.
"""

import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from adpersist.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_Part = TypeVar("_Part")


class _Answer(io.FileIO):
    """Standard output.

    Attributes:
        is_over: Nothing more can be written, and what comes goes nowhere.
    """

    is_over = False

    def write(self, content: "ReadableBuffer") -> int:
        """Raises: OutputError: It was not taken; said once."""
        if not self.is_over:
            try:
                while (written := super().write(content)) is None:  # a pipe that does not block, and is full
                    select.select((), (self,), ())
            except BrokenPipeError:
                self.is_over = True
            except OSError as error:
                self.is_over = True
                raise OutputError(f"standard output cannot be written: {error.strerror}") from error
            else:
                return written
        return memoryview(content).nbytes


class _Log(io.FileIO):
    """Standard error."""

    def write(self, content: "ReadableBuffer") -> int:
        """What is not taken is lost."""
        try:
            return super().write(content) or memoryview(content).nbytes
        except OSError:
            return memoryview(content).nbytes


def settle() -> None:
    """Have this process write as is said above, before it opens anything: a file would take the number of a stream that
    is closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))
    sys.stdout = _over(sys.stdout, _Answer(sys.stdout.fileno(), "w", closefd=False))
    sys.stderr = _over(sys.stderr, _Log(sys.stderr.fileno(), "w", closefd=False))


def _over(old: object, raw: io.FileIO) -> io.TextIOWrapper:
    assert isinstance(old, io.TextIOWrapper)  # noqa: S101 - what the interpreter made
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding,
        errors="backslashreplace",  # as JSON escapes them: a name that is no text spoils no document
        line_buffering=old.line_buffering,
        write_through=old.write_through,
    )


def while_read(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Parts of a long answer for as long as somebody reads it: ``adpersist log | head`` ends soon."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return takewhile(lambda _: not (isinstance(raw, _Answer) and raw.is_over), parts)
