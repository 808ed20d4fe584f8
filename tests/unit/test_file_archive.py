"""An archive of SYSVOL is what tar makes of the same files, and what tar puts back."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.reading import REST_NS
from adpersist.model.files.file_state import PIECE_BYTES
from adpersist.reading.file_archive import write_archive
from tests.golden.journal_samples import NOON, created, fresh_store, look, new_journal
from tests.unit.shares import share


def _face(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if path.is_symlink():
        return path.readlink(), status.st_uid, status.st_gid, status.st_mtime_ns
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    content = path.read_bytes() if path.is_file() else b""
    return content, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, attributes


def test_tar_puts_back_what_the_archive_has(tmp_path: Path) -> None:
    files = share(tmp_path)
    sysvol = files.sysvol
    folder = sysvol / "corp.example" / ("long" * 60)
    folder.mkdir(parents=True)
    large = os.urandom(2 * PIECE_BYTES + 7)
    (folder / "installer.msi").write_bytes(large)
    (folder / "again.msi").write_bytes(large)
    (folder / "empty").touch(0o640)
    odd = Path(os.fsdecode(os.fsencode(sysvol) + b"/latin-\xfc.cmd"))
    odd.write_bytes(b"not UTF-8")
    (sysvol / "link").symlink_to("corp.example/" + "x" * 150)
    for path in (folder, folder / "installer.msi"):
        os.setxattr(path, "security.NTACL", bytes(range(256)))
        os.setxattr(path, "user.DOSATTRIB", b"0x2\0\n")
        subprocess.run(["setfacl", "-m", "u:3000016:rx", path], check=True, timeout=30)
        os.chown(path, 3_000_016, 3_000_000)
        os.utime(path, ns=(1, 1_234_567_890_123_456_789))
    os.utime(folder / "empty", ns=(1, -1_000_000_001))  # half a second before a second before 1970
    journal = new_journal(fresh_store())
    look(journal, [created("ada")], 100)
    time.sleep(REST_NS / 1_000_000_000)
    journal.commit_files(FileLook(files, {}).news(lambda: None), now=NOON)

    archive, back = tmp_path / "sysvol.tar", tmp_path / "back"
    with archive.open("wb") as file:
        count = write_archive(journal, journal.head.seq, journal.files(journal.head.seq), file)
    before = {path.relative_to(sysvol): _face(path) for path in (sysvol, *sysvol.rglob("*"))}
    assert count == len(before)
    back.mkdir()
    command = ["tar", "--xattrs", "--xattrs-include=*", "--warning=no-timestamp", "-xpf", str(archive), "-C", str(back)]
    said = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert said.stderr == ""
    restored = back / "sysvol"
    assert {path.relative_to(restored): _face(path) for path in (restored, *restored.rglob("*"))} == before
