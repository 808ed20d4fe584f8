"""`tools/soak`. Exit codes: 0 nothing was lost and everything is clean, 1 something is not."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.bench_store.stand import azurite
from tools.samba_dc import Golden, SambaDC, dbcheck, free_address
from tools.soaking.busy import Busy
from tools.soaking.gate import FileGate, LineGate
from tools.soaking.keeper import Keeper
from tools.soaking.trouble import SoakError, Trouble
from tools.soaking.upkeep import Upkeep


def main() -> int:
    """Soak; the exit code."""
    parser = argparse.ArgumentParser(prog="tools/soak", description="Random changes and troubles, and the proof.")
    parser.add_argument("--minutes", type=float, default=30, metavar="N", help="how long (30)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of what is drawn at random")
    parser.add_argument("--store", choices=("sqlite", "azurite"), default="sqlite")
    parser.add_argument("--pause", type=float, default=0.3, metavar="S", help="between two changes, on average (0.3)")
    parser.add_argument("--outage", choices=("dc", "store"), help="one outage that takes all the minutes, nothing else")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    # directly below /tmp: Unix sockets allow short paths only
    with tempfile.TemporaryDirectory(prefix="adp-soak-", dir="/tmp") as name, _gate(given.store, Path(name)) as gate:
        document = soak(
            Path(name), gate, minutes=given.minutes, seed=given.seed, pause_s=given.pause, outage=given.outage
        )
    if given.json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{name:16} {value}\n" for name, value in document.items())
    return 0 if document["clean"] else 1


def soak(
    place: Path, gate: FileGate | LineGate, *, minutes: float, seed: int, pause_s: float, outage: str | None
) -> dict[str, Any]:
    """Everything; the numbers."""
    golden = Golden.provision(place / "golden")
    log = place / "adpersist.log"
    environment = {**os.environ, "ADPERSIST_HEALTH_LISTEN": "", "ADPERSIST_JOURNAL_CHECKPOINT_EVERY_COMMITS": "200"}
    keeper = Keeper(place / "adpersist.toml", log, environment)
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        busy = Busy(dc, seed=seed, pause_s=pause_s)
        words = ("--directory", dc.ldapi_url, "--store", gate.url, "--key-file", str(place / "key"))
        for command in (("init", *words), ("agent", "--once")):
            if (done := keeper.run(*command)).returncode:
                raise SoakError(f"{command[0]}: {done.stderr}")
        keeper.start()
        busy.start()
        upkeep = Upkeep(keeper, place, seed=seed)
        trouble = Trouble(dc, busy, keeper, gate, upkeep, seed=seed)
        trouble.say = lambda what: print(f"{time.strftime('%X')} {what}", file=sys.stderr, flush=True)
        began = time.monotonic()
        failure, caught_up_s = "", None
        try:
            if outage:
                trouble.acknowledge()
                caught_up_s = trouble.outage(outage, minutes * 60)
            else:
                upkeep.start()
                trouble.go_on(began + minutes * 60)
        except SoakError as error:
            failure = str(error)
        busy.stop()
        upkeep.stop()
        findings = (
            {} if failure else _proven(trouble, keeper, dc) if outage else _all_proven(trouble, keeper, upkeep, dc)
        )
        upkeep.stop_following()
        keeper.stop()
        if failure or any(findings.values()):
            sys.stderr.write(log.read_text(errors="replace")[-5000:])
        return {
            "clean": not failure and not any(findings.values()),
            "failure": failure,
            **findings,
            "seed": seed,
            "minutes": round((time.monotonic() - began) / 60, 1),
            "changes": busy.done,
            "people": len(busy.people),
            "happened": dict(trouble.happened),
            "ended": dict(keeper.ended),
            "upkeep": dict(upkeep.ended),
            "pruned": upkeep.pruned,
            "compared": trouble.compared,
            "healed": len(keeper.heal_s),
            "longest_heal_s": round(max(keeper.heal_s, default=0.0), 1),
            "most_memory_mb": keeper.most_memory // 1024,
            **({"durable_again_s": round(caught_up_s, 1)} if caught_up_s is not None else {}),
            "log_kb": log.stat().st_size // 1024,
        }


def _all_proven(trouble: Trouble, keeper: Keeper, upkeep: Upkeep, dc: SambaDC) -> dict[str, Any]:
    """What is wrong, by who says so; empty values when nothing is."""
    trouble.settle()
    return {
        "copy": upkeep.differs(),
        "upkeep_wrong": upkeep.wrong,
        "never_done": upkeep.never_done(),
        **_proven(trouble, keeper, dc),
        "nobody_compared": not trouble.compared,
    }


def _proven(trouble: Trouble, keeper: Keeper, dc: SambaDC) -> dict[str, Any]:
    """The same, without the upkeep; at its end agent and DC are stopped."""
    trouble.settle()
    missing = trouble.missing()
    verify, check = keeper.run("verify"), keeper.run("check")
    keeper.stop()
    dc.stop()
    verdict = dbcheck(dc)
    return {
        "missing": missing,
        "verify": verify.stdout + verify.stderr if verify.returncode else "",
        "check": check.stdout + check.stderr if check.returncode else "",
        "dbcheck": "" if verdict.ok else verdict.text,
    }


@contextmanager
def _gate(store: str, place: Path) -> Iterator[FileGate | LineGate]:
    if store == "sqlite":
        yield FileGate(place / "journal.db")
        return
    with azurite() as upstream:
        yield LineGate(upstream, "soak")


if __name__ == "__main__":
    sys.exit(main())
