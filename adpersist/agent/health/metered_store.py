"""A store that tells how it fares: bytes taken, calls tried again."""

from collections.abc import Sequence

from adpersist.agent.health.agent_health import AgentHealth
from adpersist.stores.port import Frame, Store, StoredHead
from adpersist.stores.retrying import RetryingStore
from adpersist.system.backoff import Backoff


class MeteredStore(RetryingStore):
    """Implements :class:`adpersist.stores.port.Store`."""

    def __init__(self, inner: Store, health: AgentHealth) -> None:
        super().__init__(inner, Backoff(on_wait=lambda _error, _wait_s: health.store_retried()))
        self._health = health

    def append(self, frames: Sequence[Frame], *, onto: StoredHead, head: bytes, spare: bool = False) -> StoredHead:
        stored = super().append(frames, onto=onto, head=head, spare=spare)
        self._health.sent(sum(len(frame.body) for frame in frames))
        return stored
