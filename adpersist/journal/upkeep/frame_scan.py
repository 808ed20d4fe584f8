"""Looks at every frame once and does not stop at the first that is wrong.

Seals are judged one by one. Links are judged from the end, because the head vouches for the last commit, that one for
the one before, and so on: where a sound commit names another predecessor than the one lying there, the predecessor is
the intruder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.chain import open_in_place
from adpersist.journal.format.head import OpenHead
from adpersist.journal.reader import Assembly
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.stores.port import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRange:
    """Commits ``first`` to ``last``, damaged in the same way; ``message`` tells what was seen of the first."""

    first: Seq
    last: Seq
    damage: Damage
    message: str


class FrameScan:
    """One pass over a journal's frames.

    Attributes:
        seq: The last commit looked at.
        commits: Frames taken so far.
        size: Bytes in them.
    """

    def __init__(self, tip: OpenHead, *, after: Seq, digest: bytes | None) -> None:
        self._tip = tip
        self._noted = tip.head.lost
        self._digest = digest
        self._assembly = Assembly()
        self._damaged: dict[Seq, DamagedRange] = {}
        self._broken_links: list[Seq] = []
        self._last_lost = BEFORE_FIRST
        self.seq = after
        self.commits = 0
        self.size = 0

    def take(self, frame: Frame) -> None:
        """The next frame the store has; numbers only rise."""
        self.commits += 1
        self.size += len(frame.body)
        if any(each.holds(frame.seq) for each in self._noted):
            return
        self._skip_to(frame.seq)
        try:
            opened = open_in_place(frame.body, frame.seq, self._tip.journal, self._tip.keyring)
        except DamagedError as error:
            self.lose(frame.seq, error.damage, error.message)
            return
        if self._digest not in (None, opened.header.previous):
            self._broken_links.append(frame.seq)
        self._digest = opened.digest
        self.seq = frame.seq
        if self._last_lost and self._last_lost >= frame.seq - opened.header.part:
            self._assembly = Assembly()
            self._note(frame.seq, frame.seq, Damage.GAP, "a part of its change is damaged")
            return
        try:
            self._assembly.take(opened)
        except DamagedError as error:
            self._note(frame.seq, frame.seq, error.damage, error.message)

    def lose(self, through: Seq, damage: Damage, message: str) -> None:
        """The commits up to this one cannot be had; those noted as lost are no news."""
        while self.seq < through:
            noted = next((each for each in self._noted if each.holds(self.seq + 1)), None)
            if noted is not None:
                self.seq, self._digest, self._last_lost = noted.last, noted.digest, noted.last
                continue
            ends = min([through, *(Seq(each.first - 1) for each in self._noted if each.first > self.seq)])
            self._note(Seq(self.seq + 1), ends, damage, message)
            self.seq, self._digest = ends, None

    def finish(self) -> list[DamagedRange]:
        """Everything that is wrong, in order, neighbours put together."""
        head = self._tip.head
        self._skip_to(Seq(head.seq + 1))
        if self._digest not in (None, head.digest):
            self._broken_links.append(Seq(head.seq + 1))
        bad = {seq for damaged in self._damaged.values() for seq in (damaged.first, damaged.last)}
        for seq in reversed(self._broken_links):
            before = Seq(seq - 1)
            if seq not in bad and before not in bad:
                bad.add(before)
                self._note(before, before, Damage.FORGED, "what comes after it names another one in its place")
        return list(_joined(self._damaged[seq] for seq in sorted(self._damaged)))

    def _skip_to(self, seq: Seq) -> None:
        self.lose(Seq(seq - 1), Damage.GAP, "it is missing")

    def _note(self, first: Seq, last: Seq, damage: Damage, message: str) -> None:
        self._last_lost = last
        self._damaged[first] = DamagedRange(first=first, last=last, damage=damage, message=message)


def _joined(ranges: Iterable[DamagedRange]) -> Iterator[DamagedRange]:
    waiting: DamagedRange | None = None
    for damaged in ranges:
        if waiting and waiting.last + 1 == damaged.first and waiting.damage is damaged.damage:
            waiting = replace(waiting, last=damaged.last)
            continue
        if waiting:
            yield waiting
        waiting = damaged
    if waiting:
        yield waiting
