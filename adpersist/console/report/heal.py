"""What happened in a restore, from the journal alone: why, what was lost and came back, what differs, when."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from adpersist import __version__
from adpersist.errors import IntegrityError, PointError
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq, guid_text
from adpersist.model.journal.account import Account, Count, Reason, Remark, Result
from adpersist.model.journal.commit import BESIDE, Commit, CommitKind
from adpersist.model.journal.head import Phase, Timeline
from adpersist.reading.rfc3339 import rfc3339

Document = dict[str, Any]
Said = TypeVar("Said", bound=BaseModel)

_BACK: Final = 64
"""Commits looked at before a restore's end: its beginnings and the marks between them."""
_ON: Final = 64
"""The same after it, for the look that begins the new timeline."""
_NO_ACCOUNT: Final = "this restore is of a time when journals held no more of it"


def heals(journal: Journal) -> list[Document]:
    """Every restore the journal has seen, oldest first, from the head alone; `number` counts them from 1."""
    return [
        {"number": each.number - 1, "timeline": each.number, "target": each.base, "ended_with": each.begins}
        for each in journal.head.timelines
    ]


def heal_document(journal: Journal, number: int | None = None) -> Document:
    """A restore that has ended; None: the newest.

    Raises:
        PointError: There is none of that number, or it was pruned, or how it ended is lost.
        DamagedError: The journal is not what was written.
    """
    timelines = journal.head.timelines
    if not timelines:
        raise PointError(
            "the journal has seen no restore",
            hint="`adpersist report --since -1d` tells what else happened.",
        )
    if number is None:
        number = len(timelines)
    if not 1 <= number <= len(timelines):
        raise PointError(f"there is no restore {number}", hint=f"The journal has seen {len(timelines)}, from 1 on.")
    timeline = timelines[number - 1]
    pruned = journal.head.pruned
    if timeline.begins <= pruned:
        raise PointError(f"restore {number} was pruned", hint=f"The oldest commit left is {pruned}.")
    begun, before, end = _around(journal, timeline)
    return _document(
        journal,
        number=number,
        begun=begun,
        before=before,
        end=end,
        account=Account(
            reason=_said(Reason, begun[0]) if begun else None,
            result=_said(Result, end),
        ),
        target=timeline.base,
    )


def ended_document(journal: Journal, account: Account) -> Document:
    """A restore that has just ended, finished or not, whole or in part."""
    head = journal.head
    if account.result is not None and head.phase is Phase.CAPTURING and head.timelines:
        begins = head.timelines[-1].begins
        for end in journal.commits(after=Seq(begins - 1), through=begins):
            if end.time >= account.result.began:
                return heal_document(journal)
    begun = _last_begun(journal) if head.phase is Phase.RESTORING else []
    return _document(journal, number=None, begun=begun, before=None, end=None, account=account, target=head.target)


def _around(journal: Journal, timeline: Timeline) -> tuple[list[Commit], Commit | None, Commit]:
    """The restore's beginnings, oldest first, what the journal held last before them, and its end."""
    after = Seq(max(journal.head.pruned, timeline.begins - 1 - _BACK))
    if any(each.holds(timeline.begins) for each in journal.head.lost):
        raise PointError(
            f"commit {timeline.begins}, which says how this restore ended, is lost",
            hint="`adpersist log` lists what is left around it.",
        )
    *earlier, end = journal.commits(after=after, through=timeline.begins)
    begun: list[Commit] = []
    for commit in reversed(earlier):
        if commit.kind is CommitKind.RESTORE_BEGIN:
            begun.insert(0, commit)
        elif commit.kind not in BESIDE:
            return begun, commit, end
    return begun, None, end


def _last_begun(journal: Journal) -> list[Commit]:
    after = Seq(max(journal.head.pruned, journal.head.seq - _BACK))
    return [each for each in journal.commits(after=after) if each.kind is CommitKind.RESTORE_BEGIN][-1:]


def _said(kind: type[Said], commit: Commit) -> Said | None:
    """What a commit says of its restore. Raises: IntegrityError."""
    if not commit.account:
        return None
    try:
        return kind.model_validate_json(commit.account)
    except ValidationError as error:
        raise IntegrityError(f"what commit {commit.seq} says of its restore is not understood") from error


def _document(
    journal: Journal,
    *,
    number: int | None,
    begun: list[Commit],
    before: Commit | None,
    end: Commit | None,
    account: Account,
    target: int | None,
) -> Document:
    why, came = account.reason, account.result
    again = _captured_again(journal, end)
    began = begun[0].time if begun else came.began if came else None
    ended = end.time if end else came.ended if came else None
    image = why.image_time if why else None
    left = came.left if came else 0
    return {
        "report": "heal",
        "number": number,
        "dc": journal.head.identity.dns_name,
        "server": guid_text(journal.head.identity.server),
        "journal": journal.id,
        "version": __version__,
        "finished": end is not None or journal.head.phase is Phase.CAPTURING,
        "in_part": end is None and not begun,
        "verdict": why.verdict if why else None,
        "evidence": why.evidence if why else None,
        "why": None if came else _NO_ACCOUNT,
        "on_conflict": why.on_conflict if why else None,
        "engine": why.engine if why else None,
        "partners": why.partners if why else None,
        "healed_by": why.version if why else None,
        "image": {"seq": why.image if why else None, "time": _moment(image)},
        "target": target,
        "times": {
            "image": _moment(image),
            "last_captured": _moment(before.time if before else None),
            "began": _moment(began),
            "ended": _moment(ended),
            "captured_again": _moment(again),
        },
        "seconds": {
            "restore": _span(began, ended),
            "image_to_captured": _span(image, before.time if before else None),
            "blind": _span(before.time if before else None, again),
        },
        "tries": len(begun) or 1,
        "objects": came.objects if came else None,
        "lost": _lost(came) if came else None,
        "steps": {each.what: each.count for each in came.steps} if came else None,
        "rounds": came.rounds if came else None,
        "conflicts": _remarks(came.conflicts, came.conflicts_listed) if came else None,
        "notes": _remarks(came.notes, came.notes_listed) if came else None,
        "left": _remarks(left, came.left_listed) if came else None,
        "refused": [_remark(each) for each in came.refused] if came else [],
        "restart_needed": came.restart_needed if came else False,
        "commits": [
            {"seq": each.seq, "kind": str(each.kind), "time": rfc3339(each.time), "digest": each.digest.hex()}
            for each in (*([before] if before else []), *begun, *([end] if end else []))
        ],
    }


def _captured_again(journal: Journal, end: Commit | None) -> float | None:
    if end is None:
        return None
    through = Seq(min(journal.head.seq, end.seq + _ON))
    return next(
        (
            each.time
            for each in journal.commits(after=end.seq, through=through)
            if each.ends_look and each.kind is CommitKind.LOOK
        ),
        None,
    )


def _lost(came: Result) -> Document:
    total = sum(each.count for each in came.lost)
    return {
        "objects": total,
        "by_kind": [_count(each) for each in came.lost],
        "listed": [each.model_dump(mode="json") for each in came.listed],
        "unlisted": total - len(came.listed),
    }


def _count(each: Count) -> Document:
    return {"what": each.what, "class": each.object_class, "count": each.count}


def _remarks(count: int, listed: Iterable[Remark]) -> Document:
    shown = [_remark(each) for each in listed]
    return {"count": count, "listed": shown, "unlisted": count - len(shown)}


def _remark(each: Remark) -> Document:
    return each.model_dump(mode="json")


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _span(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(end - begin, 0.0), 3)
