"""What the DC has: one full look, kept current by small ones."""

from collections.abc import Callable

from adpersist.directory.controller import DomainController
from adpersist.model.state import ObjectState
from adpersist.replay.diff import observe
from adpersist.replay.state import State


class Have:
    """The DC's objects as of the last :meth:`refresh`; nothing of it is ever captured."""

    def __init__(self, dc: DomainController, *, progress: Callable[[str], None] = lambda _: None) -> None:
        self._dc = dc
        self._cookies: dict[str, bytes] = {}
        self._progress = progress
        self.state = State()

    def forget(self) -> None:
        """Have the next refresh look at everything."""
        self._cookies.clear()
        self.state = State()

    def refresh(self) -> State:
        """Look again: in full the first time, afterwards at what changed."""
        for nc in self._dc.feed.contexts:
            self._progress(f"looking at {nc}")
            look = self._dc.feed.look(nc, self._cookies.get(nc))
            for sighting in look:
                old: ObjectState | None = self.state.get(sighting.guid)
                self.state.put(observe(old, sighting))
            self._cookies[nc] = look.cookie
        return self.state
