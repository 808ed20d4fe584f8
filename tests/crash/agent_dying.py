"""adpersist with a death at a named point: `agent_dying.py POINT NUMBER [VICTIM...] -- WORDS...`.

At the NUMBERth time the point is reached, this process kills itself as a power cut would. With victims, process ids of
a DC, those are stopped and a moment later killed instead: the call just begun never gets its answer.

Points: `apply` before a step of a restore, `applied` after one, `prefixes` after a replica learned what its new OIDs
begin with, `begun` and `ended` after a restore was announced or closed in the journal, `look` before a question to the
feed, `commit` before a commit, `committed` after one; of files `announced` before a commit that the directory was told
of, `files` after it, `numbers` after Unix numbers came back, `aside` after a file was written aside, `named` after it
took its name, `removed` after one was taken away. Those of :mod:`tests.crash.worker_dying` lie inside the worker that
writes to the DC's database; reached once, both die.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from adpersist.__main__ import run
from adpersist.capture.capture import Capture
from adpersist.directory.ldap.session import Session
from adpersist.directory.samba import database
from adpersist.directory.samba.database import Database
from adpersist.directory.samba.local_databases import LocalDatabases
from adpersist.directory.samba.worker_process import WorkerProcess
from adpersist.directory.write.pipelined_target import PipelinedTarget
from adpersist.directory.write.target import StepExecutor
from adpersist.files import putting_back
from adpersist.journal.journal import Journal

_BEFORE_ANSWER_S: Final = 0.2
_WORKER_DYING: Final = Path(__file__).with_name("worker_dying.py")

POINTS: Final[dict[str, tuple[list[tuple[type | ModuleType, str]], bool]]] = {
    # a step by itself, or one of several that were sent together; a chunk that a replica takes
    "apply": ([(StepExecutor, "carry_out"), (PipelinedTarget, "_begin"), (Database, "give")], False),
    "applied": ([(StepExecutor, "carry_out"), (PipelinedTarget, "_verdict"), (Database, "give")], True),
    "begun": ([(Journal, "begin_restore")], True),
    "ended": ([(Journal, "end_restore")], True),
    "prefixes": ([(Database, "know_prefixes")], True),
    "look": ([(Session, "dirsync")], False),
    "commit": ([(Journal, "commit")], False),
    "committed": ([(Journal, "commit")], True),
    "announced": ([(Capture, "_announce")], True),
    "files": ([(Journal, "commit_files")], True),
    "numbers": ([(LocalDatabases, "write")], True),
    "aside": ([(putting_back, "_finish")], True),
    "named": ([(putting_back, "_take_name")], True),
    "removed": ([(putting_back, "_remove")], True),
}


def _murder(victims: Sequence[int]) -> None:
    for victim in victims:
        os.kill(victim, signal.SIGSTOP)

    def finish() -> None:
        for victim in victims:
            os.kill(victim, signal.SIGKILL)

    threading.Timer(_BEFORE_ANSWER_S, finish).start()


def _arm(point: str, number: int, victims: Sequence[int]) -> None:
    places, afterwards = POINTS[point]
    reached = 0

    def strike() -> None:
        nonlocal reached
        reached += 1
        if reached == number:
            if victims:
                _murder(victims)
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(owner: type | ModuleType, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def armed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - stands for any method
            if not afterwards:
                strike()
            result = original(*arguments, **options)
            if afterwards:
                strike()
            return result

        setattr(owner, name, armed)

    for owner, name in places:
        arm(owner, name)


def _arm_worker(point: str) -> None:
    def started(program: Path, *arguments: str, **options: Any) -> WorkerProcess:  # noqa: ANN401 - as the worker's
        return WorkerProcess(_WORKER_DYING, point, str(program), *arguments, **options)

    setattr(database, WorkerProcess.__name__, started)


if __name__ == "__main__":
    given, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    if given[0] in POINTS:
        _arm(given[0], int(given[1]), [int(word) for word in given[2:]])
    else:
        _arm_worker(given[0])
    sys.exit(run(words))
