"""The change feed: DirSync entries become sightings of objects."""

import re
import time
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import zip_longest
from typing import Final

from adpersist.directory.feed.large_entries import is_too_large, large_entries
from adpersist.directory.feed.stamping import Stamping, StampSource
from adpersist.directory.feed.usn_slices import UsnSlices, ends, nothing_after
from adpersist.directory.ldap.session import LOOK_TIMEOUT_S, Page, RootDse, Session
from adpersist.directory.schema import Schema
from adpersist.directory.wire.controls import EXTENDED_DN, SHOW_RECYCLED, dirsync
from adpersist.directory.wire.cookie import cookie_usn
from adpersist.directory.wire.extended_dn import reference, split_extended
from adpersist.directory.wire.filters import ANY, Filter, and_, at_most, not_
from adpersist.directory.wire.messages import Entry
from adpersist.errors import DirectoryError, RevertedError
from adpersist.model.identity.dn import first
from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Values
from adpersist.model.objects.rows.attribute_row import row_of
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from adpersist.model.objects.sighting import Sighting
from adpersist.model.objects.stamps import CHANGED, EVER

_NAMED_ELSEWHERE: Final = frozenset({"objectGUID", "parentGUID", "name", "distinguishedName"})
"""Attributes a sighting carries in fields of its own."""
_PREFIX_MAP: Final = "prefixMap"
_TOO_MUCH: Final = frozenset({3, 4, 11})
"""timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded, [RFC4511] 4.1.9."""
_NOTHING_AT_ALL: Final = and_(at_most("uSNChanged", 0), not_(at_most("uSNChanged", 0)))
_RANGE: Final = re.compile(r"^(?P<name>[^;]+);range=(?P<kind>[01])-[01*]$")
_OFTEN: Final = 200
"""After so many entries it is seen whether the end of a large answer is here by now."""


class _Role(Enum):
    """What the values under a name of the feed are."""

    PLAIN = auto()
    REFERENCES = auto()
    ADDED = auto()
    REMOVED = auto()
    NOTHING = auto()
    """Told otherwise, or the other end of a link."""


_PLAIN, _REFERENCES, _ADDED, _REMOVED, _NOTHING = _Role


class DirSyncFeed:
    """Looks at the naming contexts of one DC.

    Args:
        session: For questions in between.
        looking: Another one, for the looks: while a look is read, nothing else can be asked on it.
        dse, schema: What ``session`` found.
        source: Where stamps are looked up, which no answer to a look carries.
    """

    def __init__(self, session: Session, looking: Session, dse: RootDse, schema: Schema, source: StampSource) -> None:
        self._session = session
        self._looking = looking
        self._schema = schema
        self._source = source
        self._schema_nc = dse.schema
        # to anybody but SYSTEM a changed secret looks like one that was cleared
        self._asked = ("*", *SECRET_ATTRIBUTES) if session.privileged else ("*",)
        self._unseen = frozenset[str]() if session.privileged else frozenset(SECRET_ATTRIBUTES)
        self.contexts: tuple[str, ...] = ()
        self._roots: dict[Guid, str] = {}
        self._learn_contexts(dse.contexts)
        self._roles: dict[str, tuple[_Role, str]] = {}
        self._plain: set[str] = set()

    @property
    def roots(self) -> Mapping[Guid, str]:
        """The naming contexts by their root's objectGUID."""
        return self._roots

    def _learn_contexts(self, contexts: tuple[str, ...]) -> None:
        if contexts != self.contexts:
            self.contexts = contexts
            self._roots = {self._session.guid_of(nc): nc for nc in contexts}

    def look(self, nc: str, cookie: bytes | None) -> "ContextLook":
        """What changed in ``nc`` since ``cookie``; None asks for everything."""
        return ContextLook(self, nc, cookie)

    def parts(self, cookies: Mapping[str, bytes]) -> Iterator["Part"]:
        """A look at every naming context, those made meanwhile too, part by part; to be read in this order.

        Args:
            cookies: Where to begin. What comes after a cookie is little, and asked for together.
        """
        self._learn_contexts(self._session.root_dse().contexts)
        looks = [self.look(nc, cookies.get(nc)) for nc in self.contexts]
        if cookies:
            floor = self.usn()
            for look in looks:
                look.ask(floor)
        for look, following in zip_longest(looks, looks[1:]):
            yield from look.parts(following)

    def slices(self, nc: str) -> UsnSlices:
        """For a look at everything. For :class:`ContextLook` alone."""
        entries = self._session.search(
            nc, ANY, attributes=[CHANGED], controls=[SHOW_RECYCLED], timeout_s=LOOK_TIMEOUT_S
        )
        usns = array("Q", (int(usn) for each in entries for usn in each.attributes.get(CHANGED, ())))
        return UsnSlices(ends=ends(usns, lambda: self._range_s(nc)))

    def _range_s(self, nc: str) -> float:
        """How long the DC takes to find out that nothing lies in a range of USNs."""
        nothing, began = nothing_after(self.usn()), time.monotonic()
        deque(self._session.search(nc, nothing, attributes=[CHANGED], timeout_s=LOOK_TIMEOUT_S), maxlen=0)
        return time.monotonic() - began

    def usn(self) -> Usn:
        """highestCommittedUSN."""
        return self._session.usn()

    def stamping(self, nc: str, *, since: Usn, floor: Usn) -> Stamping:
        """The way of a page's sightings to their stamps. For :class:`ContextLook` alone."""
        return Stamping(self._source, self._attribute, nc=nc, since=since, floor=floor, unseen=self._unseen)

    def _attribute(self, number: int) -> str:
        if not self._schema.names(number):
            self._reload_schema()
        return self._schema.name_of(number)

    def _reload_schema(self) -> None:
        self._schema = Schema.load(self._session, self._schema_nc)
        self._source.learn(self._schema)

    def ask(self, nc: str, cookie: bytes, matching: Filter, names: Sequence[str] = ()) -> Page:
        """One page of a look, at some attributes or all. For :class:`ContextLook` alone."""
        controls = [dirsync(cookie), EXTENDED_DN]
        return self._looking.dirsync(nc, matching, attributes=names or self._asked, controls=controls)

    def large(self, nc: str, cookie: bytes, matching: Filter) -> Iterator[Entry]:
        """What an answer would have that the server does not send, attribute by attribute. As :meth:`ask`."""
        names = self._schema.told_of
        return large_entries(self._session, nc, matching, names, lambda some: self.ask(nc, cookie, matching, some))

    def sightings(self, nc: str, entries: Iterable[Entry], *, whole: bool) -> Iterator[Sighting]:
        """What entries show. For :class:`ContextLook` alone."""
        for entry in entries:
            try:
                sighting = self._sighting(nc, entry, whole=whole)
            except (DirectoryError, ValueError) as error:
                sighting = _unreadable(nc, entry, error)
            # the roots of other naming contexts show up in the one above them
            if self._roots.get(sighting.guid, nc) == nc:
                yield sighting

    def unreadable(self, nc: str, cookie: bytes, matching: Filter, error: DirectoryError) -> Iterator[Sighting]:
        """Those objects that the DC fails to show. For :class:`ContextLook` alone.

        Raises:
            DirectoryError: It is not about them: the DC shows nothing at all, or does not have any.
        """
        deque(self.ask(nc, cookie, _NOTHING_AT_ALL), maxlen=0)
        asked = self._session.search(
            nc, matching, attributes=["objectGUID"], controls=[SHOW_RECYCLED], timeout_s=LOOK_TIMEOUT_S
        )
        found = list(asked)
        if not found:
            raise error
        yield from (_unreadable(nc, entry, error) for entry in found)

    def _sighting(self, nc: str, entry: Entry, *, whole: bool) -> Sighting:
        guid, dn = split_extended(entry.dn)
        if guid is None:
            raise DirectoryError(f"the feed reported {dn} without its objectGUID")
        found, plain = entry.attributes, self._plain
        values: dict[str, Values] = {name: raw for name, raw in found.items() if name in plain and (raw or not whole)}
        added: dict[str, frozenset[bytes]] = {}
        removed: dict[str, frozenset[bytes]] = {}
        for name in found.keys() - plain:
            raw = found[name]
            role, attribute = self._roles.get(name) or self._learn(name)
            if role in (_PLAIN, _REFERENCES) and (raw or not whole):
                values[name] = raw if role is _PLAIN else tuple(dict.fromkeys(map(reference, raw)))
            elif role is _ADDED and raw:
                added[attribute] = added.get(attribute, frozenset()).union(map(reference, raw))
            elif role is _REMOVED and raw and not whole:
                removed[attribute] = removed.get(attribute, frozenset()).union(map(reference, raw))
        is_root = guid in self._roots
        if is_root and nc == self._schema_nc:
            # not replicated, as each DC makes its own; another one makes this one's ids of attributes out of it
            values |= self._session.read(nc, attributes=[_PREFIX_MAP]).attributes
        parent = found.get("parentGUID")
        return Sighting(
            guid=guid,
            nc=nc,
            parent=Guid(parent[0]) if parent and not is_root else None,
            rdn=dn if is_root else first(dn),
            whole=whole,
            values=row_of(values) if whole else values,
            added=added,
            removed=removed,
            size=entry.size,
        )

    def _learn(self, name: str) -> tuple[_Role, str]:
        """What a name means, and the attribute's own name in it; found out once."""
        if name in _NAMED_ELSEWHERE or name in self._unseen:
            role, plain = _NOTHING, name
        elif ranged := _RANGE.match(name):
            role, plain = _ADDED if ranged["kind"] == "1" else _REMOVED, ranged["name"]
        else:
            role, plain = self._role(name), name
        self._roles[name] = role, plain
        if role is _PLAIN:
            self._plain.add(name)
        return role, plain

    def _role(self, name: str) -> _Role:
        if name not in self._schema:
            # an attribute made since the schema was read
            self._reload_schema()
        if name not in self._schema:
            raise DirectoryError(f"the feed reported the attribute {name}, which the schema does not have")
        fact = self._schema[name]
        if fact.is_link:
            # a server without incremental values sends the whole list; "no values" then clears it
            return _ADDED
        if fact.is_backlink:
            return _NOTHING
        return _REFERENCES if fact.is_reference else _PLAIN


def _unreadable(nc: str, entry: Entry, error: Exception) -> Sighting:
    """Nothing of an object but which it is. Raises: the error, where not even that can be told."""
    try:
        guid, dn = split_extended(entry.dn)
    except ValueError:
        guid, dn = None, entry.dn
    if guid is None:
        if not entry.attributes.get("objectGUID"):
            raise error
        guid = Guid(entry.attributes["objectGUID"][0])
    trouble = error.message if isinstance(error, DirectoryError) else f"{type(error).__name__}: {error}"
    return Sighting(guid=guid, nc=nc, parent=None, rdn=dn, whole=False, trouble=trouble)


class ContextLook:
    """One look at a naming context: an iterable of what it shows, read as it comes.

    Attributes:
        nc: The naming context.
        whole: It shows everything, not only what changed.
        cookie: For the next look, once this one is through; until then where it began.
    """

    def __init__(self, feed: DirSyncFeed, nc: str, cookie: bytes | None, slices: UsnSlices | None = None) -> None:
        self._feed = feed
        self._slices = slices
        self._asked: Page | None = None
        self._floors: deque[Usn] = deque()
        self.nc = nc
        self.whole = not cookie
        self.cookie = cookie or b""

    def ask(self, floor: Usn | None = None) -> tuple[Page, UsnSlices]:
        """Ask now what is read later; the answer, and which slice it is.

        Args:
            floor: The DC's USN a moment ago; None: it is asked for.
        """
        slices = self._slices or (self._feed.slices(self.nc) if self.whole else UsnSlices(cookie_usn(self.cookie) or 0))
        if self._asked is None:
            self._floors.append(floor if floor is not None else self._feed.usn())
        asked = self._asked or self._feed.ask(self.nc, self.cookie, slices.filter)
        self._slices, self._asked = slices, asked
        return asked, slices

    def __iter__(self) -> Iterator[Sighting]:
        """All its parts. Raises: as :meth:`Part.__iter__`."""
        for part in self.parts():
            yield from part

    def parts(self, following: "ContextLook | None" = None) -> Iterator["Part"]:
        """What it shows, once; some of it twice, where it was written meanwhile or the server broke off.

        Args:
            following: Asked for when the last part is here: the DC thinks about that while the part is read.
        """
        through = False
        while not through:
            began = time.monotonic()
            (page, slices), self._asked = self.ask(), None
            page.take_in()
            part = Part(self.nc, whole=self.whole, waited_s=time.monotonic() - began)
            part.sightings = self._read(part, page, slices, following)
            yield part
            deque(part, maxlen=0)  # what was not read is passed over: only the end tells where the next look begins
            through = part.cookie is not None

    def _read(self, part: "Part", page: Page, slices: UsnSlices, following: "ContextLook | None") -> Iterator[Sighting]:
        is_last, matching = slices.is_last, slices.filter
        here = False

        def ask_next() -> None:
            """As soon as all of the answer is here, and a success."""
            nonlocal here
            if here or not page.take_in():
                return
            here = True
            slices.go_on()
            if asked_next := following if is_last else self:
                asked_next.ask()

        try:
            cookie = yield from self._shown(page, matching, ask_next)
        except DirectoryError as error:
            if here or error.retryable or not error.result:
                raise
            newest = self._feed.usn()
            if slices.halve(newest):
                return
            if error.result in _TOO_MUCH:
                raise
            # one object that the DC cannot show must not hide all others
            slices.end(newest)
            yield from self._of_one(slices.whole_filter, newest, error)
            slices.go_on()
            return
        if not here:
            slices.go_on()
        if is_last:
            part.cookie = self._ended(cookie)

    def _of_one(self, matching: Filter, newest: Usn, error: DirectoryError) -> Iterator[Sighting]:
        """What the DC could not show with others: in pieces, if it is too large; else no more than which it is."""
        try:
            if not is_too_large(error):
                raise error
            entries = list(self._feed.large(self.nc, self.cookie, matching))
        except DirectoryError as refused:
            if refused.retryable or not refused.result:
                raise
            yield from self._feed.unreadable(self.nc, self.cookie, matching, refused)
            return
        stamping = self._feed.stamping(self.nc, since=self._since(self.cookie), floor=newest)
        for sighting in self._feed.sightings(self.nc, entries, whole=self.whole):
            if sighting.trouble:
                yield sighting
            else:
                yield from stamping.take(sighting)
        yield from stamping.rest(None)

    def _since(self, cookie: bytes) -> Usn:
        """After which USN a page that was asked for with it shows what was written."""
        return EVER if self.whole else cookie_usn(cookie) or EVER

    def _shown(self, page: Page, matching: Filter, ask_next: Callable[[], None]) -> Generator[Sighting, None, bytes]:
        """What a slice shows, and the cookie after it; meanwhile the next is asked for."""
        more, cookie, floor = True, self.cookie, self._floors.popleft()
        while more:
            stamping = self._feed.stamping(self.nc, since=self._since(cookie), floor=floor)
            for number, sighting in enumerate(self._feed.sightings(self.nc, page, whole=self.whole)):
                if number % _OFTEN == 0:
                    ask_next()
                if sighting.trouble:
                    yield sighting
                else:
                    yield from stamping.take(sighting)
            more, cookie = page.ending()
            yield from stamping.rest(cookie_usn(cookie))
            if more:
                page = self._feed.ask(self.nc, cookie, matching)
        return cookie

    def _ended(self, cookie: bytes) -> bytes:
        """Only after the last slice it is a cookie for everything. Raises: RevertedError."""
        before, after, self.cookie = cookie_usn(self.cookie), cookie_usn(cookie), cookie
        if before is not None and after is not None and after < before:
            raise RevertedError(
                f"the feed of {self.nc} went back from USN {before} to {after}",
                hint="The domain controller was put back to an older state: run `adpersist guard`.",
            )
        return cookie


class Part:
    """A slice of a look, received and not yet read. Until it is iterated over the DC is free for other questions.

    Attributes:
        nc: The naming context.
        whole: It shows everything in its slice, not only what changed.
        waited_s: How long the DC thought about it: Samba says nothing before it has thought of everything.
        sightings: What it shows, once.
        cookie: Where the next look begins; None until the last part of a naming context was read.
    """

    def __init__(self, nc: str, *, whole: bool, waited_s: float) -> None:
        self.nc = nc
        self.whole = whole
        self.waited_s = waited_s
        self.sightings: Iterator[Sighting] = iter(())
        self.cookie: bytes | None = None

    def __iter__(self) -> Iterator[Sighting]:
        """What it shows, read as it comes; the next part is asked for when this begins.

        Raises:
            RevertedError: In the end: the new cookie lies before the old one, so the database went back.
            DirectoryError, DirectoryUnreachableError: Also in the middle.
        """
        return self.sightings
