"""What the DC has: one full look, kept current by small ones."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from adpersist.capture.full_look import FullLook
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.wire.cookie import cookie_at, cookie_usn
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.objects.rows.spilled_object import spilled
from adpersist.model.objects.rows.spilled_row import Spill
from adpersist.model.objects.sighting import Sighting
from adpersist.restore.inherited_rights import inherited
from adpersist.state.changes import observe, shows
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """What a DC is known to have had at one moment of its own past.

    Attributes:
        state: Every object.
        usn: The DC's then: its writes up to there are in the state.
        invocation: Whose USNs they are.
    """

    state: State
    usn: Usn
    invocation: Guid


class LiveState:
    """The DC's objects as of the last :meth:`refresh`; nothing of it is ever captured.

    Args:
        dc: The DC.
        base: What to begin with instead of a full look: only what the DC wrote since is looked at.
        like: What most of it will be equal to; equal objects are kept once.
        spill: Where values of the others go; None: they stay in memory.
        progress: Told what is being looked at.
    """

    def __init__(
        self,
        dc: DomainController,
        *,
        base: ImageState | None = None,
        like: State | None = None,
        spill: Spill | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._dc = dc
        self._base = base
        self._like = like if like is not None else State()
        self._spill = spill
        self._undeleted = False
        self._cookies: dict[str, bytes] = {}
        self._ahead: dict[str, tuple[list[ObjectState], bytes]] = {}
        self._progress = progress
        self.state = State()
        self._usn = Usn(0)
        self.unreadable: dict[Guid, Sighting] = {}
        """Objects that the DC cannot show: they are taken for what is wanted, which nobody can compare or write."""
        self.is_whole = False
        """Whether the last refresh looked at everything."""
        self.image: ImageState | None = None
        """What it began with, if that is what the DC was put back to, or was then."""

    @property
    def proof(self) -> FullLook | None:
        """The last refresh, if it looked at everything."""
        if not self.is_whole:
            return None
        news = [item for item in self.state.values() if self._like.get(item.guid) is not item]
        return FullLook(
            state=self.state,
            news=news,
            usn=self._usn,
            cookies=self._cookies,
            links_stamped=self._dc.sees_link_stamps,
            unreadable=tuple(self.unreadable.values()),
        )

    def go_on_as(self, invocation: Guid) -> None:
        """The DC numbers its writes under another invocationID now, and goes on counting where it was."""
        self._base = None  # its numbers were of the one before
        usns = {nc: cookie_usn(cookie) for nc, cookie in self._cookies.items()}
        self._cookies = {nc: cookie_at(usn, invocation) for nc, usn in usns.items() if usn is not None}

    def look_anew(self) -> None:
        """Have the next refresh look at everything; until then the state is what was seen last."""
        self._base = None
        self._cookies.clear()

    def look_ahead(self, contexts: Collection[str]) -> None:
        """Look at all of some naming contexts now: the next look at everything takes what came since instead."""
        for nc in contexts:
            look = self._dc.feed.look(nc, None)
            seen = [None if sighting.trouble else self._seen(sighting, None) for sighting in look]
            objects = [item for item in seen if item is not None]
            if len(objects) == len(seen):  # where the DC cannot show something, all is looked at as usual
                self._ahead[nc] = objects, look.cookie

    def refresh(self) -> State:
        """Look again: the first time in full, or at all since the base; afterwards at what changed."""
        base, self._base = self._base, None
        if base is not None and base.invocation == self._dc.invocation() and base.usn <= self._dc.usn():
            self.image = base
            self._since(base)
            return self.state
        self.is_whole = not self._cookies
        if not self.is_whole:
            self._look()
            return self.state
        ahead, self._ahead = self._ahead, {}
        self.unreadable.clear()
        self._usn = self._dc.usn()
        self._cookies = {nc: cookie for nc, (_, cookie) in ahead.items()}
        self._go_on(State(item for objects, _ in ahead.values() for item in objects))
        return self.state

    def _since(self, base: ImageState) -> None:
        known = {item.nc for item in base.state.values()}
        self._cookies = {nc: cookie_at(base.usn, base.invocation) for nc in self._dc.feed.contexts if nc in known}
        self._go_on(base.state)

    def _go_on(self, before: State) -> None:
        """From what some naming contexts had: what they have now, and all that the others have."""
        self.state = State(before.values())
        fresh = self._look()
        if self._undeleted:
            # what lives again lost its links when it was deleted, and no feed says so
            self.look_anew()
            self.refresh()
            return
        for item in inherited(self._dc, before, fresh):
            self.state.put(self._kept(item))

    def _look(self) -> dict[Guid, ObjectState]:
        fresh: dict[Guid, ObjectState] = {}
        self._undeleted = False
        for part in self._dc.feed.parts(dict(self._cookies)):
            self._progress(f"looking at {part.nc}")
            for sighting in part:
                if sighting.trouble:
                    self._take_aside(sighting)
                    continue
                old = self.state.get(sighting.guid)
                item = self._seen(sighting, old)
                fresh[item.guid] = item
                self.state.put(item)
                self._undeleted |= sighting.reanimated or (old is not None and old.deleted and not item.deleted)
            if part.cookie is not None:
                self._cookies[part.nc] = part.cookie
        return fresh

    def _take_aside(self, sighting: Sighting) -> None:
        self.unreadable[sighting.guid] = sighting
        if (wanted := self._like.get(sighting.guid)) is not None:
            self.state.put(wanted)

    def _seen(self, sighting: Sighting, old: ObjectState | None) -> ObjectState:
        known = self._like.get(sighting.guid)
        if known is None:
            return self._kept(observe(old, sighting))
        if shows(sighting, known):
            return known
        if sighting.whole and sighting.values == known.values:
            # of what a heal brought back only the naming attribute's stamp is another
            sighting = replace(sighting, values=known.values)
        item = observe(old, sighting)
        return known if item == known else self._kept(item)

    def _kept(self, item: ObjectState) -> ObjectState:
        return item if self._spill is None else spilled(item, self._spill)
