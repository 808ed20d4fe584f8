"""``adpersist log``: the journal's commits, newest first."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from adpersist.cli import output
from adpersist.cli.options import ConfigOption, JsonOption, answered, common_options, loaded, opened_journal
from adpersist.errors import ConfigError, PointError
from adpersist.model.identity.ids import Seq
from adpersist.reading.rfc3339 import rfc3339
from adpersist.system.standard_streams import while_read

if TYPE_CHECKING:
    from adpersist.config import Config
    from adpersist.journal.journal import Journal
    from adpersist.model.journal.commit import Commit
    from adpersist.model.journal.head import Head
    from adpersist.model.journal.use import Deed
    from adpersist.reading.folded import Reading
    from adpersist.reading.sought import Sought

_WINDOW: Final = 256
"""Commits read at once on the way back: memory follows it, not the journal."""

_DEEDS_A_LINE: Final = 5

_LINE: Final = "{:>8}  {:<24}  {:>4}  {:<13}  {:>10}  {}"


def log(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Show so many commits at most (0: all).", min=0)] = 20,
    since: Annotated[
        str | None, typer.Option("--from", help="Begin at this point.", metavar="POINT", show_default=False)
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="End at this point.", metavar="POINT", show_default=False)
    ] = None,
    what: Annotated[
        str | None,
        typer.Option("--what", help="Only commits that tell of this object.", metavar="X", show_default=False),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(
            "--attribute", help="Only those that tell of this attribute, or link.", metavar="NAME", show_default=False
        ),
    ] = None,
    who: Annotated[
        str | None,
        typer.Option(
            "--who", help="Only those that Samba's audit log says they wrote: SID or account.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="Only these: look, files, mark, restore-begin, restore-end, repair, part; use: who did what at the "
            "console.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the journal's commits, newest first, each verified before it is shown. Reads only the store.

    A point is a sequence number, `@mark`, an RFC 3339 time, `-2h` (s, m, h, d, w) or `usn:N`. Every look at the DC that
    found something is a commit; marks and restores are commits of their own. A restore opens a new timeline; what it
    left behind stays readable and is marked `abandoned`. A group policy is a container and files, written one after the
    other: a commit that wrote one half of it, and has not the other, says so.

    With --what it lists the commits in which the object itself was written. `history` also tells what befell it
    otherwise, as a container above it was renamed or a restore took something back, but not what was written as it was.
    """
    from adpersist.reading.text.policy_text import half_words

    common = common_options(ctx, config, as_json)
    settings = loaded(common)
    with opened_journal(settings) as journal:
        first, last = _bounds(journal, since, to)
        found = _backwards(journal, after=Seq(first - 1), through=last)
        unsought = what is attribute is who is kind is None
        if not unsought:
            sought, seqs = _sought(journal, settings, what, attribute, who, kind)
            if seqs is not None:
                found = _single(journal, [seq for seq in seqs if first <= seq <= last])
            found = filter(sought.is_in, found)
        shown = while_read(_with_halves(journal, islice(found, min(limit, sys.maxsize) or None), last))
        if common.as_json:
            output.array(_document(commit, journal.head, half) for commit, half in shown)
            return
        output.say(_LINE.format("seq", "time", "line", "kind", "bytes", "what").rstrip())
        for commit, half in shown:
            output.say(output.printable(_sentence(commit, journal.head)))
            for each in half or ():
                output.say(output.printable(f"{'':>8}  half of a policy: {half_words(each)}"))
            if half is None:
                output.say(f"{'':>8}  half of a policy? the journal before it is damaged: `adpersist check` says where")
        if (
            unsought
            and journal.head.pruned
            and first == journal.head.pruned + 1
            and (not limit or last - first < limit)
        ):
            output.say(f"Commits up to {journal.head.pruned} were pruned; a checkpoint holds the state there.")


