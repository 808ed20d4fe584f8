"""The measurements themselves: each returns figures of one run's numbers, gathered over the runs."""

from __future__ import annotations

import gc
import json
import os
import secrets
import sqlite3
import statistics
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableClient

from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import BEFORE_FIRST, guid_text
from adpersist.model.objects.change import Change
from adpersist.state.fold import fold
from adpersist.stores.azure.access import AZURITE_ACCOUNT, AZURITE_KEY
from tools.bench_store.figures import Figure, figure, percentile
from tools.bench_store.stand import NC, Writing

Given = TypeVar("Given")
Put = Callable[[bytes], None]
Plain = Callable[[], tuple[Put, Callable[[], None]]]
"""Opens the well-known way: how to put bytes there, and how to be done."""


def appends(
    place: str,
    url: str,
    runs: int,
    *,
    size: int,
    count: int,
    plain: Plain,
    against: str,
) -> list[Figure]:
    """How long it takes until a look of so many changes is durable, and how many a second go in."""
    rates, halves, tails, plain_halves, plain_rates = [], [], [], [], []
    for run in range(runs):
        writing = Writing(_fresh(url, run, size), objects=2000, seed=run)
        looks = [writing.changes(size) for _ in range(count + 3)]
        gc.freeze()  # the looks were made beforehand: walking them is no part of a commit
        for look in looks[:3]:
            writing.commit(look)
        put, done = plain()
        took, plain_took = [], []
        for look in looks[3:]:  # by turns, so that both meet the same disk and the same neighbours
            before = writing.journal.head.seq
            took.append(_timed(writing.commit, look))
            bodies = [frame.body for frame in writing.store.frames(after=before)]
            plain_took.append(_timed(put, b"".join(bodies)))
        writing.close()
        done()
        rates.append(len(took) / sum(took))
        halves.append(statistics.median(took) * 1000)
        tails.append(percentile(took, 0.99) * 1000)
        plain_halves.append(statistics.median(plain_took) * 1000)
        plain_rates.append(len(plain_took) / sum(plain_took))
    name = f"{place}, commits of {size:,} change{'s' * (size > 1)}"
    return [
        figure(f"{name}: appends", rates, "/s", against=against, baselines=plain_rates),
        figure(f"{name}: p50", halves, "ms", against=against, baselines=plain_halves),
        figure(f"{name}: p99", tails, "ms"),
    ]


def _fresh(url: str, run: int, size: int) -> str:
    mark = f"{run}x{size}x{secrets.token_hex(4)}"
    return f"{url}/{mark}.db" if url.startswith("sqlite") else f"{url}/t{mark}"


def _timed(deed: Callable[[Given], None], given: Given) -> float:
    began = time.perf_counter()
    deed(given)
    return time.perf_counter() - began


def plain_sqlite(place: Path) -> tuple[Put, Callable[[], None]]:
    """The same bytes into a table of two columns, WAL and synchronous=FULL: what durability alone costs."""
    database = sqlite3.connect(place / f"plain{secrets.token_hex(4)}.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE frame (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def put(body: bytes) -> None:
        database.execute("INSERT INTO frame (body) VALUES (?)", (body,))

    return put, database.close


def plain_entity(address: str) -> tuple[Put, Callable[[], None]]:
    """The same bytes as one entity, by the SDK: what one round trip costs."""
    credential = AzureNamedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY)
    client = TableClient(f"http://{address}/{AZURITE_ACCOUNT}", f"p{secrets.token_hex(8)}", credential=credential)
    client.create_table()

    def put(body: bytes) -> None:
        cells: dict[str, Any] = {"PartitionKey": "plain", "RowKey": secrets.token_hex(8)}
        cells |= {f"b{at // 65536}": body[at : at + 65536] for at in range(0, len(body), 65536)}
        client.create_entity(cells)

    return put, client.close


