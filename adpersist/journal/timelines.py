"""Which commits make the state at a point. Pure.

A journal's numbers only grow, also through restores: after a restore to 10 that commit 20 ended, the state at 25 is
made of the commits 1 to 10 and 21 to 25; 11 to 20 are abandoned, and still there for whoever asks for one of them.
"""

from dataclasses import dataclass, replace

from adpersist.errors import PointError
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint, Head, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Commits with ``after < seq <= through``, all of one timeline."""

    after: Seq
    through: Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """How to get to a state.

    Attributes:
        checkpoint: What to start from; None: from nothing.
        spans: The commits to fold on top of it, in order.
    """

    checkpoint: Checkpoint | None
    spans: tuple[Span, ...]


def path_to(head: Head, point: Seq, *, since: Seq | None = None) -> Path:
    """The shortest way to the state at ``point``.

    Args:
        since: A commit whose state is at hand, to begin with.

    Raises:
        PointError: The point is beyond the head, what it is made of was pruned or lost, or no way leads there from
            ``since``.
    """
    if not BEFORE_FIRST <= point <= head.seq:
        raise PointError(f"commit {point} is not in the journal; its last one is {head.seq}")
    spans: list[Span] = []
    for span in _spans_back(head, point):
        if since is not None and span.after <= since <= span.through:
            spans.append(Span(after=since, through=span.through))
            return _path(head, point, None, spans)
        usable = [each for each in head.checkpoints if span.after <= each.seq <= span.through]
        if usable and since is None:
            newest = usable[-1]
            spans.append(Span(after=newest.seq, through=span.through))
            return _path(head, point, newest, spans)
        if span.after < head.pruned:
            break
        spans.append(span)
    else:
        if since is None:
            return _path(head, point, None, spans)
    raise PointError(
        f"what the state at commit {point} is made of was pruned", hint="`adpersist log` lists what is left."
    )


def _path(head: Head, point: Seq, checkpoint: Checkpoint | None, spans: list[Span]) -> Path:
    for lost in head.lost:
        if any(max(span.after + 1, lost.first) <= min(span.through, lost.last) for span in spans):
            raise PointError(
                f"what the state at commit {point} is made of is lost: commits {lost.first} to {lost.last}",
                hint="`adpersist check` says which points can be restored.",
            )
    return Path(checkpoint=checkpoint, spans=tuple(span for span in reversed(spans) if span.after < span.through))


def _spans_back(head: Head, point: Seq) -> list[Span]:
    """From the point back to the journal's beginning, one span a timeline."""
    spans: list[Span] = []
    through = point
    for timeline in reversed(head.timelines):
        if timeline.begins <= through:
            spans.append(Span(after=timeline.begins, through=through))
            through = timeline.base
    # a repair may have found nothing to go on from: its timeline begins with nothing
    return spans if spans and through == BEFORE_FIRST else [*spans, Span(after=BEFORE_FIRST, through=through)]


def is_tellable(head: Head, point: Seq) -> bool:
    """Whether the state at a point can still be told, by what the head says."""
    try:
        path_to(head, point)
    except PointError:
        return False
    return True


def begun_anew(head: Head, began: Timeline) -> Head:
    """The head that goes on without what was lost: a look at everything is due, and nothing to restore to before it.

    Where the feed stood, and the captured writes, stay: by them the DC is told from one that was put back.
    """
    return replace(
        head,
        timeline=began.number,
        timelines=(*head.timelines, began),
        position=head.position and replace(head.position, cookies={}),
        settled=False,
        complete=False,
    )
