"""Where a command's words go: closed, full, or to nobody. Real interpreters, real streams."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adpersist.__main__ import unforeseen
from adpersist.cli import output
from adpersist.errors import IntegrityError

PROGRAM = (sys.executable, "-m", "adpersist")
FULL = Path("/dev/full")
NOWHERE = Path("/nowhere/adpersist.toml")

_LOGS = """
import sys
from adpersist import telemetry
from adpersist.system import standard_streams
standard_streams.settle()
telemetry.configure(level="info", as_json=False)
for number in range(3):
    telemetry.logger("agent").warning("disk.full", number=number)
sys.stdout.write("went on")
"""
_STREAMS = """
import sys
from itertools import count
from adpersist.system import standard_streams
standard_streams.settle()
for number in standard_streams.while_read(count()):
    sys.stdout.write(f"{number}\\n")
"""


def ran(
    *words: str,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    closed: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[str]:
    def close() -> None:
        for number in closed:
            os.close(number)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        words, stdout=stdout, stderr=stderr, env=environment, text=True, timeout=60, check=False, preexec_fn=close
    )


@contextmanager
def nobody() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def test_an_answer_that_no_room_is_for_is_a_failure_in_one_sentence() -> None:
    with FULL.open("w") as full:
        done = ran(*PROGRAM, "alerts", "rules", "--json", stdout=full.fileno())
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if not line.startswith("  ")] == [
        "adpersist: standard output cannot be written: No space left on device"
    ]


@pytest.mark.parametrize(("words", "code"), [(("alerts", "rules"), 0), (("log", "--json", "-c", str(NOWHERE)), 7)])
def test_whoever_does_not_read_changes_no_exit_code(words: tuple[str, ...], code: int) -> None:
    with nobody() as pipe:
        unread = ran(*PROGRAM, *words, stdout=pipe)
    for done in (unread, ran(*PROGRAM, *words, closed=(1,)), ran(*PROGRAM, *words, closed=(0, 1, 2))):
        assert done.returncode == code, done
        assert "Exception" not in done.stderr
        assert "Traceback" not in done.stderr


def test_a_log_that_goes_nowhere_ends_nothing() -> None:
    with nobody() as pipe, FULL.open("w") as full:
        for place in (pipe, full.fileno()):
            done = ran(sys.executable, "-c", _LOGS, stderr=place)
            assert (done.returncode, done.stdout) == (0, "went on")
    done = ran(sys.executable, "-c", _LOGS, closed=(2,))
    assert (done.returncode, done.stdout) == (0, "went on")


def test_a_long_answer_ends_when_its_reader_goes() -> None:
    with nobody() as pipe:
        assert ran(sys.executable, "-c", _STREAMS, stdout=pipe).returncode == 0


def test_json_is_json_whatever_standard_output_can_take() -> None:
    """Names that are none of its encoding's, and a path that is no text in any."""
    for encoding, name in (("ascii", b"gr\xc3\xbcn"), ("latin-1", "\u0142".encode()), ("utf-8", b"gr\xfcn")):
        place = f"/nowhere/{os.fsdecode(name)}"
        done = subprocess.run(
            (*PROGRAM, "log", "--json", "--config", place),
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 7
        assert place in json.loads(done.stdout.decode(encoding))["error"]["message"]


def test_ctrl_c_is_a_word_and_a_failure_and_before_anything_is_begun_no_traceback() -> None:
    """A store that takes a connection and says nothing has the command where it is to be; what is loaded before Ctrl-C
    is seen to is next to nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = f"azurite://127.0.0.1:{silent.getsockname()[1]}/journals"
        # what runs in a script's background, as these tests may, has Ctrl-C ignored
        words = ("env", "--default-signal=INT", *PROGRAM, "fleet", "--store", store, "--config", os.devnull)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            connection, _ = silent.accept()
            with connection:
                waiting.send_signal(signal.SIGINT)
                _, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, said) == (1, "adpersist: stopped\n")
    loaded = "import sys, adpersist.__main__; print(sorted({'typer', 'traceback', 'pathlib'} & sys.modules.keys()))"
    assert ran(sys.executable, "-S", "-c", loaded).stdout == "[]\n"


def test_a_machine_that_has_too_little_is_no_defect() -> None:
    for scarce in (MemoryError(), OSError(errno.EMFILE, "files"), BlockingIOError(errno.EAGAIN, "fork")):
        assert "this machine has too little of something: " in unforeseen(scarce).message
        assert "defect" not in unforeseen(scarce).hint
    denied = PermissionError(errno.EACCES, "Permission denied", "/etc/adpersist")
    assert unforeseen(denied).message == "this user may not get at /etc/adpersist: Permission denied"
    assert "as root" in unforeseen(denied).hint
    for defect in (KeyError("x"), OSError("no number"), FileNotFoundError(errno.ENOENT, "gone")):
        assert "an unexpected " in unforeseen(defect).message


def test_an_answer_that_is_cut_short_is_one_document_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a long log of a damaged journal much is written before the damage is come to."""

    def documents(*found: int) -> Iterator[dict[str, int]]:
        for seq in found:
            yield {"seq": seq}
        raise IntegrityError("commit 7 is damaged")

    for found in ((9, 8), ()):
        with pytest.raises(IntegrityError) as caught:
            output.array(documents(*found))
        output.failure(caught.value, as_json=True)
        said = json.loads(capsys.readouterr().out)
        *written, last = said if isinstance(said, list) else [said]
        assert written == [{"seq": seq} for seq in found]
        assert last["error"]["exit_code"] == 8
