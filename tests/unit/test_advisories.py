"""What is known against the package's libraries: no answer is never a good one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tools.packaging import locking
from tools.packaging.advisories import examined, locked, report

KNOWN = {"id": "GHSA-1", "aliases": ["CVE-2030-1"], "fixed_in": ["1.1"]}
WITHDRAWN = {"id": "GHSA-2", "aliases": [], "fixed_in": [], "withdrawn": "2030-01-01T00:00:00Z"}


def index(path: str) -> Mapping[str, Any] | None:
    """As an index answers, and as one does not."""
    documents: Mapping[str, Mapping[str, Any]] = {
        "fine/1.0/json": {"info": {"version": "1.0"}, "vulnerabilities": [WITHDRAWN]},
        "holed/1.0/json": {"info": {"version": "1.0"}, "vulnerabilities": [KNOWN]},
        "newest/json": {"info": {"version": "2.0"}, "vulnerabilities": []},
        "odd/1.0/json": {"info": {}},
    }
    if path.startswith("away"):
        raise OSError("nobody answers")
    return documents.get(path)


def test_what_is_known_is_told_and_what_was_withdrawn_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    answer = examined([("fine", "1.0"), ("holed", "1.0"), ("newest", "2.0")], index)
    assert [each.name for each in answer.advisories] == ["GHSA-1 CVE-2030-1"]
    assert not answer.unanswered
    assert not report(answer, 3, must_answer=False)
    assert "holed==1.0 falls under GHSA-1 CVE-2030-1, fixed in 1.1" in capsys.readouterr().out


def test_no_answer_is_never_a_good_one(capsys: pytest.CaptureFixture[str]) -> None:
    libraries = [("away", "1.0"), ("newest", "1.0"), ("gone", "1.0"), ("odd", "1.0"), ("fine", "1.0")]
    answer = examined(libraries, index)
    assert set(answer.unanswered) == {"away==1.0", "newest==1.0", "gone==1.0", "odd==1.0"}
    assert not report(answer, len(libraries), must_answer=True)
    assert report(answer, len(libraries), must_answer=False)
    said = capsys.readouterr().out
    assert said.count("NOT KNOWN: ") == 8
    assert "1 of 5 libraries answered for" in said


def test_every_line_of_a_lock_is_asked_for() -> None:
    lines = {
        line.split(" ")[0] for python in locking.PYTHONS for line in locking.lock_file(python).read_text().split("\n")
    }
    assert {f"{name}=={version}" for name, version in locked()} == {line for line in lines if "==" in line}
