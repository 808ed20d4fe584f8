"""A fork is a process of its own, and ends with the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import forking
from tests.integration.clock import shifted
from tests.integration.scene import until
from tools.samba_dc import Golden, programs
from tools.samba_dc.keeper import parents


def script(place: Path, text: str) -> list[str]:
    path = place / "program.py"
    path.write_text(f"import os, signal, sys, threading, time\n{text}\n")
    return [sys.executable, str(path)]


def alive(process: int) -> bool:
    found = parents().get(process)
    return found is not None and found[1] not in "ZX"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('sentence')", 1),
        ("raise RuntimeError('sentence')", 1),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("threading.Timer(0.2, lambda: os._exit(5)).start()", 5),
    ],
)
def test_its_exit_code_is_its_own(place: Path, text: str, code: int) -> None:
    command, env = script(place, text), dict(os.environ)
    forked = forking.run(command, env=env, timeout_s=30)
    started = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    assert forked.returncode == started.returncode == code
    assert ("sentence" in forked.stderr) == ("sentence" in started.stderr) == ("sentence" in text)


def test_it_has_its_own_words_streams_variables_and_directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    tell = "print(sys.argv[1:], sys.stdin.read(), os.environ.get('GIVEN'), 'HOME' in os.environ, os.getcwd())"
    command = [*script(place, f"{tell}\nos.environ['GIVEN'] = 'left behind'"), "one", "two"]
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    for given in ("first", "second"):
        said = forking.run(command, env={**env, "GIVEN": given}, timeout_s=30, stdin="through the pipe")
        assert (said.stdout, said.stderr) == (f"['one', 'two'] through the pipe {given} False {place}\n", "")


def test_it_takes_signals_as_any_process_does(place: Path) -> None:
    told = place / "told"
    text = f"""
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
open({str(told)!r}, 'w').close()
try:
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(4)
"""
    for number, code in ((signal.SIGTERM, 3), (signal.SIGINT, 4), (signal.SIGKILL, -signal.SIGKILL)):
        told.unlink(missing_ok=True)
        with Path(os.devnull).open("wb") as nowhere:
            process = forking.start(script(place, text), env=os.environ, stdout=nowhere, stderr=nowhere)
        until(told.exists, "it runs")
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait(30) == process.returncode == process.poll() == code
        process.kill()  # it is nobody's any more
        assert not alive(process.pid)


def test_what_speaks_to_the_interpreter_is_started_from_nothing(place: Path) -> None:
    command = script(place, "print(os.getppid(), hash('the same every time'))")
    one, other = (forking.run(command, env={**os.environ, "PYTHONHASHSEED": "4711"}, timeout_s=30) for _ in range(2))
    assert one.stdout == other.stdout
    assert one.stdout.split()[0] == str(os.getpid())


def test_a_worker_of_a_fork_is_one_and_says_what_one_from_nothing_says(place: Path) -> None:
    (place / "smb.conf").write_text("[global]\nprivate dir = /nowhere\n[sysvol]\npath = /nowhere/sysvol\n")
    text = f"""
from pathlib import Path
from adpersist.directory.samba.local_databases import LocalDatabaseError, LocalDatabases
for name in ("smb.conf", "none.conf"):
    try:
        with LocalDatabases(Path({str(place)!r}, name)) as databases:
            print(databases.settings)
            worker = Path("/proc", str(databases._worker.pid))
            print("ours" if worker.joinpath("stat").read_text().split()[3] == str(os.getpid()) else "", file=sys.stderr)
        print(worker.exists())
    except LocalDatabaseError as error:
        print(error)
"""
    command, env = script(place, text), dict(os.environ)
    forked = forking.run(command, env=env, timeout_s=30)
    started = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    assert forked.stdout == started.stdout
    assert all(word in forked.stdout for word in ("/nowhere/sysvol", "\nFalse\n", "none.conf cannot be read"))
    assert (forked.stderr.strip(), started.stderr.strip()) == ("", "ours")


def test_judges_and_samba_tool_are_forks_and_say_what_those_from_nothing_say(golden: Golden) -> None:
    private = golden.directory / "private"
    judge = Path(programs.__file__).with_name("offline_dump.py")
    assert programs.run_to_the_end != programs.run_from_nothing
    for command, code in (
        ([programs.SYSTEM_PYTHON, "-I", str(judge), str(private), "0", "distinguishedName"], 0),
        ([programs.SYSTEM_PYTHON, "-I", str(judge), str(private / "none"), "0", "*"], 1),
        (["samba-tool", "user", "show", "Administrator", "-H", f"tdb://{private}/sam.ldb"], 0),
        (["samba-tool", "user", "show", "nobody", "-H", f"tdb://{private}/sam.ldb"], 255),
    ):
        forked, started = (
            run(command, stdin="", timeout_s=60, env=programs.environment())
            for run in (programs.run_to_the_end, programs.run_from_nothing)
        )
        assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout) == (code, forked.stdout)
        assert forked.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]


def test_another_clock_is_the_forks_own(place: Path) -> None:
    command = script(place, "print(os.getppid(), int(time.time()))")
    now, servers = time.time(), set()
    for offset, seconds in (("+7d", 7 * 86400), ("-365d", -365 * 86400), ("+7d", 7 * 86400)):
        env = {**os.environ, **shifted(offset)}
        parent, there = forking.run(command, env=env, timeout_s=60).stdout.split()
        assert abs(int(there) - now - seconds) < 600
        servers.add(parent)
    assert len(servers - {str(os.getpid())}) == 2, "one server for each clock"
    assert abs(int(forking.run(command, env=os.environ, timeout_s=30).stdout.split()[1]) - now) < 600


def test_nothing_outlives_the_test_run(place: Path) -> None:
    inner = script(place, "print(os.getpid(), flush=True)\ntime.sleep(60)")
    outer = f"""
import os, sys, time
from tests import forking
forking.start({inner!r}, env=os.environ, stdout=1, stderr=2)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", outer], cwd=forking.REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        process = int(run.stdout.readline())
        assert alive(process)
        run.kill()
    until(lambda: not alive(process), "the fork is gone")
