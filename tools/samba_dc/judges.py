"""Tools that judge: they read the files of stopped DCs, with Samba's code and none of adpersist's."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from tools.samba_dc.errors import ProgramError, StateError
from tools.samba_dc.golden import Golden
from tools.samba_dc.keeping import alone
from tools.samba_dc.programs import SYSTEM_PYTHON, run
from tools.samba_dc.server import SambaDC

ALL_CONTEXTS: Final = ("DOMAIN", "CONFIGURATION", "SCHEMA", "DNSDOMAIN", "DNSFOREST")
"""ldapcmp's names for the naming contexts of a DC with integrated DNS."""

SECRET_ATTRIBUTES: Final = (
    "unicodePwd",
    "dBCSPwd",
    "ntPwdHistory",
    "lmPwdHistory",
    "supplementalCredentials",
    "currentValue",
    "priorValue",
    "initialAuthIncoming",
    "initialAuthOutgoing",
    "trustAuthIncoming",
    "trustAuthOutgoing",
)
"""What only comes when asked for by name, [MS-ADTS] 3.1.1.4.4 and Samba's DSDB_SECRET_ATTRIBUTES.

Not msDS-ManagedPassword: nobody stores it; Samba 4.22 computes it when asked, with the time that it will hold.
"""

DUMPED: Final = ("*", *SECRET_ATTRIBUTES, "nTSecurityDescriptor", "replPropertyMetaData")
"""Everything stored; constructed attributes never come."""

Dump = dict[str, dict[str, tuple[bytes, ...]]]
"""objectGUID (as text, small letters) to attribute to raw values, in the database's order."""

Judged = SambaDC | Golden | Path
"""A stopped DC, a golden image, or a directory that `snapshot` made."""

_State = tuple[tuple[str, int, int], ...]

_OFFLINE_DUMP: Final = Path(__file__).with_name("offline_dump.py")
_OFFLINE_STAMPS: Final = Path(__file__).with_name("offline_stamps.py")
_OFFLINE_CHECK: Final = Path(__file__).with_name("offline_check.py")
_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checking tool said.

    Attributes:
        ok: It found nothing wrong.
        text: Its whole output.
    """

    ok: bool
    text: str

    def __bool__(self) -> bool:
        return self.ok


def ldapcmp(
    a: Judged,
    b: Judged,
    contexts: Sequence[str] = ALL_CONTEXTS,
    *,
    filters: Sequence[str] = (),
    security_descriptors: bool = False,
) -> list[str]:
    """Compare two databases of one domain with samba-tool: DNs and all replicated attributes, never secrets.

    Args:
        a: One.
        b: The other.
        contexts: Which naming contexts.
        filters: Attributes to leave out.
        security_descriptors: Compare nTSecurityDescriptor alone, instead of all else.

    Returns:
        One text per naming context that differs, with the tool's account of it; empty when the two agree.

    Raises:
        StateError: One of them is a running DC, or holds no database.
        ProgramError: The tool failed instead of comparing.
    """
    options = (*([f"--filter={','.join(filters)}"] if filters else ()), *(["--sd"] if security_descriptors else ()))
    one, other = ((path, _state(path)) for path in (_sam_ldb(a), _sam_ldb(b)))
    # all at once is quicker, but whose account is whose then takes guessing
    if len(contexts) > 1 and _compared(one, other, tuple(contexts), options) is None:
        return []
    found = [(context, _compared(one, other, (context,), options)) for context in contexts]
    return [f"{context}:\n{account}" for context, account in found if account is not None]


@lru_cache(maxsize=16)
def _compared(
    one: tuple[Path, _State], other: tuple[Path, _State], contexts: tuple[str, ...], options: tuple[str, ...]
) -> str | None:
    """None when they agree, else the tool's account."""
    command = ["samba-tool", "ldapcmp", f"tdb://{one[0]}", f"tdb://{other[0]}", *contexts, *options]
    done = run(command, timeout_s=_TIMEOUT_S, check=False)
    if done.returncode == 0:
        return None
    # A crash also exits with 255 or 1: only a finished comparison prints its result.
    if "Result for" not in done.stdout:
        raise ProgramError(
            command, returncode=done.returncode, output=done.stdout, stderr=done.stderr, timeout_s=_TIMEOUT_S
        )
    return done.stdout.strip()


def dbcheck(judged: Judged, *, since: Judged | None = None, fix: bool = False) -> Verdict:
    """Check a database's inner consistency with `samba-tool dbcheck --cross-ncs`.

    Args:
        judged: What to check.
        since: An earlier state of it. If there is nothing wrong with that, only what has changed, and what has to do
            with something that has, is looked at; it is Samba's checker all the same, and a quarter of the time.
        fix: Also repair; the verdict is then about the state before.

    Raises:
        StateError: It is a running DC, or holds no database.
    """
    path = _sam_ldb(judged)
    if fix:
        return _checked(path, "--fix", "--yes")
    if since is not None and dbcheck(since):
        image = _sam_ldb(since)
        return _checked_since(path, _state(path), image, _state(image))
    if isinstance(judged, Golden):
        return _checked_for_all(path, judged.judgements)
    return _checked_once(path, _state(path))


