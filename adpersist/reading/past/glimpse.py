"""What happened to one object in one look, without what it is: enough to tell whether that is worth reading."""

from dataclasses import dataclass

from adpersist.model.identity.ids import Guid, Seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """Of one :class:`~adpersist.reading.past.past.Entry`.

    Attributes:
        number: The entry's.
        seq, time: Of the look.
        kind: As the change's.
        object_class: The most special one.
        names: Attributes that are others than before, links among them; of what is gone none.
        was_there: The object was there before, be it as a tombstone.
        was_alive, is_alive: It was there before, or is after, and no tombstone.
    """

    number: int
    seq: Seq
    time: float
    kind: str
    guid: Guid
    object_class: str
    names: frozenset[str]
    was_there: bool
    was_alive: bool
    is_alive: bool
