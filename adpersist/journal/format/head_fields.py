"""What a head seals, as one MessagePack list; FORMAT.md names the places."""

from typing import Final

from adpersist.journal.damage import NewerFormatError
from adpersist.journal.format.columns.packing import pack, unpack
from adpersist.journal.format.columns.shapes import boolean, fields, index, integer, items, number, octets, text
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.head import (
    Checkpoint,
    CommitId,
    Head,
    Identity,
    Lost,
    Mark,
    Moved,
    Phase,
    Position,
    Quarantined,
    Timeline,
    Witness,
    Writer,
)
from adpersist.model.objects.change import Stamp

FIELDS: Final = 12
MOST_FIELDS: Final = 21
"""The ones beyond tell what most heads have nothing of; none stands without those before it."""

PHASES: Final = (Phase.CAPTURING, Phase.RESTORING)
"""By number in the format; append only."""


def pack_head(head: Head) -> bytes:
    """Everything but what lies in the clear (seq, digest, timeline, time)."""
    position = head.position
    return pack(
        [
            [head.identity.domain, head.identity.server, head.identity.dns_name],
            pack_writer(head.writer),
            PHASES.index(head.phase),
            head.target,
            head.complete,
            head.settled,
            position
            and [
                [cell for cookie in position.cookies.items() for cell in cookie],
                position.invocation,
                position.usn,
                position.rid_next,
                position.canary,
            ],
            [_pack_witness(witness) for witness in head.witnesses],
            [[mark.name, mark.seq, float(mark.time)] for mark in head.marks],
            [[timeline.number, timeline.base, timeline.begins] for timeline in head.timelines],
            [
                [
                    *(each.seq, each.digest, float(each.time), each.parts, each.objects, each.proof),
                    *(() if each.place is None else (each.place,)),
                ]
                for each in head.checkpoints
            ],
            head.pruned,
            *_pack_passing(head),
        ]
    )


def unpack_head(content: bytes, *, seq: Seq, digest: bytes, timeline: int, time_us: int) -> Head:
    """The reverse of :func:`pack_head`, given what lies in the clear.

    Raises:
        NewerFormatError: It says something that this version would leave out when it writes the head again.
        ValueError: The content was not made by :func:`pack_head`.
    """
    found = fields(unpack(content), FIELDS, MOST_FIELDS)
    identity, writer, phase, target, complete, settled, position, *more = found
    witnesses, marks, timelines, saved, pruned, *passing = more
    known = [*passing, *(None,) * (MOST_FIELDS - len(found))]
    fresh, before_marks, quarantined, scrubbed, lost, key_changed, files_left, moved, before_use = known
    domain, server, dns_name = fields(identity, 3)
    return Head(
        seq=seq,
        digest=digest,
        timeline=timeline,
        time=time_us / 1_000_000,
        identity=Identity(domain=guid(domain), server=guid(server), dns_name=text(dns_name)),
        writer=unpack_writer(writer),
        phase=_phase(phase),
        target=None if target is None else Seq(integer(target)),
        fresh=None if fresh is None else guid(fresh),
        complete=boolean(complete),
        settled=boolean(settled),
        position=None if position is None else _position(position),
        witnesses=tuple(_witness(each) for each in items(witnesses)),
        marks=tuple(_mark(each) for each in items(marks)),
        timelines=tuple(_timeline(each) for each in items(timelines)),
        checkpoints=tuple(_checkpoint(each) for each in items(saved)),
        pruned=Seq(integer(pruned)),
        before_marks=None if before_marks is None else _commit_id(before_marks),
        quarantined=() if quarantined is None else tuple(_quarantined(each) for each in items(quarantined)),
        scrubbed=0.0 if scrubbed is None else number(scrubbed),
        lost=() if lost is None else tuple(_lost(each) for each in items(lost)),
        key_changed=None if key_changed is None else number(key_changed),
        files_left=0 if files_left is None else integer(files_left),
        moved=None if moved is None else _moved(moved),
        before_use=None if before_use is None else Seq(integer(before_use)),
    )


def pack_writer(writer: Writer) -> list[object]:
    """Also what marks and restores say of who made them."""
    return [writer.id, writer.host, writer.pid]


