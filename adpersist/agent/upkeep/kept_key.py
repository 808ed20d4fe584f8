"""Is the key still where the next start looks for it? Who has the journal open goes on without it."""

import time
from collections.abc import Callable
from math import inf

from adpersist.agent import connections
from adpersist.config import Config
from adpersist.errors import AdpersistError, KeyMissingError, WrongKeyError
from adpersist.journal.journal import Journal


class KeptKey:
    """The key in its place, looked at now and then.

    Args:
        configured: The configuration that the next start would find.
        every_s: How long a look is good for.
        clock: Seconds that never go back.
    """

    def __init__(
        self, configured: Callable[[], Config], *, every_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._configured = configured
        self._every_s = every_s
        self._clock = clock
        self._looked = -inf
        self._missed: AdpersistError | None = None

    def missed(self, journal: Journal) -> AdpersistError | None:
        """What keeps the next start from opening the journal; None: nothing.

        Raises:
            StoreError: The journal cannot be asked.
        """
        if self._clock() - self._looked >= self._every_s:
            self._missed, self._looked = self._look(journal), self._clock()
        return self._missed

    def _look(self, journal: Journal) -> AdpersistError | None:
        try:
            found = connections.key(self._configured()).key_id
        except KeyMissingError as error:
            return error
        except AdpersistError:
            return None  # a configuration that somebody is writing says nothing of the key
        if found not in journal.wrappers:
            journal.refresh()  # it may have gone over to another key meanwhile
        wanted = journal.wrappers
        if found in wanted:
            return None
        return WrongKeyError(
            f"the journal wants the key {' or '.join(wanted)}, the one at hand is {found}",
            hint=KeyMissingError.way_out,
        )
