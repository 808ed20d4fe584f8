"""Gives a DC's own database what it lacks, as a replication partner would."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from adpersist.directory.ldap.operations import REFUSALS
from adpersist.directory.samba.database import Database
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.replicated import Aside, Replica
from adpersist.telemetry import logger

T = TypeVar("T")

_AT_ONCE: Final = 400
"""In one transaction: a running DC's writers wait for its end, a third of a second; larger ones gain nothing."""
_LINKS_AT_ONCE: Final = 2000

log = logger("directory")


def receive(database: Database, replica: Replica, told: Callable[[int, int], None], *, goes_on: bool) -> list[Aside]:
    """Have the database take it; repeated, nothing is written a second time.

    Args:
        told: Told how many objects and links are done, of how many.
        goes_on: A run before this one may have been killed in the middle.

    Returns:
        What was refused; all else landed.
    """
    aside: list[Aside] = []
    done, total = 0, replica.size
    for guid, rdn in replica.parked.items():
        try:
            database.park(guid, rdn)
        except REFUSALS as error:
            aside.append(Aside(guid=guid, attribute="", reason=error.message))
    if replica.defined:
        database.know_prefixes(replica.defined)
    for batch in replica.batches:
        for count, refused in database.give(batch.context, some_of(batch.objects, _AT_ONCE), as_new=batch.is_new):
            aside += refused
            done += count
            told(done, total)
        if batch.links:
            list(database.give(batch.context, links=[batch.links]))  # told of when they are given once more
        if batch.defines:
            database.reload_schema()
    for nc, links in replica.links.items():
        for count, refused in database.give(nc, links=some_of(links, _LINKS_AT_ONCE)):
            aside += refused
            done += count
            told(done, total)
    try:
        database.begin_counting(everywhere=goes_on)
    except REFUSALS as error:
        log.warning("counters.left_to_samba", error=error.message)  # which begins at 0 where there is none
    try:
        database.keep_machine_secret(replica.machine_passwords)
    except REFUSALS as error:
        account = next((each.account for each in replica.machine_passwords), Guid(bytes(16)))
        aside.append(Aside(guid=account, attribute="", reason=error.message))
    return aside


def some_of(things: Sequence[T], many: int) -> Iterator[list[T]]:
    """So many at a time."""
    rest = iter(things)
    while some := list(islice(rest, many)):
        yield some
