"""A worker that ends says why, in the words of whoever gave up."""

import resource
from pathlib import Path

import pytest

from adpersist.directory.samba.worker_process import WorkerProcess
from adpersist.errors import DirectoryUnreachableError

PANIC = """\
PANIC (pid 7): assert failed: (schema_attr->linkID & 1) == 0 in 4.17.12-Debian
BACKTRACE: 2 stack frames:
 #0 /usr/lib/libgenrand-samba4.so.0(log_stack_trace+0x2e) [0x7f25bbfc455e]
 #1 /usr/bin/python3(_start+0x21) [0x627bd1]
"""
"""As Samba's code writes it to standard error (lib/util/fault.c)."""


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (f"import os, sys; sys.stderr.write({PANIC!r}); sys.stderr.flush(); os.abort()", "by SIGABRT: PANIC (pid 7): "),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        ("raise SystemExit('no such file')", "ended: no such file"),
    ],
)
def test_a_worker_that_ended_says_why(program: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(program)
    worker = WorkerProcess(tmp_path / "worker.py", task="tries", gone=DirectoryUnreachableError)
    with pytest.raises(DirectoryUnreachableError) as ended:
        worker.receive()
    worker.close()
    assert why in ended.value.message
    assert "_start" not in ended.value.message


def test_a_worker_starts_where_no_disk_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of this process may grow, as on a disk without room; `tempfile` finds no place then."""
    (tmp_path / "worker.py").write_text("import pickle, sys; pickle.dump(7, sys.stdout.buffer)")
    monkeypatch.setattr("tempfile.tempdir", None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        worker = WorkerProcess(tmp_path / "worker.py", task="tries", gone=DirectoryUnreachableError)
        assert worker.receive() == 7
        worker.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_worker_for_which_no_file_can_be_opened_is_told_as_one_that_cannot_be_started() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(DirectoryUnreachableError, match="cannot be started: Too many open files"):
            WorkerProcess(Path("/nowhere"), task="tries", gone=DirectoryUnreachableError)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
