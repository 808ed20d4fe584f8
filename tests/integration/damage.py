"""What stands in a DC's files that no server would have let anybody write."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from tests.integration.scene import World

_DAMAGE: Final = """
import sys, ldb
database = ldb.Ldb("tdb://" + sys.argv[1], options=["modules:"])
(found,) = database.search(expression="(name=" + sys.argv[4] + "*)", attrs=[sys.argv[2]])
sound = bytes(found[sys.argv[2]][0]) if sys.argv[2] in found else b""
message = ldb.Message(found.dn)
values = [bytes.fromhex(value) for value in sys.argv[3].split()]
message["damage"] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, sys.argv[2])
database.modify(message)
print(sound.hex())
"""
"""Written below every module of Samba's, as a failing disk or a bug does."""


def damage(world: World, attribute: str, *values: bytes, of: str = "odd") -> bytes:
    """Have the database hold nonsense, or nothing; returns what it held.

    Args:
        of: How the name of the object begins, which may be a tombstone.
    """
    world.dc.stop()
    first = world.dc.base_dn.split(",")[0]
    (file,) = (each for each in (world.place / "dc/private/sam.ldb.d").iterdir() if _is_of(each, first))
    command = ["/usr/bin/python3", "-c", _DAMAGE, str(file), attribute, " ".join(value.hex() for value in values), of]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    world.dc.start()
    return bytes.fromhex(done.stdout.strip())


def _is_of(file: Path, first: str) -> bool:
    return file.suffix == ".ldb" and file.name.replace("%3D", "=").upper().startswith(first.upper())
