"""Proofs from the databases of the stopped DC: Samba's own tools, and every byte of every object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tools.demo_day.proofs import Proof, proof
from tools.demo_day.view import IGNORED, ONLY_RISING
from tools.samba_dc import ALL_CONTEXTS, SECRET_ATTRIBUTES, Dump, ProgramError, dbcheck, ldapcmp

_WORKERS: Final = 2
_LEAST_GUARDED: Final = 1000
"""RIDs below are the well-known accounts', [MS-DTYP] 2.4.2.4."""


class Judges:
    """Judges at work on two snapshots, beside whatever else goes on.

    Args:
        before: The database as it was when the machine died.
        after: The database as the restore left it.
    """

    def __init__(self, before: Path, after: Path) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._work: list[Future[Proof]] = [
            *(self._start(_same_context, before, after, context) for context in ALL_CONTEXTS),
            self._start(_same_security, before, after),
            self._start(_sound, after),
        ]

    def _start(self, judge: Callable[..., Proof], *about: object) -> Future[Proof]:
        return self._pool.submit(judge, *about)

    def verdicts(self) -> list[Proof]:
        """Waits for them all."""
        with self._pool:
            return [each.result() for each in self._work]


def _same_context(before: Path, after: Path, context: str) -> Proof:
    found = _compared(before, after, (context,))
    return proof(f"{context} is the same", "samba-tool ldapcmp", found)


def _same_security(before: Path, after: Path) -> Proof:
    found = _compared(before, after, ALL_CONTEXTS, security_descriptors=True)
    return proof("permissions are the same, all contexts", "samba-tool ldapcmp --sd", found)


def _compared(before: Path, after: Path, contexts: Sequence[str], *, security_descriptors: bool = False) -> list[str]:
    try:
        # the healed DC goes on under another one, so that whoever has read it before reads on
        left_out = [] if security_descriptors else ["invocationId"]
        texts = ldapcmp(before, after, contexts, filters=left_out, security_descriptors=security_descriptors)
    except ProgramError as failed:
        # It ends with a traceback where one of two objects lacks an attribute altogether.
        texts = [str(failed)]
    return [line for text in texts for line in text.splitlines() if line.strip()]


def _sound(after: Path) -> Proof:
    verdict = dbcheck(after)
    last = verdict.text.strip().rpartition("\n")[2]
    return proof(
        "the database is sound", "samba-tool dbcheck --cross-ncs", [] if verdict else verdict.text.splitlines(),
        detail=last,
    )  # fmt: skip


def raw_equal(before: Dump, after: Dump, claim: str = "every object, attribute and secret is the same") -> Proof:
    """Compare the living objects of two dumps, secrets included, by objectGUID.

    Args:
        before: Tombstones in it are left out of account.
        after: The same.
        claim: What to call it.
    """
    living = {guid: entry for guid, entry in before.items() if "isDeleted" not in entry}
    secrets = sum(len(entry.get(name, ())) for entry in living.values() for name in SECRET_ATTRIBUTES)
    values = sum(len(values) for entry in living.values() for name, values in entry.items() if name not in IGNORED)
    return proof(
        claim, "raw dump by objectGUID", list(_differences(before, after)),
        detail=f"{len(living):,} objects, {values:,} values, {secrets:,} secrets",
    )  # fmt: skip


def _differences(before: Dump, after: Dump) -> Iterator[str]:
    for guid in sorted({*before, *after}):
        old, new = ({} if "isDeleted" in entry else entry for entry in (before.get(guid, {}), after.get(guid, {})))
        name = (old or new).get("distinguishedName", (b"?",))[0].decode("utf-8", "replace")
        if bool(old) != bool(new):
            yield f"{name} ({guid}): only {'before the revert' if old else 'after the restore'}"
            continue
        for attribute in sorted({*old, *new} - IGNORED.keys()):
            if not _same(attribute, old.get(attribute, ()), new.get(attribute, ())):
                yield f"{name}: {attribute} differs"


def _same(attribute: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    if attribute in ONLY_RISING and len(old) == len(new) == 1:
        # Pools are two numbers in one; only the low half, the first RID, moves ([MS-ADTS] 3.1.1.1.11).
        return int(new[0]) & 0xFFFFFFFF >= int(old[0]) & 0xFFFFFFFF
    return sorted(old) == sorted(new)


def still_deleted(golden: Dump, before: Dump, after: Dump) -> Proof:
    """Whom the day deleted is deleted again, and is the same tombstone where the golden image had them alive."""
    buried = [guid for guid, entry in before.items() if "isDeleted" in entry]
    alive_again = [guid for guid in buried if guid in after and "isDeleted" not in after[guid]]
    unburied = [guid for guid in buried if guid in golden and guid not in after]
    problems = [f"{guid} lives again" for guid in alive_again] + [f"{guid} left no tombstone" for guid in unburied]
    known = sum("isDeleted" not in golden[guid] for guid in buried if guid in golden)
    return proof(
        "deleted people, groups and machines stay deleted", "raw dump, tombstones", problems,
        detail=f"{len(buried)} deleted, {known} of them alive in the golden image",
    )  # fmt: skip


def sids(*dumps: Dump) -> set[bytes]:
    """Every SID that any object has or had, in bytes; tombstones keep theirs."""
    return {value for dump in dumps for entry in dump.values() for value in entry.get("objectSid", ())}


def fresh_sid(sid: str, known: set[bytes], *, least: int = _LEAST_GUARDED) -> list[str]:
    """What is wrong with a newly given SID: somebody has or had it, or its RID lies below one that was given out."""
    parts = [int(part) for part in sid.split("-")[2:]]
    raw = bytes([1, len(parts) - 1]) + parts[0].to_bytes(6, "big")
    raw += b"".join(part.to_bytes(4, "little") for part in parts[1:])
    problems = [f"{sid} belongs or belonged to somebody else"] if raw in known else []
    domain = raw[:-4]
    highest = max((int.from_bytes(each[-4:], "little") for each in known if each[:-4] == domain[:24]), default=least)
    if parts[-1] <= highest:
        problems.append(f"RID {parts[-1]} is not above {highest}, the highest ever given out")
    return problems
