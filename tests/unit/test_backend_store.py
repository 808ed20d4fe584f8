"""tdb or mdb is told by the files that Samba's own library makes, with the size at which they end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from adpersist.agent.doctor.controller import judged_database
from adpersist.agent.doctor.finding import Grade
from adpersist.directory.samba.backend_store import Backend, backend_store
from adpersist.directory.samba.own_database import NotLocalError
from tools.samba_dc.programs import SYSTEM_PYTHON

MAKE: Final = """
import sys, ldb
made = ldb.Ldb(sys.argv[1], options=["lmdb_env_size:100000000"])
made.add({"dn": "@INDEXLIST", "@IDXGUID": "objectGUID", "@IDX_DN_GUID": "GUID"})
"""


@pytest.mark.parametrize(("kind", "limit"), [(Backend.TDB, 1 << 32), (Backend.MDB, 100_000_000)])
def test_the_largest_file_says_what_it_is_and_where_it_ends(tmp_path: Path, kind: Backend, limit: int) -> None:
    (tmp_path / "sam.ldb.d").mkdir()
    largest = tmp_path / "sam.ldb.d" / "DC=CORP,DC=EXAMPLE.ldb"
    subprocess.run([SYSTEM_PYTHON, "-c", MAKE, f"{kind}://{largest}"], check=True, timeout=60)
    (tmp_path / "sam.ldb.d" / "CN=CONFIGURATION,DC=CORP,DC=EXAMPLE.ldb").write_bytes(b"small")
    found = backend_store(tmp_path / "sam.ldb")
    assert (found.kind, found.size, found.limit) == (kind, largest.stat().st_size, limit)
    assert judged_database(found).grade is Grade.OK
    os.truncate(largest, limit * 4 // 5)
    judged = judged_database(backend_store(tmp_path / "sam.ldb"))
    assert judged.grade is Grade.WARNING
    assert f"of the {limit / 1e6:,.0f} at which it ends" in judged.says
    assert "--backend-store=mdb" in judged.mend


@pytest.mark.parametrize("content", [b"", b"TDB", b"x" * 40])
def test_what_is_neither_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotLocalError, match="there is no naming context"):
        backend_store(tmp_path / "sam.ldb")
    (tmp_path / "sam.ldb.d").mkdir()
    (tmp_path / "sam.ldb.d" / "DC=CORP.ldb").write_bytes(content)
    with pytest.raises(NotLocalError, match="neither tdb nor mdb"):
        backend_store(tmp_path / "sam.ldb")