def _bounds(journal: "Journal", since: str | None, to: str | None) -> tuple[Seq, Seq]:
    now, first = time.time(), Seq(journal.head.pruned + 1)
    last = journal.head.seq if to is None else journal.resolve(to, now=now)
    if since is not None:
        try:
            first = max(first, journal.resolve(since, now=now))
        except PointError:
            if not _is_moment(since, now):  # one before the journal began is no mistake: all there is came after it
                raise
    return first, last


def _is_moment(point: str, now: float) -> bool:
    from adpersist.journal.points import parse_moment as meant

    try:
        meant(point, now)
    except PointError:
        return False
    return True


def _backwards(journal: "Journal", *, after: Seq, through: Seq) -> "Iterator[Commit]":
    end = through
    while end > after:
        begin = Seq(max(after, end - _WINDOW))
        yield from reversed(list(journal.commits(after=begin, through=end)))
        end = begin


def _sought(
    journal: "Journal",
    settings: "Config",
    what: str | None,
    attribute: str | None,
    who: str | None,
    kind: str | None,
) -> "tuple[Sought, list[Seq] | None]":
    """What is looked for, and where it may be; None: anywhere."""
    from adpersist.model.journal.commit import CommitKind
    from adpersist.reading.sought import Sought

    if kind is not None and kind not in set(CommitKind):
        raise ConfigError(f"there is no kind of commit {kind!r}", hint=f"There are {', '.join(CommitKind)}.")
    meant = CommitKind(kind) if kind is not None else None

    def ask(reading: "Reading") -> "tuple[Sought, list[Seq] | None]":
        guid = reading.find_ever(what) if what is not None else None
        sid = _sid_of(reading, journal.head.seq, who) if who is not None else ""
        sought = Sought(guid=guid, attribute=attribute, who=who, sid=sid, kind=meant)
        return sought, reading.commits_with(sought)

    return answered(journal, settings, ask)


def _sid_of(reading: "Reading", newest: Seq, who: str) -> str:
    """Of the account that a person means, which the audit log may name by its SID alone; empty: none is known."""
    from adpersist.model.identity.sid import sid_text
    from adpersist.reading.find import AmbiguousObjectError, NoSuchObjectError

    try:
        found = reading.view(newest).state.get(reading.find_ever(who.rpartition("\\")[2]))
    except (NoSuchObjectError, AmbiguousObjectError):
        return ""
    return next(map(sid_text, found.values.get("objectSid", ())), "") if found is not None else ""


def _single(journal: "Journal", seqs: list[Seq]) -> "Iterator[Commit]":
    """These commits, newest first."""
    for seq in reversed(seqs):
        yield from journal.commits(after=Seq(seq - 1), through=seq)


def _with_halves(
    journal: "Journal", found: "Iterator[Commit]", last: Seq
) -> "Iterator[tuple[Commit, list[dict[str, Any]] | None]]":
    """Commits, and the policies each wrote one half of and left half; the way there is gone once one may have.

    None: that cannot be told, as something before is damaged; what is not is listed all the same.
    """
    from adpersist.journal.damage import DamagedError
    from adpersist.reading.policies.along import PoliciesAlong, writes_a_half
    from adpersist.reading.text.policy_text import half_document

    halves: dict[Seq, list[dict[str, Any]]] | None = None
    is_known = True
    for commit in found:
        if not writes_a_half(commit):
            yield commit, []
            continue
        if halves is None:
            halves = {}
            try:
                for seq, half in PoliciesAlong(journal).halves(through=last):
                    halves[seq] = [half_document(each) for each in half]
            except DamagedError:
                is_known = False
        yield commit, halves.get(commit.seq, []) if is_known else None


