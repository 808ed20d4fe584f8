"""Whether an attribute that a person names is one a restore can be limited to, and of whom."""

import shlex
from collections.abc import Iterable
from typing import Final

from adpersist.directory.schema import Schema
from adpersist.errors import ConfigError
from adpersist.model.objects.object_state import ObjectState
from adpersist.restore.plan.scope import NAMES
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State

_NAMED: Final = "An object's name, and the container it lies in, go back with --attribute name."


def require_told(attribute: str, schema: Schema, state: State) -> None:
    """What no feed tells of differs nowhere: a restore limited to it would prove nothing, and say that all is well.

    Args:
        attribute: As a person writes it, in any case.
        schema: The DC's.
        state: The directory at the point restored to.

    Raises:
        ConfigError: There is no such attribute, or none that is written to the object that has it.
    """
    folded = attribute.casefold()
    if folded in NAMES:
        return
    known = schema.meant(attribute)
    if known is None:
        if not JournalSchema.of(state).has(attribute):
            raise ConfigError(
                f"the schema has no attribute {attribute!r}",
                hint=f"Name it as LDAP does, its lDAPDisplayName: telephoneNumber, member. {_NAMED}",
            )
    elif known.is_backlink:
        link = schema.forward_of(known)
        raise ConfigError(
            f"{known.name} is not written: the directory makes it of {link or 'links'} of other objects",
            hint="Without --attribute an object's memberships go back with it"
            + (f"; --object GROUP --attribute {link} takes back those of a group." if link else "."),
        )
    elif not known.replicated:
        raise ConfigError(
            f"{known.name} is in no journal: replication does not carry it",
            hint=f"docs/restored.md lists what no restore brings back. {_NAMED}",
        )


def require_no_name(attribute: str, meant: Iterable[Iterable[ObjectState]]) -> None:
    """No feed tells of the attribute that holds an object's name once more, beside the DN ([MS-ADTS] 3.1.1.3.1.2.1).

    Of others it is one like any: a locality is named by ``l``, a person has one.

    Args:
        attribute: Its lDAPDisplayName.
        meant: Objects that are meant, as they are at the point; then, where it comes to that, as they are on the DC.

    Raises:
        ConfigError: Somebody of them is named by it, and nobody has it otherwise.
    """
    for objects in meant:
        is_name = False
        for item in objects:
            if attribute in item.values:
                return
            is_name |= item.rdn.partition("=")[0].casefold() == attribute.casefold()
        if not is_name:
            return
    raise ConfigError(f"{attribute} is in no journal of who is named by it: replication does not carry it", hint=_NAMED)


def require_living(name: str, *, there: bool, here: bool) -> None:
    """Who does not live on both sides has no attribute that could go back, and none that differs.

    Args:
        name: What a person calls the object.
        there, here: It lives at the point restored to; on the DC.

    Raises:
        ConfigError: It does not.
    """
    if not there:
        raise ConfigError(
            f"{name} does not live at that point, so nothing of it can go back to what it was there",
            hint=f"`adpersist history {shlex.quote(name)}` tells from when to when it lived: name a point between.",
        )
    if not here:
        raise ConfigError(
            f"{name} does not live on the domain controller, so it has no attribute there to be restored",
            hint="Leave --attribute out: that brings back the object, with all it had.",
        )
