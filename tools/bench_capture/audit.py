"""What it costs a DC that is written to all the time to log who writes: processor, time of a write, and disk."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import ldap3

from tools.bench_capture.ground import Ground, busy_s
from tools.bench_store.figures import Figure, figure
from tools.samba_dc import SambaDC

RATE: Final = 50
"""Writes a second, if the DC takes them."""
_USERS: Final = 500
_WARM: Final = 50
"""Writes before it is measured: the first ones fill caches."""
_CLASSES: Final = "1 dsdb_json_audit:5@{log} auth_json_audit:4@{log}"
"""As docs/console.md says."""
_FAST: Final = {"ldb:nosync": "yes"}
"""No waiting for the disk, which on many machines takes longer than all else, and fewer writes than are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run.

    Attributes:
        busy_ms: Processor time of the DC, a write.
        took_ms: Until the DC answered, in the middle.
        log_bytes: Of the audit log, a write.
        rate: Writes a second that there were: a DC on a slow disk takes fewer than it is sent.
    """

    busy_ms: float
    took_ms: float
    log_bytes: float
    rate: float


def audited(ground: Ground, runs: int, *, seconds: float) -> list[Figure]:
    """The same writes on a DC that logs who makes them, and on one that does not, by turns."""
    without, with_log = [], []
    for _ in range(runs):
        without.append(_run(ground, seconds, logs=False))
        with_log.append(_run(ground, seconds, logs=True))
    named = f"up to {RATE} writes a second, each logged"
    return [
        figure(
            f"{named}: so many a second", [each.rate for each in with_log], "",
            against="not logged", baselines=[each.rate for each in without],
        ),
        figure(
            f"{named}: the DC's processor time for one", [each.busy_ms for each in with_log], "ms",
            against="not logged", baselines=[each.busy_ms for each in without],
        ),
        figure(
            f"{named}: until the DC answers", [each.took_ms for each in with_log], "ms",
            against="not logged", baselines=[each.took_ms for each in without],
        ),
        figure(f"{named}: bytes of the log for one", [each.log_bytes for each in with_log], "B"),
    ]  # fmt: skip


def _run(ground: Ground, seconds: float, *, logs: bool) -> Measured:
    with TemporaryDirectory(prefix="adp-audit-") as place:
        log = Path(place, "audit.json")
        with ground.domain(_USERS, _FAST | ({"log level": _CLASSES.format(log=log)} if logs else {})) as domain:
            person = _Person(domain.dc)
            person.write(_WARM)
            size, busy = _size(log), busy_s(domain.dc)
            count = int(seconds * RATE)
            began = time.monotonic()
            took = person.write(count)
            lasted = time.monotonic() - began
            return Measured(
                busy_ms=(busy_s(domain.dc) - busy) / count * 1000,
                took_ms=statistics.median(took) * 1000,
                log_bytes=(_size(log) - size) / count,
                rate=count / lasted,
            )


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


class _Person:
    """An administrator, over TLS, who writes descriptions."""

    def __init__(self, dc: SambaDC) -> None:
        server = ldap3.Server(dc.ldaps_url, get_info=ldap3.NONE)
        self._ldap: Any = ldap3.Connection(server, dc.admin_user, dc.admin_password, auto_bind=True, check_names=False)
        self._dns = [f"CN=Person {n:06d},OU=Unit{n // 500:03d},OU=People,{dc.base_dn}" for n in range(_USERS)]

    def write(self, count: int) -> list[float]:
        """So many, at an even rate; seconds until the DC answered each."""
        took, begin = [], time.monotonic()
        for turn in range(count):
            time.sleep(max(0.0, begin + turn / RATE - time.monotonic()))
            began = time.perf_counter()
            text = f"{random.getrandbits(128):032x}"
            self._ldap.modify(random.choice(self._dns), {"description": [(ldap3.MODIFY_REPLACE, [text])]})
            took.append(time.perf_counter() - began)
            assert self._ldap.result["result"] == 0, self._ldap.result
        return took