def _document(commit: "Commit", head: "Head", half: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {
        "seq": commit.seq,
        "time": rfc3339(commit.time),
        "timeline": commit.timeline,
        "abandoned": abandoned(commit, head),
        "kind": str(commit.kind),
        "changes": dict(Counter(str(change.kind) for change in commit.changes)),
        "files": {"changed": len(commit.files.states), "gone": len(commit.files.gone)},
        "half_policies": half,
        "bytes": commit.size,
        "usn": commit.usn_to,
        "settled": commit.ends_look and commit.complete,
        "mark": commit.mark,
        "target": commit.target,
        "left": commit.left_count,
        "differences": [output.difference_left(each) for each in commit.left],
        "who": _people(commit),
        "use": _used(commit),
        "writer": {"host": commit.writer.host, "pid": commit.writer.pid} if commit.writer else None,
        "digest": commit.digest.hex(),
    }


def _used(commit: "Commit") -> list[dict[str, Any]]:
    found = _deeds(commit)
    if not found:
        return []
    from adpersist.reading.text.entry_text import deed_document

    return [deed_document(each, commit.seq) for each in found]


def _deeds(commit: "Commit") -> "Sequence[Deed]":
    """Who did what at the console, of a USE; of a later version's that is not understood, nothing."""
    from adpersist.model.journal.commit import CommitKind

    if commit.kind is not CommitKind.USE:
        return ()
    from adpersist.model.journal.use import deeds

    try:
        return deeds(commit.account)
    except ValueError:
        return ()


def _people(commit: "Commit") -> list[dict[str, Any]]:
    """Whoever wrote what may be in this commit, as the DC's audit log says; `history` tells who wrote what."""
    if commit.audited is None:
        return []
    found = {(line.sid, line.account, line.address): line for line in commit.audited.lines if line.sid}
    return [{"sid": line.sid, "name": line.account or None, "address": line.address or None} for line in found.values()]


def _sentence(commit: "Commit", head: "Head") -> str:
    return _LINE.format(
        commit.seq,
        rfc3339(commit.time),
        commit.timeline,
        str(commit.kind),
        commit.size,
        _what(commit) + (" (abandoned)" if abandoned(commit, head) else ""),
    ).rstrip()


def _what(commit: "Commit") -> str:
    from adpersist.model.journal.commit import CommitKind

    match commit.kind:
        case CommitKind.LOOK:
            told = _look_told(commit)
        case CommitKind.PART:
            told = "part of a large change"
        case CommitKind.FILES:
            told = _files_told(len(commit.files.states), len(commit.files.gone))
        case CommitKind.MARK:
            told = f"@{commit.mark}" + (f" by {commit.writer.host}" if commit.writer else "")
        case CommitKind.USE:
            told = _use_told(commit)
        case CommitKind.REPAIR:
            told = f"commits were lost; goes on from commit {commit.target}" if commit.target else "begins anew"
        case _:
            left = f", but for {commit.left_count} differences" if commit.left_count else ""
            told = f"to commit {commit.target}{left}"
    return told


def _look_told(commit: "Commit") -> str:
    counts = Counter(str(change.kind) for change in commit.changes)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no change"
    people = ", ".join(each["name"] or each["sid"] for each in _people(commit))
    by = f"; by {people}" if people else ""
    return f"{told}; USN {commit.usn_to}{by}" + ("" if commit.ends_look else "; the look goes on")


def _use_told(commit: "Commit") -> str:
    """Who did what at the console, and when: the commit's own time is that of the last capture."""
    told = [f"{rfc3339(each.time)} {each.who or 'somebody'} {each.did} {each.what}".rstrip() for each in _deeds(commit)]
    more = [f"{len(told) - _DEEDS_A_LINE} more"] if len(told) > _DEEDS_A_LINE else []
    return "; ".join((*told[:_DEEDS_A_LINE], *more))


def _files_told(changed: int, gone: int) -> str:
    """What a look at SYSVOL and the local databases found."""
    told = [f"{count} {what}" for count, what in ((changed, "new or changed"), (gone, "gone")) if count]
    return f"files: {', '.join(told) or 'content of a large one'}"


def abandoned(commit: "Commit", head: "Head") -> bool:
    """A later restore went back behind this commit, so the present is not made of it."""
    return any(timeline.base < commit.seq < timeline.begins for timeline in head.timelines)
