"""DCs of one domain that take from each other, and what one of them knows of another."""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from tests.integration.hands import Hands
from tests.integration.scene import until
from tools.samba_dc import SambaDC, dump

_VECTOR_AT, _CURSOR = 16, struct.Struct("<16sQQ")
"""replUpToDateVector: version, reserved, count, reserved; then invocationID, USN and time ([MS-ADTS] 3.1.1.1.9)."""
_TAKEN = re.compile(r"Replicated (\d+) objects \((\d+) linked attributes\) for (\S.*)")


def replicate(to: SambaDC, source: SambaDC, contexts: Iterable[str] = ()) -> None:
    """Have one DC take what the other has; the first try may meet a connection from before a restart.

    Args:
        contexts: Naming contexts; configuration and domain when there are none.
    """
    what = f"{to.names.hostname} has what {source.names.hostname} has"
    until(partial(try_to_replicate, to, source, contexts), what)


def try_to_replicate(to: SambaDC, source: SambaDC, contexts: Iterable[str] = ()) -> bool:
    """Have one DC take what the other has, once."""
    login = f"-UAdministrator%{to.admin_password}", "--use-kerberos=required"
    wanted = tuple(contexts) or (f"CN=Configuration,{to.base_dn}", to.base_dn)
    words = ("drs", "replicate", to.names.fqdn, source.names.fqdn)
    return all(to.samba_tool(*words, nc, *login, check=False).returncode == 0 for nc in wanted)


def hear(to: SambaDC, source: SambaDC, contexts: Iterable[str] = (), *, until_it_has: str) -> None:
    """Have a DC that was put back take what the other has: its own newest password, too.

    Where that is another one than its files hold, it is not understood from then on, and nobody could tell it to.

    Args:
        until_it_has: Filter that finds something of it.
    """

    def heard() -> bool:
        with Hands(to) as hands:
            if hands.find(until_it_has):
                return True
        try_to_replicate(to, source, contexts)
        return False

    until(heard, f"{to.names.hostname} hears from {source.names.hostname}")


def settle(*dcs: SambaDC, contexts: Iterable[str] = ()) -> None:
    """Replicate until each has what any has: from all to the first, and from that to all."""
    first, *others = dcs
    wanted = tuple(contexts)
    for other in others:
        replicate(first, other, wanted)
    for other in others:
        replicate(other, first, wanted)


def read_so_far(stopped: SambaDC, context: str) -> dict[str, int]:
    """How far a DC has read each database, by invocationID: the highest USN it has seen all below of."""
    for entry in dump(stopped, attributes=("distinguishedName", "replUpToDateVector")).values():
        if entry["distinguishedName"] == (context.encode(),) and "replUpToDateVector" in entry:
            (vector,) = entry["replUpToDateVector"]
            (count,) = struct.unpack_from("<I", vector, 8)
            cursors = (_CURSOR.unpack_from(vector, _VECTOR_AT + number * _CURSOR.size) for number in range(count))
            return {str(uuid.UUID(bytes_le=who)): usn for who, usn, _ in cursors}
    return {}


def taken(log: Path, context: str) -> list[tuple[int, int]]:
    """Every answer of a partner that a DC with log level 2 has applied: objects and link values in it."""
    found = _TAKEN.finditer(log.read_text(errors="replace"))
    return [(int(each[1]), int(each[2])) for each in found if each[3].strip() == context]
