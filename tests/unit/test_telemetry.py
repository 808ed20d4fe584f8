"""Events on standard error: in the form, and from the level, that was asked for last."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
from adpersist import telemetry
log = telemetry.logger("room")
for level, as_json in (("info", True), ("warning", False), ("info", True)):
    telemetry.configure(level=level, as_json=as_json)
    log.debug("never.told")
    log.info("look.ended", changes=3)
    log.warning("look.failed", seq=7)
"""


def test_what_was_configured_last_is_in_force() -> None:
    ran = subprocess.run((sys.executable, "-c", _PROGRAM), capture_output=True, text=True, timeout=60, check=True)
    first, second, text, third, fourth = ran.stderr.splitlines()
    for told in (first, third):
        document = json.loads(told)
        assert (document["event"], document["level"], document["room"]) == ("look.ended", "info", "room")
        assert document["changes"] == 3
    assert all(json.loads(told)["event"] == "look.failed" for told in (second, fourth))
    assert "look.failed" in text
    assert not text.startswith("{")
    assert ran.stdout == ""


def test_a_name_in_the_log_is_text_and_no_command_for_a_terminal() -> None:
    names = ("plain\x1b[2J", "with a space\x1b[2J", "\u202eturned", "two\nlines", "csi\x9b2J")
    program = f"""
from adpersist import telemetry
telemetry.configure(level="info", as_json=False)
for name in {names!a}:
    telemetry.logger("files").warning("file.not_restored", path=name)
"""
    said = subprocess.run((sys.executable, "-c", program), capture_output=True, timeout=60, check=True).stderr.decode()
    assert len(said.splitlines()) == len(names)
    assert all(line.isprintable() for line in said.splitlines())
