"""Make mutants of source files and see which of them no test kills."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

from tools.mutating.covering import watched
from tools.mutating.judging import Fate, copied, judged
from tools.mutating.mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).parents[2]
PLACE: Final = ROOT / ".cache" / "mutate"
SURVIVORS: Final = Path(__file__).with_name("survivors.toml")
GOAL: Final = 0.9
LIVED: Final = (Fate.SURVIVED, Fate.UNTESTED)

LIBRARIES: Final = (
    "azure.data.tables",
    "cryptography",
    "hypothesis",
    "ldap3",
    "msgpack",
    "pydantic",
    "tenacity",
    "zstandard",
)
"""Loaded once, before the workers are forked."""


def main() -> int:
    """Judge, report, and say whether it is well."""
    parser = argparse.ArgumentParser(prog="tools/mutate", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="source files, or folders of them")
    parser.add_argument(
        "--tests", nargs="+", required=True, metavar="TEST", help="what judges them, as pytest takes it"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="only so many mutants, drawn at random, the same each time"
    )
    parser.add_argument("--anew", action="store_true", help="judge what was judged before, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    os.chdir(ROOT)
    PLACE.mkdir(parents=True, exist_ok=True)
    files = [
        file
        for path in given.paths
        for file in ([Path(path)] if Path(path).is_file() else sorted(Path(path).rglob("*.py")))
    ]
    paths = [str(file.resolve().relative_to(ROOT)) for file in files]
    mutants = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))]
    if given.sample:
        mutants = random.Random(0).sample(mutants, min(given.sample, len(mutants)))
    results = PLACE / f"{_mark(paths, given.tests)}.jsonl"
    if given.anew:
        results.unlink(missing_ok=True)
    fates = _known(results)
    missing = [mutant for mutant in mutants if mutant.key not in fates]
    if missing:
        _judge(missing, given.tests, paths, given.workers, results, fates)
    return _report([(mutant, fates[mutant.key]) for mutant in mutants], as_json=given.json)


def _judge(
    mutants: list[Mutant], tests: list[str], paths: list[str], workers: int, results: Path, fates: dict[str, Fate]
) -> None:
    trees = [copied(ROOT, PLACE / f"tree{number}") for number in range(workers)]
    print(f"mutate: {len(mutants)} mutants; first the tests as they are", file=sys.stderr)
    covering = watched(trees[0], PLACE, tests, paths)
    for name in LIBRARIES:
        __import__(name)
    done = 0

    def told(mutant: Mutant, fate: Fate) -> None:
        nonlocal done
        done += 1
        fates[mutant.key] = fate
        with results.open("a", encoding="utf-8") as file:  # one that is killed here goes on from here
            file.write(json.dumps({"key": mutant.key, "fate": fate}) + "\n")
        if fate in LIVED or done % 20 == 0:
            print(f"mutate: {done} of {len(mutants)}  {fate:8}  {mutant.line:4}  {mutant.key}", file=sys.stderr)

    judged(mutants, covering, trees, told)


def _mark(paths: list[str], tests: list[str]) -> str:
    """Tells whether what was found before still counts: the same program, judged by the same tests."""
    digest = hashlib.sha256(json.dumps([paths, tests]).encode())
    for folder in ("adpersist", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _known(results: Path) -> dict[str, Fate]:
    if not results.exists():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {found["key"]: Fate(found["fate"]) for found in map(json.loads, lines)}


def _report(judged_: list[tuple[Mutant, Fate]], *, as_json: bool) -> int:
    reasons: dict[str, str] = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
    counts = Counter(fate for _, fate in judged_)
    lived = [(mutant, fate) for mutant, fate in judged_ if fate in LIVED]
    unexplained = [(mutant, fate) for mutant, fate in lived if mutant.key not in reasons]
    share = 1 - len(lived) / len(judged_) if judged_ else 1.0
    if as_json:
        print(json.dumps({
            "mutants": len(judged_), **counts, "share_killed": share,
            "explained": len(lived) - len(unexplained),
            "unexplained": [{"key": mutant.key, "line": mutant.line, "fate": fate} for mutant, fate in unexplained],
        }))  # fmt: skip
    else:
        for mutant, fate in unexplained:
            print(f"{fate:8}  {mutant.path}:{mutant.line}  {mutant.key.partition(' ')[2]}")
        print(
            f"{len(judged_)} mutants, {counts[Fate.KILLED]} killed, {counts[Fate.ENDLESS]} without an end, "
            f"{len(lived)} lived ({len(lived) - len(unexplained)} for a reason in {SURVIVORS.name}): {share:.1%} killed"
        )
    return 0 if share >= GOAL and not unexplained else 1


if __name__ == "__main__":
    sys.exit(main())
