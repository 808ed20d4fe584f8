"""A DC is captured, worked on, captured again, put back to its image and restored; then Samba's own tools judge.

The workload runs in a process of its own under Debian's python3 and shares no code with adpersist, nor do the judges.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.integration.commands import Adpersist
from tests.integration.scene import SCHEMA_MAY_CHANGE, init_words
from tools.samba_dc import Dump, Golden, SambaDC, free_address

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_SYSTEM_PYTHON: Final = "/usr/bin/python3"
_PATIENCE_S: Final = 300

NOT_CARRIED: Final[Mapping[str, str]] = {
    "uSNChanged": "each database counts its own writes",
    "uSNCreated": "each database counts its own writes",
    "whenChanged": "the moment of the last write, which is the restore",
    "replPropertyMetaData": "versions and times of the writes, which are the restore's",
}
"""Attributes no restore over LDAP brings back, and why."""

OF_ONE_OBJECT: Final[Mapping[tuple[str, str], str]] = {
    ("CN=DC1,OU=Domain Controllers", "lastLogoff"): "adpersist's canary; not replicated, unused by Samba and Windows",
    ("CN=DC1,OU=Domain Controllers", "lastLogon"): "not replicated",
    ("CN=DC1,OU=Domain Controllers", "logonCount"): "not replicated",
    ("CN=NTDS Settings,CN=DC1", "invocationId"): "a healed DC goes on under another, for whoever has read it before",
    ("CN=RID Set,CN=DC1", "rIDNextRID"): "raised, so that no RID is handed out twice",
    ("CN=RID Manager$", "rIDAvailablePool"): "raised, so that no pool is handed out twice",
}
"""The same for single objects, by how their DN begins."""

OF_NEW_ATTRIBUTES: Final = "msDS-IntId"
"""Samba draws it anew for a new attributeSchema object and takes it from nobody; only replication metadata uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What one kind of the workload did.

    Attributes:
        guids: objectGUIDs of what it wrote, as text.
        error: A traceback; None when all went well.
    """

    guids: frozenset[str]
    error: str | None


def play(phase: str, chapters: Iterable[str], url: str, smb_conf: Path) -> dict[str, Deed]:
    """Run one phase of the workload."""
    words = [_SYSTEM_PYTHON, "-m", "tests.integration.workload", phase, ",".join(chapters), url, str(smb_conf)]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return {name: Deed(guids=frozenset(found["guids"]), error=found["error"]) for name, found in report.items()}


def furnish(golden: Golden, place: Path, chapters: Sequence[str], target: Path | None = None) -> Golden:
    """An image with what the chapters need, made in the files of a stopped DC."""
    dc = SambaDC(golden, place / "furnished", address=free_address(), options=SCHEMA_MAY_CHANGE)
    dc.prepare()
    for name, deed in play("image", chapters, f"tdb://{dc.sam_ldb}", dc.smb_conf).items():
        assert deed.error is None, f"{name}: {deed.error}"
    return dc.take_golden(target or place / "image")


def controller(image: Golden, place: Path) -> SambaDC:
    """A DC whose schema may be extended."""
    return SambaDC(image, place / "dc", address=free_address(), options=SCHEMA_MAY_CHANGE)


def begin(dc: SambaDC, place: Path) -> Adpersist:
    """Make a journal and capture everything."""
    run = Adpersist(place / "adpersist.toml")
    run("init", *init_words(dc, place / "journal.db", place / "key"), code=0)
    run("agent", "--once", code=0)
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What differs between two databases, but for what no restore brings back.

    Attributes:
        lines: By objectGUID as text: one line for each difference.
    """

    lines: Mapping[str, list[str]] = field(default_factory=dict)

    def of(self, guids: Iterable[str]) -> list[str]:
        """Differences of some objects."""
        return [line for guid in guids for line in self.lines.get(guid, ())]

    def outside(self, guids: Iterable[str]) -> list[str]:
        """Differences of all others."""
        known = set(guids)
        return [line for guid, lines in self.lines.items() if guid not in known for line in lines]


def remains(before: Dump, after: Dump) -> Remains:
    """Compare two dumps by objectGUID, value by value, secrets included."""
    lines: dict[str, list[str]] = {}
    for guid in {**before, **after}:
        one, other = before.get(guid), after.get(guid)
        if one is None or other is None:
            known = one or other or {}
            lines[guid] = [f"{_dn(known)}: {'extra' if one is None else 'missing'}"]
            continue
        found = [
            f"{_dn(one)}: {name}: {one.get(name, ())!r:.200} became {other.get(name, ())!r:.200}"
            for name in sorted({*one, *other})
            if _living(one.get(name, ())) != _living(other.get(name, ())) and not _excused(name, one, other)
        ]
        if found:
            lines[guid] = found
    return Remains(lines=lines)


def _living(values: tuple[bytes, ...]) -> list[bytes]:
    """Without links to deleted objects: the Recycle Bin keeps them, and they show to nobody until the target lives."""
    return sorted(value for value in values if b"\\0ADEL:" not in value)


def _dn(entry: Mapping[str, tuple[bytes, ...]]) -> str:
    return entry["distinguishedName"][0].decode("utf-8", "replace")


def _excused(name: str, entry: Mapping[str, tuple[bytes, ...]], other: Mapping[str, tuple[bytes, ...]]) -> bool:
    values = {*entry.get(name, ()), *other.get(name, ())}
    if name in NOT_CARRIED or any(name == each and _dn(entry).startswith(start) for start, each in OF_ONE_OBJECT):
        return True
    if name == "lockoutTime" and values == {b"0"}:
        return True  # the server lets nobody clear it; zero says the same
    return name == OF_NEW_ATTRIBUTES and b"attributeSchema" in entry["objectClass"]
