"""What needs a real DC: the size of a full look, and what an agent asks of the store while nothing happens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from adpersist import config
from adpersist.agent import connections
from adpersist.agent.health.agent_health import AgentHealth
from adpersist.agent.service import Service
from adpersist.agent.signals import Stopped
from adpersist.config import Config
from adpersist.journal.holder import Role, handed_back, new_writer
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_file import create_key_file
from adpersist.model.journal.head import Identity
from adpersist.reading.ldif import records
from adpersist.state.fold import fold
from adpersist.state.journal_schema import JournalSchema
from adpersist.stores.port import Store
from tools.bench_store.figures import Figure, figure
from tools.bench_store.measures import full_look
from tools.bench_store.stand import CountingStore
from tools.samba_dc import Golden, SambaDC, free_address

_POLLS = 100


def measure(address: str | None) -> list[Figure]:
    """Both, on a DC of our own."""
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-bench-", dir="/tmp") as name:
        place = Path(name)
        golden = Golden.provision(place / "golden")
        with SambaDC(golden, place / "dc", address=address or free_address()) as dc:
            dc.start()
            settings = _configured(dc, place)
            with _counted() as stores:
                Service(settings).once()
                operations = _operations_at_rest(settings, stores)
            journal = connections.journal(settings, None)
            state = fold(journal)
            ldif = b"".join(records(state, JournalSchema.of(state), secrets=True))
            figures = full_look(journal, ldif)
            journal.close()
    return [
        *figures,
        figure(
            f"store operations in {_POLLS} polls of a DC at rest",
            [operations],
            "",
            goal="0",
            reached=lambda value: value == 0,
        ),
    ]


def _configured(dc: SambaDC, place: Path) -> Config:
    create_key_file(place / "key")
    settings = config.Config.model_validate(
        {
            "directory": {"url": dc.ldapi_url},
            "store": {"url": f"sqlite://{place / 'journal.db'}"},
            "key": {"file": place / "key"},
            "log": {"level": "error"},
        }
    )
    dc_seen = connections.connect(settings)
    try:
        identity = dc_seen.identity
    finally:
        dc_seen.close()
    unnamed = connections.store(settings, identity)
    writer = handed_back(new_writer(Role.VISITOR))
    made = Journal.create(unnamed, connections.key(settings), identity=identity, writer=writer, now=0.0)
    made.close()
    return settings.model_copy(update={"journal": config.JournalSection(id=made.id)})


@contextmanager
def _counted() -> Iterator[list[CountingStore]]:
    """Every store that is opened meanwhile counts."""
    opened: list[CountingStore] = []
    real = connections.store

    def counting(settings: Config, identity: Identity | None, vitals: AgentHealth | None = None) -> Store:
        opened.append(CountingStore(real(settings, identity, vitals)))
        return opened[-1]

    with patch.object(connections, "store", counting):
        yield opened


def _operations_at_rest(settings: Config, stores: list[CountingStore]) -> int:
    """What the service asks for in so many polls, once its first look is over."""
    counts: list[int] = []

    def pause(_seconds: float) -> None:
        counts.append(sum(store.operations for store in stores))
        # the first polls may still see what connecting wrote
        if len(counts) > _POLLS + 5:
            raise Stopped

    Service(settings, pause=pause).run()
    return counts[-1] - counts[5]
