"""The worker that writes to a DC's database, with a death at a named point: ``worker_dying.py POINT PROGRAM PATH``.

Run by the system's interpreter in place of PROGRAM, the worker itself. Where the point is reached, whoever asked and
the worker die at once, as in a power cut.

Points, inside one operation each: `parking` after an object was renamed and before that is durable, `parked` after it
is; of the machine's own secret `password` after the account got the password of its files, `numbering` before the
secrets learn the key version number and `numbered` after it, `keytab` after the keys were written aside and before they
take the keytab's place, `keyed` after it; of a naming context that the database does not have yet `founding` before its
root is durable, `founded` after it.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(sys.argv[2]).parent))
# Only Debian's interpreter has Samba's; the type checker's environment does not.
import database_worker  # type: ignore[import-not-found]
import keytab_worker  # type: ignore[import-not-found]
import replication_worker  # type: ignore[import-not-found]
from samba import Ldb  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]


class Secrets(Ldb):  # type: ignore[misc]
    """secrets.ldb, which the worker opens as this class."""


POINTS: Final[dict[str, tuple[Any, str, bool]]] = {
    "parking": (SamDB, "rename", True),
    "parked": (replication_worker.Replication, "park", True),
    "password": (replication_worker.Replication, "_have_password", True),
    "numbering": (Secrets, "modify", False),
    "numbered": (Secrets, "modify", True),
    "keytab": (keytab_worker.os, "rename", False),
    "keyed": (keytab_worker.os, "rename", True),
}


def arm(owner: Any, name: str, *, afterwards: bool) -> None:  # noqa: ANN401 - a class or a module
    """Have it strike before or after."""
    original: Callable[..., Any] = getattr(owner, name)

    def armed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - stands for any of them
        result = original(*arguments, **options) if afterwards else None
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, armed)


def arm_founding() -> None:
    """Have it strike where a naming context's root is about to be durable."""
    original = replication_worker.Replication.apply

    def armed(*arguments: Any, as_new: bool, **options: Any) -> Any:  # noqa: ANN401 - as the original's
        if as_new:
            arm(SamDB, "transaction_commit", afterwards=sys.argv[1] == "founded")
        return original(*arguments, as_new=as_new, **options)

    replication_worker.Replication.apply = armed


replication_worker.Ldb = Secrets
if sys.argv[1] in POINTS:
    owner, name, afterwards = POINTS[sys.argv[1]]
    arm(owner, name, afterwards=afterwards)
else:
    arm_founding()
database_worker.main(sys.argv[3])
