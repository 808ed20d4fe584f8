"""Proofs about what lies beside the directory: SYSVOL byte by byte, and whose Unix number is whose."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from tools.demo_day.proofs import Proof, proof
from tools.samba_dc import SambaDC
from tools.samba_dc.unix_numbers import kept_numbers

Face = tuple[object, ...]


def sysvol_equal(before: Path, after: Path) -> Proof:
    """Every file of SYSVOL is the same: content, owner, permissions, all extended attributes, times."""
    old, new = _faces(before / "state" / "sysvol"), _faces(after / "state" / "sysvol")
    problems = [f"{name} differs" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    detail = f"{len(old)} files and folders, owners, ACLs and times"
    return proof("SYSVOL is the same, byte for byte", "lstat, getxattr, read", problems, detail=detail)


def numbers_equal(before: Path, after: Path) -> Proof:
    """Everybody has the Unix number they had, and none is given out twice."""
    old, new = kept_numbers(before), kept_numbers(after)
    problems = [f"{sid} had {number}, has {new.get(sid)}" for sid, number in old.items() if new.get(sid, 0) < number]
    kept = old.keys() & new.keys() - {"CONFIG"}
    problems += [f"{sid} had {old[sid]}, has {new[sid]}" for sid in kept if old[sid] != new[sid]]
    given = [number for sid, number in new.items() if sid != "CONFIG"]
    problems += [f"{number} is given twice" for number in set(given) if given.count(number) > 1]
    return proof("every Unix number is whose it was", "ldbsearch idmap.ldb", problems, detail=f"{len(given)} numbers")


def sysvolcheck(dc: SambaDC) -> subprocess.CompletedProcess[str]:
    """What Samba's own check of SYSVOL says; it is hard to please, and has to say the same before and after."""
    return dc.samba_tool("ntacl", "sysvolcheck", check=False)


def same_verdict(before: subprocess.CompletedProcess[str] | None, after: subprocess.CompletedProcess[str]) -> Proof:
    """Samba's own check found after the restore what it found before."""
    same = before is not None and (before.returncode, before.stdout, before.stderr) == (
        after.returncode,
        after.stdout,
        after.stderr,
    )
    problems = [] if same else [after.stderr.strip() or after.stdout.strip() or f"exit code {after.returncode}"]
    claim = "Samba says of SYSVOL's permissions what it said before"
    return proof(claim, "samba-tool ntacl sysvolcheck", problems, detail=f"exit code {after.returncode}, both times")


def _faces(top: Path) -> dict[str, Face]:
    found: dict[str, Face] = {}
    for path in (top, *top.rglob("*")):
        status = path.lstat()
        names = os.listxattr(path, follow_symlinks=False)
        attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        owner = status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns
        found[str(path.relative_to(top))] = (*owner, attributes, content)
    return found
