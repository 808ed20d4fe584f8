"""Which states can still be told when some commits are lost. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from adpersist.errors import PointError
from adpersist.journal.timelines import Span, path_to
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Head


def restorable(head: Head, lost: Sequence[Span]) -> tuple[Span, ...]:
    """Runs of points whose state needs no lost commit; a span here stands for ``after < point <= through``.

    Args:
        head: With the usable checkpoints only.
        lost: Damaged or missing commits.
    """
    first, end = max(head.pruned - 1, 0), head.seq
    if head.lost and head.timelines and not head.complete:
        end = Seq(head.timelines[-1].begins - 1)  # after a repair nothing is whole until the DC was looked at
    edges = {first, end}
    for span in lost:
        edges |= {span.after, span.through}
    for noted in head.lost:
        edges |= {noted.first - 1, noted.last}
    for start in [*(each.seq for each in head.checkpoints), *(each.begins for each in head.timelines)]:
        edges |= {start - 1, start}
    spans: list[Span] = []
    for after, through in pairwise(sorted(edge for edge in edges if first <= edge <= end)):
        if not _tellable(head, Seq(through), lost):
            continue
        joined = spans.pop().after if spans and spans[-1].through == after else after
        spans.append(Span(after=Seq(joined), through=Seq(through)))
    return tuple(spans)


def _tellable(head: Head, point: Seq, lost: Sequence[Span]) -> bool:
    try:
        needed = path_to(head, point).spans
    except PointError:
        return False
    vouched = {BEFORE_FIRST, *(each.seq for each in head.checkpoints)}
    for need in needed:
        after = need.after if need.after in vouched else need.after - 1  # a span is tied to the commit before it
        if any(after < gone.through and gone.after < need.through for gone in lost):
            return False
    return True
