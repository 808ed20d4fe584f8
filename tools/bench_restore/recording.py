"""adpersist, with a record of what it has Samba's replication take: ``recording.py FILE WORDS...``."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import IO, Final

from adpersist.__main__ import run
from adpersist.directory.samba.worker_process import WorkerProcess

GIVE: Final = "give"
"""The worker's operation that takes a chunk."""


def _record(record: IO[bytes]) -> None:
    send = WorkerProcess.send

    def recorded(self: WorkerProcess, request: object) -> None:
        if isinstance(request, tuple) and request[0] == GIVE:
            pickle.dump(request, record)
            record.flush()
        send(self, request)

    WorkerProcess.send = recorded  # type: ignore[method-assign]  # a process of its own, for this alone


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb") as kept:
        _record(kept)
        sys.exit(run(sys.argv[2:]))