def _checked_for_all(path: Path, judgements: Path) -> Verdict:
    """The verdict on an image, which holds for every process that comes to ask."""
    judgements.mkdir(exist_ok=True)
    state = [list(file) for file in _state(path)]
    with alone(judgements / "lock"):
        kept = judgements / "dbcheck.json"
        if kept.exists():
            found = json.loads(kept.read_text())
            if found["state"] == state:
                return Verdict(found["ok"], found["text"])
        verdict = _checked(path)
        unfinished = judgements / "unfinished"
        unfinished.write_text(json.dumps({"state": state, "ok": verdict.ok, "text": verdict.text}))
        unfinished.rename(kept)
        return verdict


@lru_cache(maxsize=16)
def _checked_once(path: Path, _state: _State) -> Verdict:
    return _checked(path)


@lru_cache(maxsize=16)
def _checked_since(path: Path, _state: _State, image: Path, _image_state: _State) -> Verdict:
    return _verdict([SYSTEM_PYTHON, "-I", str(_OFFLINE_CHECK), str(path.parent), str(image.parent)])


def _checked(path: Path, *options: str) -> Verdict:
    return _verdict(["samba-tool", "dbcheck", "--cross-ncs", "-H", f"tdb://{path}", *options])


def _verdict(command: Sequence[str]) -> Verdict:
    done = run(command, timeout_s=_TIMEOUT_S, check=False)
    return Verdict(done.returncode == 0 and "(0 errors)" in done.stdout, done.stdout + done.stderr)


def dump(judged: Judged, *, deleted: bool = False, attributes: Sequence[str] = DUMPED) -> Dump:
    """Every object of all naming contexts, raw, secrets included.

    Args:
        judged: What to read; nothing is written.
        deleted: Tombstones and recycled objects too.
        attributes: Which; "*" stands for all that are stored and not secret.

    Raises:
        StateError: It is a running DC, or holds no database.
        ProgramError: Samba could not read the database.
    """
    wanted = (*attributes, "objectGUID") if "*" not in attributes else tuple(attributes)
    path = _sam_ldb(judged)
    return {guid: dict(entry) for guid, entry in _dumped_once(path, _state(path), deleted, wanted).items()}


@dataclass(frozen=True, slots=True)
class Stamped:
    """What replication knows of one object.

    Attributes:
        dn: Its DN.
        attributes: By name: version, originating time (100 ns since 1601), invocationID, originating USN.
        links: By attribute and target, the same after whether the link is there.
    """

    dn: str
    attributes: Mapping[str, tuple[int, int, str, int]]
    links: Mapping[str, Mapping[str, tuple[bool, int, int, str, int]]]


def stamps(judged: Judged) -> dict[str, Stamped]:
    """The replication stamps of every object of a stopped DC, tombstones included, by objectGUID.

    Raises:
        StateError: It is a running DC, or holds no database.
        ProgramError: Samba could not read the database.
    """
    done = run([SYSTEM_PYTHON, "-I", str(_OFFLINE_STAMPS), str(_sam_ldb(judged).parent)], timeout_s=_TIMEOUT_S)
    lines = map(json.loads, done.stdout.splitlines())
    return {
        each["guid"]: Stamped(
            each["dn"],
            {name: tuple(stamp) for name, stamp in each["attributes"].items()},
            {name: {value: tuple(stamp) for value, stamp in row.items()} for name, row in each["links"].items()},
        )
        for each in lines
    }


@lru_cache(maxsize=4)
def _dumped_once(path: Path, _state: _State, deleted: bool, wanted: tuple[str, ...]) -> Dump:
    command = [SYSTEM_PYTHON, "-I", str(_OFFLINE_DUMP), str(path.parent), "1" if deleted else "0", *wanted]
    done = run(command, timeout_s=_TIMEOUT_S)
    objects: Dump = {}
    for line in done.stdout.splitlines():
        entry: Mapping[str, Sequence[str]] = json.loads(line)
        values = {name: tuple(base64.b64decode(value) for value in encoded) for name, encoded in entry.items()}
        # Wire order: the first three fields are little-endian ([MS-DTYP] 2.3.4.2).
        objects[str(uuid.UUID(bytes_le=values["objectGUID"][0]))] = values
    return objects


def _state(path: Path) -> _State:
    """Which database this is, and since when: what was read of it once holds for as long as this stays the same."""
    files = [path, *sorted(path.with_name("sam.ldb.d").iterdir())]
    return tuple((file.name, found.st_ino, found.st_mtime_ns) for file in files for found in [file.stat()])


def _sam_ldb(judged: Judged) -> Path:
    if isinstance(judged, SambaDC) and judged.running:
        raise StateError(f"the DC in {judged.directory} runs: stop it before its files are judged")
    directory = judged if isinstance(judged, Path) else judged.directory
    path = directory.absolute() / "private" / "sam.ldb"
    if not path.exists():
        raise StateError(f"{directory} holds no database (no private/sam.ldb)")
    return path
