"""A plan is data: the steps that turn what a DC has into what is wanted, each safe to repeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import Values
from adpersist.model.plan.reach import EVERYWHERE, Reach
from adpersist.model.plan.replicated import Spared


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make an object that is gone, under its old identity.

    Attributes:
        dn: Where; every container above is in its place by then.
        values: What it is made with; the rest follows in a :class:`Modify`.
    """

    guid: Guid
    dn: str
    values: Mapping[str, Values]
    reason: str
    op: Literal["create"] = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reanimate:
    """Bring a tombstone back to life, which keeps its objectGUID and objectSid.

    Attributes:
        values: What its class insists on, and a tombstone has lost.
        more: All else it had and can be given with that: what others lie in is never there without it.
        fixed: The tombstone has systemFlags, which may let nobody rename or move it; they are given again afterwards.
    """

    guid: Guid
    dn: str
    reason: str
    values: Mapping[str, Values] = field(default_factory=dict)
    more: Mapping[str, Values] = field(default_factory=dict)
    fixed: bool = False
    op: Literal["reanimate"] = "reanimate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Rename an object, in its container or into another.

    Attributes:
        dn: Where it was, for people; the object is addressed by its GUID.
        parent_dn: The container it goes to.
        rdn: Its new name.
    """

    guid: Guid
    dn: str
    parent_dn: str
    rdn: str
    reason: str
    op: Literal["move"] = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Modify:
    """Set attributes to values; an empty tuple clears.

    Attributes:
        plain: The server is to do its own work with passwords, as for an ordinary administrator.
    """

    guid: Guid
    dn: str
    values: Mapping[str, Values]
    reason: str
    plain: bool = False
    op: Literal["modify"] = "modify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Add and remove link values, held as references.

    Attributes:
        only: Attributes of which one value is added and none stays, not even one that no look shows.
    """

    guid: Guid
    dn: str
    added: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    removed: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    reason: str
    op: Literal["link"] = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete an object; its children are gone or elsewhere by then.

    Attributes:
        purge: Leave no tombstone, which would hold on to a SID that belongs to somebody else.
    """

    guid: Guid
    dn: str
    reason: str
    purge: bool = False
    op: Literal["delete"] = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scramble:
    """Give an account a random password that nobody learns, on the way to its real one."""

    guid: Guid
    dn: str
    reason: str
    op: Literal["scramble"] = "scramble"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableFeature:
    """Switch an optional feature of the forest on ([MS-ADTS] 3.1.1.9); nothing switches it off again.

    Attributes:
        guid, dn: The object the feature is enabled on.
        feature: The feature's own GUID, not that of the object which describes it.
    """

    guid: Guid
    dn: str
    feature: Guid
    reason: str
    op: Literal["enable-feature"] = "enable-feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSchema:
    """Make the server read its schema again, so that what was just defined can be used.

    Attributes:
        guid, dn: The root of the schema, for people.
    """

    guid: Guid
    dn: str
    reason: str
    op: Literal["reload-schema"] = "reload-schema"


Step = Create | Reanimate | Move | Modify | Link | Delete | Scramble | EnableFeature | ReloadSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """What a restore leaves as the DC has it, because it belongs to this machine and not to the directory.

    Attributes:
        objects: Objects never written (the DC's NTDS Settings, its RID set, the canary).
        attributes: Attributes never written on some objects (the DC's own machine secret).
        derived: Attributes the server computes from others, on every object.
        single_links: Links with room for one value; with the Recycle Bin one to somebody deleted takes it, unseen.
        without_references: Attributes whose values refer to nobody, whatever they look like; people write any text.
        created_with: Attributes an object cannot be created with; the server sets them or they are set afterwards.
        reach: What the session can do at all.
        spared: What it does not even receive as a replica; replication may write much that nobody else may.
    """

    objects: frozenset[Guid] = frozenset()
    attributes: Mapping[Guid, frozenset[str]] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    single_links: frozenset[str] = frozenset()
    without_references: frozenset[str] = frozenset()
    created_with: frozenset[str] = frozenset()
    reach: Reach = EVERYWHERE
    spared: Spared = field(default_factory=Spared)
