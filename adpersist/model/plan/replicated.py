"""What a DC receives as it would from a replication partner: values and links with the stamps they had."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adpersist.model.identity.ids import Guid
from adpersist.model.objects.change import AttributeStamps, LinkStamp, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """What stays as a DC has it, because it is its machine's own.

    Attributes:
        objects: Whole objects.
        attributes: Some attributes of some: where a later write is known, they are written once more above that.
    """

    objects: frozenset[Guid] = frozenset()
    attributes: Mapping[Guid, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedObject:
    """Attributes of one object, all of them or some.

    Attributes:
        guid: objectGUID.
        dn: Where it lies; its first component must be its name.
        parent: Its container's objectGUID; None for the root of a naming context.
        sid: Its objectSid as text, under whose RID password hashes travel; None: it has none.
        values: Gives them by lDAPDisplayName, when they are sent: most lie in a file. None clears; references are
            extended DNs.
        stamps: Of exactly the attributes that are sent.
        expected: Those the DC was seen with, where it has the object: what was written since stays. None: it has none.
        lowered: Attributes whose stamps in the database give way to these, whatever they are.
        imposed: Attributes that are sent whatever was written since.
    """

    guid: Guid
    dn: str
    parent: Guid | None
    sid: str | None
    values: Callable[[], Mapping[str, Values]]
    stamps: AttributeStamps
    expected: AttributeStamps | None = None
    lowered: frozenset[str] = frozenset()
    imposed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedLink:
    """One link, there or taken away.

    Attributes:
        source: Whose it is.
        attribute: lDAPDisplayName.
        value: An extended DN, with its prefix where it has one.
        stamp: Its stamp.
    """

    source: Guid
    attribute: str
    value: bytes
    stamp: LinkStamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Objects of one naming context that belong together, in an order in which they can be taken.

    Attributes:
        context: DN of the naming context.
        objects: Containers before what is in them.
        links: Given right after the objects, though some may point to what is not there yet.
        is_new: The first is the root of a naming context the DC does not have yet.
        defines: Schema definitions: what follows needs them to be known.
        configures: Of the configuration: the DC's own objects may have other names then.
    """

    context: str
    objects: tuple[ReplicatedObject, ...] = ()
    links: tuple[ReplicatedLink, ...] = ()
    is_new: bool = False
    defines: bool = False
    configures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePassword:
    """A password that the DC's own account had, as the journal holds it.

    Attributes:
        account: objectGUID of that account.
        number: Its key version number.
        nt_hash: unicodePwd.
        credentials: supplementalCredentials, with its Kerberos keys; empty when there are none.
    """

    account: Guid
    number: int
    nt_hash: bytes
    credentials: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """All that a DC lacks.

    Attributes:
        parked: Objects, by the temporary name each gets, whose name another one takes before they have their own.
        defined: OIDs of new attributes and classes, in the order in which they were defined.
        batches: In order.
        links: By naming context, once all objects are there.
        machine_passwords: What others may know the DC by until they hear of its own, or have tickets under; the newest
            first.
    """

    parked: Mapping[Guid, str] = field(default_factory=dict)
    defined: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()
    links: Mapping[str, tuple[ReplicatedLink, ...]] = field(default_factory=dict)
    machine_passwords: tuple[MachinePassword, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.batches or self.links)

    @property
    def size(self) -> int:
        """How many objects and links are sent."""
        return sum(len(batch.objects) for batch in self.batches) + sum(map(len, self.links.values()))

    @property
    def contexts(self) -> frozenset[str]:
        """The naming contexts of which something is sent."""
        return frozenset(batch.context for batch in self.batches).union(self.links)

    @property
    def changes_the_ground(self) -> bool:
        """What a session has read of the DC when it began may be something else then."""
        return any(batch.defines or batch.configures or batch.is_new for batch in self.batches)

    @property
    def touched(self) -> frozenset[Guid]:
        """The objects of which something is sent."""
        objects = {each.guid for batch in self.batches for each in batch.objects}
        return frozenset(objects.union(link.source for links in self.links.values() for link in links))

    def written_anew(self, own: Guid) -> frozenset[Guid]:
        """Those of them of which something is sent as a write of today.

        Args:
            own: invocationID under which the DC writes today.
        """
        objects = (each for batch in self.batches for each in batch.objects)
        found = {each.guid for each in objects if any(stamp.origin == own for stamp in each.stamps.values())}
        links = (link for links in self.links.values() for link in links)
        return frozenset(found.union(link.source for link in links if link.stamp.origin == own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """An object or a link the DC did not take, or not all of the object.

    Attributes:
        guid: The object.
        attribute: The link's; empty: the object itself.
        reason: The DC's own words.
    """

    guid: Guid
    attribute: str
    reason: str
