"""A first look at a large SYSVOL, a changed file until durable, rest, a restore of what differs, a very large file."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import zstandard

from adpersist.agent import connections
from adpersist.capture.file_capture import WATCHED_SHARE
from tools.bench_capture.ground import COMMAND, Ground, Journaled, own_environment, processor_s
from tools.bench_store.figures import Figure, figure

_FILES: Final = 5_000
_BYTES: Final = 100_000_000
_LARGE: Final = 200_000_000
_MANY: Final = 20_000
_CHANGES: Final = 40
_PAUSE_S: Final = 0.5
_REST_S: Final = 60.0
_PATIENCE_S: Final = 60.0


def measured(ground: Ground, *, runs: int, less: int) -> list[Figure]:
    """All of it, on one DC.

    Args:
        less: The work is divided by this.
    """
    files = _FILES // less
    with ground.domain(0) as domain:
        share = domain.dc.layout.state / "sysvol" / domain.dc.names.dns_domain
        journaled = domain.journal("files")
        first = _first_looks(journaled, share, files, _BYTES // less, runs)
        with journaled.agent() as agent:
            time.sleep(15)  # the DC's own start is over by then
            beside = _at_rest(agent.pid, _REST_S / less)
            latency = _until_durable(journaled, share, _CHANGES // min(less, 4), files)
        rest = _rest(journaled, beside, _REST_S / less, files)
        back = _brought_back(journaled, share, files)
        large, many = _large(journaled, share, _LARGE // less), _many(journaled, share, _MANY // less)
        return [*first, rest, latency, back, *large, *many]


def _fill(place: Path, files: int, size: int) -> None:
    """Files as policies have them: half of the bytes compress well; each with a security descriptor's worth of it."""
    chance = random.Random(1)
    for number in range(files):
        folder = place / f"{{{number // 15:08d}}}" / "Machine"
        folder.mkdir(parents=True, exist_ok=True)
        half = size // files // 2
        path = folder / f"{number:05d}.pol"
        path.write_bytes(chance.randbytes(half) + b"\x01\0" * (half // 2))
        os.setxattr(path, "security.NTACL", b"\x04" + chance.randbytes(200))


def _first_looks(journaled: Journaled, share: Path, files: int, size: int, runs: int) -> list[Figure]:
    journaled.once()
    ours, tar, memory = [], [], []
    for turn in range(runs):
        # a start reads what is in the journal, the turns before included
        nothing = statistics.median(journaled.once()[0] for _ in range(3))
        place = share / f"Policies-{turn}"
        _fill(place, files, size)
        os.sync()  # whoever flushes first would otherwise flush these, too
        time.sleep(1)
        took, peak = journaled.once()
        ours.append(took - nothing)
        memory.append(peak / 1_000_000)
        tar.append(_tar(place, journaled.place / "tar.zst"))
        if turn + 1 < runs:
            shutil.rmtree(place)
            journaled.once()
    name = f"first look at {files:,} files, {size / 1_000_000:g} MB"
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, tar, strict=True))
    return [
        figure(name, ours, "s", goal="<= 2 x", reached=lambda _: ratio <= 2,
               against="tar --xattrs | zstd, flushed", baselines=tar),
        figure("the same: peak of memory", memory, "MB"),
    ]  # fmt: skip


