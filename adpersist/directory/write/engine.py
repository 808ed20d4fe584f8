"""Which way steps reach a DC: over LDAP, or straight into its database where that is safe."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from adpersist.directory.ldap.session import Session
from adpersist.directory.samba.database import Database
from adpersist.directory.samba.own_database import NotLocalError, OpeningDatabase
from adpersist.directory.write.network_writes import NetworkWrites
from adpersist.directory.write.pipelined_target import PipelinedTarget
from adpersist.directory.write.target import SerialTarget, Target
from adpersist.directory.write.transactional_target import TransactionalTarget
from adpersist.model.identity.ids import Guid
from adpersist.model.plan.engine import Engine
from adpersist.telemetry import logger

log = logger("engine")


def opening(session: Session, engine: Engine, *, receives: bool) -> OpeningDatabase | None:
    """What :func:`target` writes to, already on its way; None: it says why that is not so.

    Args:
        session, engine: As for :func:`target`.
        receives: It is to receive as a replica does.
    """
    if engine is Engine.LDAP:
        return None
    with suppress(NotLocalError):
        return OpeningDatabase(session, receives=receives)
    return None


@contextmanager
def target(
    session: Session, engine: Engine, invocation: Guid, begun: OpeningDatabase | None = None
) -> Iterator[Target]:
    """A way to write to the DC, for as long as the block lasts.

    Args:
        session: A session at the DC.
        engine: ``auto`` takes the local one where it is safe, and goes on over LDAP where Samba's code gives up there.
        invocation: invocationID the DC shows over LDAP.
        begun: What :func:`opening` gave.

    Raises:
        NotLocalError: The local engine was asked for and cannot be used.
    """
    if not session.privileged and engine is not Engine.LOCAL:
        yield SerialTarget(NetworkWrites(session))
        return
    if engine is Engine.LDAP:
        yield PipelinedTarget(session)
        return
    try:
        database = _opened(session, invocation, begun)
    except NotLocalError as error:
        if engine is Engine.LOCAL:
            raise
        log.info("engine.chosen", engine=str(Engine.LDAP), reason=error.reason)
        yield PipelinedTarget(session)
        return
    log.info("engine.chosen", engine=str(Engine.LOCAL), samba=database.version)
    try:
        instead = PipelinedTarget(session) if engine is Engine.AUTO else None
        yield TransactionalTarget(database, SerialTarget(session), instead)
    finally:
        database.close()


def _opened(session: Session, invocation: Guid, begun: OpeningDatabase | None) -> Database:
    """The DC's own database. One that was begun and did not open is begun once more: its worker may be killed, as
    systems do where memory is short, and what is written over LDAP instead does not come back as it was.

    Raises:
        NotLocalError: It cannot be used.
    """
    if begun is not None:
        with suppress(NotLocalError):
            return begun.opened(invocation)
    return OpeningDatabase(session).opened(invocation)
