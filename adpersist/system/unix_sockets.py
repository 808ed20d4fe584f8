"""Which sockets of this machine somebody listens on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TABLE: Final = Path("/proc/net/unix")
_LINE: Final = re.compile(
    r"[0-9A-Fa-f]+: [0-9A-Fa-f]+ [0-9A-Fa-f]+ (?P<flags>[0-9A-Fa-f]+) [0-9A-Fa-f]+ [0-9A-Fa-f]+ +\d+ (?P<path>/.*)"
)
_ACCEPTS: Final = 0x10000
"""__SO_ACCEPTCON of the kernel's net.h."""


def listening() -> tuple[Path, ...]:
    """Paths of sockets that this process's network namespace listens on, each once, sorted.

    Raises:
        OSError: The kernel does not show them.
    """
    return tuple(sorted(set(in_table(_TABLE.read_bytes()))))


def in_table(table: bytes) -> Iterator[Path]:
    """Those that a copy of ``/proc/net/unix`` names (proc(5)): bound to a file, and waiting for somebody to connect."""
    for line in table.decode(errors="surrogateescape").splitlines():
        found = _LINE.fullmatch(line)
        if found and int(found["flags"], 16) & _ACCEPTS:
            yield Path(found["path"])