def unpack_writer(value: object) -> Writer:
    """The reverse of :func:`pack_writer`.

    Raises:
        NewerFormatError: It says more.
        ValueError: Another shape.
    """
    name, host, pid = fields(value, 3)
    return Writer(id=text(name), host=text(host), pid=integer(pid))


def guid(value: object) -> Guid:
    """Sixteen bytes, or ValueError."""
    if len(octets(value)) != 16:
        raise ValueError("a GUID has 16 bytes")
    return Guid(octets(value))


def _phase(value: object) -> Phase:
    if index(value) >= len(PHASES):
        raise NewerFormatError(f"phase {value}, which this adpersist does not know")
    return PHASES[index(value)]


def _pack_passing(head: Head) -> list[object]:
    """What most heads have nothing of; the last ones left out."""
    before, quarantined = head.before_marks, head.quarantined
    passing: list[object] = [
        head.fresh,
        None if before is None else [before.seq, before.digest],
        [[each.guid, each.dn, each.reason, float(each.time)] for each in quarantined] or None,
        float(head.scrubbed) or None,
        [[each.first, each.last, each.digest, float(each.time)] for each in head.lost] or None,
        None if head.key_changed is None else float(head.key_changed),
        head.files_left or None,
        None if head.moved is None else [head.moved.to, float(head.moved.time), head.moved.arrived],
        head.before_use,
    ]
    while passing and passing[-1] is None:
        passing.pop()
    return passing


def _quarantined(value: object) -> Quarantined:
    found, dn, reason, time = fields(value, 4)
    return Quarantined(guid=guid(found), dn=text(dn), reason=text(reason), time=number(time))


def _commit_id(value: object) -> CommitId:
    seq, digest = fields(value, 2)
    return CommitId(seq=Seq(integer(seq)), digest=octets(digest))


def _lost(value: object) -> Lost:
    first, last, digest, time = fields(value, 4)
    return Lost(first=Seq(integer(first)), last=Seq(integer(last)), digest=octets(digest), time=number(time))


def _moved(value: object) -> Moved:
    to, time, arrived = fields(value, 3)
    return Moved(to=text(to), time=number(time), arrived=boolean(arrived))


def _position(value: object) -> Position:
    cookies, invocation, usn, rid_next, canary = fields(value, 5)
    cells = items(cookies)
    return Position(
        cookies={text(nc): octets(cookie) for nc, cookie in zip(cells[::2], cells[1::2], strict=True)},
        invocation=guid(invocation),
        usn=Usn(integer(usn)),
        rid_next=integer(rid_next),
        canary=Seq(integer(canary)),
    )


def _pack_witness(witness: Witness) -> list[object]:
    stamp = witness.stamp
    known = [] if witness.attid is None else [witness.attid]
    return [witness.seq, witness.guid, witness.attribute, stamp.version, stamp.time, stamp.origin, stamp.usn, *known]


def _witness(value: object) -> Witness:
    seq, name, attribute, version, time, origin, usn, *known = fields(value, 7, 8)
    stamp = Stamp(version=integer(version), time=integer(time), origin=guid(origin), usn=Usn(integer(usn)))
    attid = integer(known[0]) if known else None
    return Witness(seq=Seq(integer(seq)), guid=guid(name), attribute=text(attribute), attid=attid, stamp=stamp)


def _mark(value: object) -> Mark:
    name, seq, time = fields(value, 3)
    return Mark(name=text(name), seq=Seq(integer(seq)), time=number(time))


def _timeline(value: object) -> Timeline:
    count, base, begins = fields(value, 3)
    return Timeline(number=integer(count), base=Seq(integer(base)), begins=Seq(integer(begins)))


def _checkpoint(value: object) -> Checkpoint:
    seq, digest, time, parts, objects, proof, *place = fields(value, 6, 7)
    return Checkpoint(
        seq=Seq(integer(seq)),
        digest=octets(digest),
        time=number(time),
        parts=integer(parts),
        objects=integer(objects),
        proof=octets(proof),
        place=Seq(integer(place[0])) if place else None,
    )