def _tar(place: Path, target: Path) -> float:
    began = time.perf_counter()
    command = ["tar", "--xattrs", "--xattrs-include=*", "-C", str(place), "-cf", "-", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar, target.open("wb") as file:
        assert tar.stdout is not None
        zstandard.ZstdCompressor().copy_stream(tar.stdout, file)
        file.flush()
        os.fsync(file.fileno())
    assert tar.returncode == 0
    return time.perf_counter() - began


def _at_rest(pid: int, seconds: float) -> float:
    """The share of a core that an agent uses while nothing happens, percent."""
    before = processor_s(pid)
    time.sleep(seconds)
    return 100 * (processor_s(pid) - before) / seconds


def _rest(journaled: Journaled, beside: float, seconds: float, files: int) -> Figure:
    """The same beside an agent that captures no files: what is left are its looks at the directory."""
    words = journaled.path.read_text()
    off = words.replace('# sysvol = "capture"', 'sysvol = "off"')
    assert off != words, "init writes it down in other words by now"
    journaled.path.write_text(off)
    with journaled.agent() as agent:
        time.sleep(5)
        without = _at_rest(agent.pid, seconds)
        assert agent.poll() is None, "the agent ended"
    journaled.path.write_text(words)
    name = f"{seconds:g} s of rest beside {files:,} files: share of a core"
    # at times there is a look at everything, for what the kernel may not have told of, and none is in this
    looks = 100 * WATCHED_SHARE
    return figure(name, [beside + looks], "%", goal="0.2 % more", reached=lambda value: value < without + 0.2,
                  against="the same agent without them", baselines=[without])  # fmt: skip


def _until_durable(journaled: Journaled, share: Path, changes: int, files: int) -> Figure:
    """From the last byte written until the journal has the file, as another process sees it."""
    journal = connections.journal(journaled.config, None)
    took = []
    with closing(sqlite3.connect(journaled.place / "journal.db")) as counter:
        for number in range(changes):
            time.sleep(_PAUSE_S)
            last, name = journal.refresh().seq, f"changed-{number % 7}.bat"
            (share / name).write_bytes(b"%032x" % random.getrandbits(128))
            written, version, durable = time.monotonic(), None, 0.0
            while not durable:
                assert time.monotonic() < written + _PATIENCE_S, "a changed file never became durable"
                (found,) = counter.execute("PRAGMA data_version").fetchone()
                now = time.monotonic()
                if found != version:
                    version, head = found, journal.refresh().seq
                    told = {state.path for commit in journal.commits(after=last) for state in commit.files.states}
                    durable = now if any(path.endswith(f"/{name}") for path in told) else 0.0
                    last = head
                time.sleep(0.002)
            took.append(1000 * (durable - written))
    journal.close()
    name = f"a changed file until durable, {files:,} files: p50 of {changes}"
    return figure(name, [statistics.median(took)], "ms", goal="< 200 ms", reached=lambda value: value < 200)


def _brought_back(journaled: Journaled, share: Path, files: int) -> Figure:
    """A restore writes what differs, and nothing else: every file it wrote is another inode."""
    _run(journaled, "mark", "before")
    paths = sorted(share.rglob("*.pol"))
    changed = paths[:: max(len(paths) // 10, 1)][:10]
    for path in changed:
        path.write_bytes(b"somebody's")
    _run(journaled, "agent", "--once")
    before = {path: path.stat().st_ino for path in paths}
    _run(journaled, "restore", "--to", "@before", "--yes")
    written = sum(path.stat().st_ino != inode for path, inode in before.items())
    name = f"{len(changed)} of {files:,} files brought back: files written"
    return figure(name, [written], "", goal=f"{len(changed)}", reached=lambda value: value == len(changed))


def _large(journaled: Journaled, share: Path, size: int) -> list[Figure]:
    """What one very large file takes of memory, when it is new and when it comes back."""
    path = share / "installer.msi"
    with path.open("wb") as file:
        for _ in range(size // 1_000_000):
            file.write(random.randbytes(1_000_000))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    time.sleep(1)
    _, new = journaled.once()
    _run(journaled, "mark", "large")
    path.unlink()
    _, back = journaled.timed("files", "restore", f"{share.name}/{path.name}", "--at", "@large", "--yes")
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == digest, "it came back as another file"
    name = f"a file of {size / 1_000_000:g} MB: peak of memory"
    return [
        figure(f"{name}, captured", [new / 1_000_000], "MB", goal="< 200 MB", reached=lambda value: value < 200),
        figure(f"{name}, put back", [back / 1_000_000], "MB", goal="< 200 MB", reached=lambda value: value < 200),
    ]


def _many(journaled: Journaled, share: Path, files: int) -> list[Figure]:
    """Small files by the thousand: captured, and put back once all of them are gone."""
    place = share / "many"
    _fill(place, files, files * 2_000)
    time.sleep(1)
    captured, memory = journaled.once()
    _run(journaled, "mark", "many")
    shutil.rmtree(place)
    took, peak = journaled.timed("files", "restore", f"{share.name}/{place.name}", "--at", "@many", "--yes")
    assert sum(1 for _ in place.rglob("*.pol")) == files, "not all of them came back"
    name = f"{files:,} files of 2 kB"
    return [
        figure(f"{name}: captured", [captured], "s"),
        figure(f"{name}: put back", [took], "s"),
        figure(f"{name}: peak of memory, the larger", [max(memory, peak) / 1_000_000], "MB"),
    ]


def _run(journaled: Journaled, *words: str) -> None:
    command = [*COMMAND, *words, "--config", str(journaled.path)]
    subprocess.run(command, env=own_environment(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
