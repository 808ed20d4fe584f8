"""Real Samba domain controllers for tests and demonstrations, started and reverted in well under a second.

A `Golden` is the directory of a stopped, warmed-up DC. Each `SambaDC` runs on a `cp -a` of one, as plain processes with
directories and a loopback address of its own, so that several stand side by side. `judges` compares and checks the
files of stopped DCs with Samba's own tools, which know nothing of adpersist.

Comes in: Debian's Samba packages and root. Goes out: sockets, URLs and files. The standard library only, and nothing
from adpersist: a judge must not share code with what it judges.

    golden = Golden.provision(Path("/tmp/golden"))
    with SambaDC(golden, Path("/tmp/dc1"), address="127.0.0.11") as dc:
        dc.samba_tool("user", "create", "alice", "Passw0rd.alice")
        dc.revert()                     # kill -9, and the golden files again
        dc.start()
"""

from tools.samba_dc.errors import (
    AddressInUseError,
    HarnessError,
    NotGoldenError,
    NotStartedError,
    PrerequisiteError,
    ProgramError,
    StateError,
)
from tools.samba_dc.golden import Golden
from tools.samba_dc.join import join
from tools.samba_dc.judges import (
    ALL_CONTEXTS,
    SECRET_ATTRIBUTES,
    Dump,
    Stamped,
    Verdict,
    dbcheck,
    dump,
    ldapcmp,
    stamps,
)
from tools.samba_dc.keeping import digest, keep, kept
from tools.samba_dc.kerberos import AES256
from tools.samba_dc.probe import free_address, free_port
from tools.samba_dc.programs import samba_is_from, samba_version
from tools.samba_dc.server import SambaDC

__all__ = [
    "AES256",
    "ALL_CONTEXTS",
    "SECRET_ATTRIBUTES",
    "AddressInUseError",
    "Dump",
    "Golden",
    "HarnessError",
    "NotGoldenError",
    "NotStartedError",
    "PrerequisiteError",
    "ProgramError",
    "SambaDC",
    "Stamped",
    "StateError",
    "Verdict",
    "dbcheck",
    "digest",
    "dump",
    "free_address",
    "free_port",
    "join",
    "keep",
    "kept",
    "ldapcmp",
    "samba_is_from",
    "samba_version",
    "stamps",
]
