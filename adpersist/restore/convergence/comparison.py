"""What one look at the DC showed, compared with what is wanted. Pure."""

from dataclasses import dataclass

from adpersist.model.identity.ids import Guid
from adpersist.model.plan.difference import Difference
from adpersist.model.plan.step import Exempt
from adpersist.restore.conflicts.resolution import Resolution
from adpersist.restore.plan import handed_down
from adpersist.restore.plan.limitations import Limitation
from adpersist.state.differences import Gap, differences, stamp_differences
from adpersist.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A DC and what is wanted of it, and what follows from that.

    Attributes:
        want: What is wanted, under the objectGUIDs that the DC gave anew.
        have: The DC, until it is looked at again.
        exempt: What is left alone.
        gaps: What differs and is to be closed.
        following: Gaps that close with those; the ones that did not are told.
        held: Gaps of what is to go and stays, as others need it who are no part of what is restored; the notes say why.
        resolution: Who wins where others wrote.
        usurping: Objects of theirs that stay, and need a SID of their own.
        occupied: Containers that were deleted and stay, for one of theirs lies in them.
        notes: What can neither be compared nor restored.
    """

    want: State
    have: State
    exempt: Exempt
    gaps: list[Gap]
    following: list[Gap]
    held: list[Gap]
    resolution: Resolution
    usurping: frozenset[Guid]
    occupied: frozenset[Guid]
    notes: tuple[Limitation, ...]

    def differences(self) -> list[Difference]:
        """All gaps as lines a person or a script reads."""
        every = (*self.gaps, *self.following, *self.held)
        return [line for gap in every for line in differences(gap, self.want, self.have)]

    def stamp_differences(self) -> list[Difference]:
        """What is the same, and was not written by the same write."""
        return list(stamp_differences(self.want, self.have, self.exempt))

    def handed_down(self) -> dict[str, list[tuple[Guid, bytes]]]:
        """The access rights, by naming context, that may be written before those of the containers they come from."""
        want, have = self.want, self.have
        others = {guid for guid in have if guid not in want and have.is_live(guid)}
        others.update(each.guid for each in self.resolution.conflicts if each.guid in have)
        return handed_down.beforehand(self.following, have, others)