def change_sizes(place: Path, runs: int) -> list[Figure]:
    """Bytes in the store a change of one attribute takes, by how many a look finds."""
    figures = []
    for size in (1, 5, 20, 100):
        journal_bytes, ldif_bytes = [], []
        for run in range(runs):
            writing = Writing(_fresh(f"sqlite://{place}", run, size), objects=2000, seed=run)
            made = [writing.changes(size) for _ in range(max(400 // size, 8))]
            for look in made:
                writing.commit(look)
            stored = sum(len(frame.body) for frame in writing.store.frames(after=BEFORE_FIRST))
            writing.close()
            total = sum(map(len, made))
            journal_bytes.append(stored / total)
            ldif_bytes.append(sum(len(zlib.compress(_ldif(look))) for look in made) / total)
        figures.append(
            figure(
                f"bytes a single-attribute change, {size} a look",
                journal_bytes,
                "B",
                goal="< 400 B",
                reached=lambda value: value < 400,
                against="zlib LDIF, unsealed",
                baselines=ldif_bytes,
            )
        )
    return figures


def _ldif(changes: Sequence[Change]) -> bytes:
    return b"".join(
        b"dn: <GUID=%s>\nchangetype: modify\nreplace: %s\n%s: %s\n-\n\n"
        % (guid_text(change.guid).encode(), name.encode(), name.encode(), values[0])
        for change in changes
        for name, values in change.values.items()
    )


def full_look(journal: Journal, ldif: bytes) -> list[Figure]:
    """What a real DC takes in the journal, against the LDIF of the same."""
    stored = sum(commit.size for commit in journal.commits())
    packed = len(zlib.compress(ldif, 9))
    return [
        figure(
            "full look of a real DC, share of its LDIF",
            [100 * stored / len(ldif)],
            "%",
            goal="< 10 %",
            reached=lambda value: value < 10,
            against="zlib -9 LDIF, unsealed",
            baselines=[100 * packed / len(ldif)],
        )
    ]


def replay(place: Path, runs: int, *, changes: int) -> list[Figure]:
    """Changes a second from a SQLite file to a state: read, verify, open, fold; with a first look at 10,000 users."""
    figures = []
    for size in (1, 20, 1000):
        total = min(changes, 10_000) if size == 1 else changes
        writing = Writing(_fresh(f"sqlite://{place}", 0, size), objects=10_000)
        made = writing.first_look()
        plain = place / f"plain{secrets.token_hex(4)}.db"
        with closing(sqlite3.connect(plain)) as database, database:
            database.execute("CREATE TABLE look (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
            for _ in range(total // size):
                look = writing.changes(size)
                writing.commit(look)
                database.execute("INSERT INTO look (body) VALUES (?)", (_json(look),))
                made += size
        rates, plain_rates = [], []
        for _ in range(runs):
            began = time.perf_counter()
            state = fold(writing.journal)
            rates.append(made / (time.perf_counter() - began))
            del state
            began = time.perf_counter()
            _plain_fold(plain)
            plain_rates.append((made - len(writing.objects)) / (time.perf_counter() - began))
        writing.close()
        figures.append(
            figure(
                f"replay, looks of {size:,} change{'s' * (size > 1)}",
                rates,
                "changes/s",
                goal="" if size == 1 else ">= 50,000/s",
                reached=None if size == 1 else (lambda value: value >= 50_000),
                against="JSON lines in SQLite, unsealed",
                baselines=plain_rates,
            )
        )
    return figures


def _json(changes: Sequence[Change]) -> str:
    return json.dumps(
        [
            {
                "kind": change.kind,
                "guid": guid_text(change.guid),
                "nc": NC,
                "values": {
                    name: [b64encode(value).decode() for value in values] for name, values in change.values.items()
                },
                "stamps": {
                    name: [stamp.version, stamp.time, guid_text(stamp.origin), stamp.usn]
                    for name, stamp in change.stamps.items()
                },
            }
            for change in changes
        ]
    )


def _plain_fold(path: Path) -> dict[str, dict[str, list[str]]]:
    state: dict[str, dict[str, list[str]]] = {}
    with closing(sqlite3.connect(path)) as database:
        for (body,) in database.execute("SELECT body FROM look ORDER BY seq"):
            for change in json.loads(body):
                state.setdefault(change["guid"], {}).update(change["values"])
    return state


def cores() -> str:
    """The machine, as far as it matters."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
