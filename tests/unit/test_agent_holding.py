"""Who may go on when somebody else has the journal, or had it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from adpersist.errors import FencedError
from adpersist.journal.holder import Role, VisitedError, give_way, handed_back, is_held, new_writer, wait_for_visitor
from adpersist.model.journal.head import Writer

SELF = new_writer(Role.AGENT)


def elsewhere(writer: Writer) -> Writer:
    """The same on another machine, with the same host name and process id."""
    role, system, random = writer.id.split("-")
    return replace(writer, id=f"{role}-{system[::-1]}x-{random}")


def dead(writer: Writer) -> Writer:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return replace(writer, pid=child.pid)


@pytest.mark.parametrize(
    ("holder", "same"),
    [
        pytest.param(SELF, False, id="commits of its own future: the DC tells what happened"),
        pytest.param(handed_back(new_writer(Role.VISITOR)), True, id="handed back"),
        pytest.param(handed_back(elsewhere(new_writer(Role.VISITOR))), True, id="handed back in another container"),
        pytest.param(dead(new_writer(Role.VISITOR)), False, id="died before it handed back"),
    ],
)
def test_an_agent_goes_on(holder: Writer, *, same: bool) -> None:
    wait_for_visitor(holder, SELF)
    give_way(holder, SELF, same=same)


@pytest.mark.parametrize(
    ("holder", "same"),
    [
        pytest.param(new_writer(Role.AGENT), True, id="another agent here"),
        pytest.param(dead(new_writer(Role.AGENT)), True, id="another agent that died"),
        pytest.param(elsewhere(new_writer(Role.AGENT)), True, id="an agent elsewhere"),
        pytest.param(elsewhere(new_writer(Role.VISITOR)), True, id="a restore elsewhere"),
        pytest.param(
            handed_back(elsewhere(new_writer(Role.VISITOR))), False, id="a clone was restored and is right now"
        ),
        pytest.param(handed_back(new_writer(Role.VISITOR)), False, id="the same of a clone of this very boot"),
        pytest.param(Writer(id="0" * 32, host="old", pid=os.getpid()), True, id="another version"),
    ],
)
def test_an_agent_gives_way_and_names_the_winner(holder: Writer, *, same: bool) -> None:
    wait_for_visitor(holder, SELF)
    with pytest.raises(FencedError, match=str(holder.pid)):
        give_way(holder, SELF, same=same)


def test_a_command_that_works_is_waited_for() -> None:
    visitor = new_writer(Role.VISITOR)
    with pytest.raises(VisitedError):
        wait_for_visitor(visitor, SELF)
    wait_for_visitor(visitor, visitor)
    wait_for_visitor(handed_back(visitor), SELF)


def test_only_who_handed_it_back_holds_it_no_more() -> None:
    assert is_held(SELF)
    assert not is_held(handed_back(SELF))
