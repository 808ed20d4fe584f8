"""What an object is called, without what it is."""

from dataclasses import dataclass

from adpersist.model.identity.ids import Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An object's name.

    Attributes:
        guid: objectGUID.
        dn: Its DN now; of one that is gone its last name.
        object_class: The most special one.
        is_deleted: It is a tombstone, or gone.
    """

    guid: Guid
    dn: str
    object_class: str
    is_deleted: bool
