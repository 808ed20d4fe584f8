"""Processes of their own that are there at once: forked from one that has imported everything and runs no thread.

They are real: what they hold in memory is their own, and a kill is a kill.
"""

import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Concatenate, Final, ParamSpec

P = ParamSpec("P")

Tell = Callable[[str], None]
"""Says a line to whoever started the process; it has been said once this returns, whatever happens then."""

KILLED: Final = -signal.SIGKILL

_PATIENCE_S: Final = 120
_forkserver = get_context("forkserver")
_forkserver.set_forkserver_preload(
    ["tests.contract.racer", "tests.contract.writing", "tests.crash.appending", "adpersist.stores.azure.tables"]
)


class Process:
    """A function of a module at work in a process of its own.

    Attributes:
        told: The lines it has said so far, as far as they were listened to.
    """

    def __init__(self, work: Callable[Concatenate[Tell, P], None], *arguments: P.args, **named: P.kwargs) -> None:
        self.told: list[str] = []
        self._lines, says = _forkserver.Pipe(duplex=False)
        self._process = _forkserver.Process(target=_work, args=(says, work, *arguments), kwargs=named, daemon=True)
        self._process.start()
        says.close()

    def listen(self) -> str:
        """The next line it says.

        Raises:
            EOFError: It came to its end, or to its death.
        """
        assert self._lines.poll(_PATIENCE_S), f"nothing was said in {_PATIENCE_S} s"
        line = self._lines.recv()
        assert isinstance(line, str)
        self.told.append(line)
        return line

    def kill_after(self, seconds: float) -> None:
        time.sleep(seconds)
        self._process.kill()

    def end(self) -> int:
        """Wait for its end; its exit code, :data:`KILLED` when it was. Everything it said is in ``told`` then."""
        while not self._lines.closed:
            try:
                self.listen()
            except EOFError:
                self._lines.close()
        self._process.join(_PATIENCE_S)
        code = self._process.exitcode
        assert code in (0, KILLED), f"exit code {code}: {self.told[-1:]}"
        return code


def _work(says: Connection, work: Callable[Concatenate[Tell, P], None], *arguments: P.args, **named: P.kwargs) -> None:
    try:
        work(says.send, *arguments, **named)
    except BaseException:
        says.send(traceback.format_exc())
        raise
