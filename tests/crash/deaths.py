"""Commands that die at a named point; see :mod:`tests.crash.agent_dying`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Final

from tests import forking
from tests.integration.commands import Adpersist

DYING: Final = Path(__file__).with_name("agent_dying.py")
KILLED: Final = -signal.SIGKILL


def dying(run: Adpersist, point: str, number: int, *words: str) -> int:
    """Run a command that dies at a point; its exit code: -9, or its own when the point was never reached."""
    command = run.with_program(sys.executable, str(DYING), point, str(number), "--").command(*words)
    done = forking.run(command, env=run.environment, timeout_s=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode
