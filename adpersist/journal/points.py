"""Points a person names, turned into commit numbers.

``17`` a commit; ``@nightly`` a mark; ``2026-05-01T12:00:00Z`` or ``-2h`` a moment by the agent's clock; ``usn:4711``
a USN of the DC; nothing at all the newest. But for a number, which is taken at its word, the answer is a *settled*
commit: one after which no look was half in the journal.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from adpersist.errors import PointError
from adpersist.journal.format.frame_header import FrameHeader
from adpersist.journal.format.head import OpenHead
from adpersist.journal.reader import read_headers
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.stores.port import Store

_AGO: Final = re.compile(r"-(\d{1,9})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORMS: Final = "A point is a commit's number, @mark, an RFC 3339 time, -2h (s, m, h, d, w), or usn:N."
_WINDOW: Final = 64
"""Commits read at once when walking back."""


def resolve_point(store: Store, tip: OpenHead, point: str | None, *, now: float) -> Seq:
    """The commit number a point stands for.

    Raises:
        PointError: No such point, none that is settled, or not understood.
        DamagedError: The journal is not what was written.
    """
    if point is None:
        return _settled(store, tip, tip.head.seq)
    text = point.strip()
    if text.isascii() and text.isdigit():
        return _numbered(tip, int(text))
    if text.startswith("@"):
        return _settled(store, tip, _marked(tip, text[1:]))
    if text.lower().startswith("usn:"):
        return _at_usn(store, tip, text[4:])
    return _at_time(store, tip, text, now)


def oldest_point(store: Store, tip: OpenHead, age: str, *, now: float) -> Seq:
    """The commit that whoever keeps what is so old at the most begins with: up to it, no commit is younger.

    A clock that went back for a while put later commits at an earlier time; what lies before those is kept for its own.

    Args:
        age: As a point, ``-90d``.
        now: Unix seconds. What was captured later than that says nothing of its age.

    Raises:
        PointError: Nothing is that old.
        DamagedError: The journal is not what was written.
    """
    begins, floor = parse_moment(age, now) * 1_000_000, tip.head.pruned
    found = floor
    # all of these would go, so that what is read is read once
    for header in read_headers(store, tip, after=floor, through=_at_time(store, tip, age, now)):
        if begins < header.time_us <= now * 1_000_000:
            break
        if header.ends_look and header.complete:
            found = header.seq
    if found == BEFORE_FIRST:
        raise PointError(f"the journal does not reach back to {age}", hint="`adpersist log` lists what it has.")
    return found


def _numbered(tip: OpenHead, number: int) -> Seq:
    head = tip.head
    if not BEFORE_FIRST < number <= head.seq:
        raise PointError(f"commit {number} is not in the journal; it has 1 to {head.seq}", hint=_FORMS)
    if number < head.pruned:
        raise PointError(f"commit {number} is pruned; the oldest one left is {head.pruned}")
    return Seq(number)


def _marked(tip: OpenHead, name: str) -> Seq:
    for mark in tip.head.marks:
        if mark.name == name:
            return mark.seq
    known = ", ".join(f"@{mark.name}" for mark in tip.head.marks[-10:]) or "none"
    raise PointError(f"there is no mark @{name}", hint=f"The newest marks: {known}.")


def _at_usn(store: Store, tip: OpenHead, text: str) -> Seq:
    """The last look that reached no further than the USN; after a restore USNs begin again, and the newest counts."""
    if not (text.isascii() and text.isdigit()):
        raise PointError(f"usn:{text} is no USN", hint=_FORMS)
    usn = int(text)
    found = _last(
        store, tip, after=tip.head.pruned, wanted=lambda header: header.kind is CommitKind.LOOK and header.usn_to <= usn
    )
    if found is None:
        raise PointError(f"no look in the journal ends at USN {usn} or before")
    return found


def _at_time(store: Store, tip: OpenHead, text: str, now: float) -> Seq:
    """The last commit the agent's clock put at that moment or before."""
    latest = parse_moment(text, now)
    saved = [each.seq for each in tip.head.checkpoints if each.time <= latest]
    after = saved[-1] if saved else tip.head.pruned
    found = _last(store, tip, after=after, wanted=lambda header: header.time_us <= latest * 1_000_000)
    if found is None and not saved:
        raise PointError(f"the journal does not reach back to {text}", hint="`adpersist log` lists what it has.")
    return found or after


def parse_moment(text: str, now: float) -> float:
    """Unix seconds of an RFC 3339 time, or of so long ago.

    Raises:
        PointError: Neither, or no moment of the years that are counted, 1 to 9999.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = now - int(ago[1]) * _SECONDS[ago[2]]
        else:
            found = datetime.fromisoformat(text)
            moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError) as error:
        raise PointError(f"{text!r} is no point", hint=_FORMS) from error
    return moment


def _last(store: Store, tip: OpenHead, *, after: Seq, wanted: Callable[[FrameHeader], bool]) -> Seq | None:
    found = None
    for header in read_headers(store, tip, after=after, through=tip.head.seq):
        if header.ends_look and header.complete and wanted(header):
            found = header.seq
    return found


def _settled(store: Store, tip: OpenHead, through: Seq) -> Seq:
    """The newest settled commit, that one or before it."""
    floor = tip.head.pruned
    while through > floor:
        after = Seq(max(floor, through - _WINDOW))
        settled = [
            header.seq
            for header in read_headers(store, tip, after=after, through=through)
            if header.ends_look and header.complete
        ]
        if settled:
            return settled[-1]
        through = after
    if floor:
        return floor
    raise PointError("there is no whole look in the journal yet", hint="Let the agent finish its first look.")
