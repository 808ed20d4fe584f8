"""The day itself, event by event, in the order they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tools.day import people, places
from tools.day.diary import Diary
from tools.day.hands import Hands
from tools.samba_dc import SambaDC


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens.

    Attributes:
        name: What, in a few words.
        happen: Does it, and notes in the diary what can be asked about later.
    """

    name: str
    happen: Callable[[Hands, Diary], None]


EVENTS: Final = (
    Event("people with unusual names join", people.unusual_names),
    Event("a service account gets a service principal", people.service_account),
    Event("users and an administrator change passwords", people.passwords),
    Event("krbtgt is rolled over", people.krbtgt),
    Event("photo, telephone, manager and description change", people.attributes),
    Event("groups are made, nested, renamed, filled, emptied and deleted", people.groups),
    Event("somebody marries, somebody moves to another office", people.renames_and_moves),
    Event("an office is renamed and moves with everybody in it", places.office_moves),
    Event("an office manager is allowed to reset passwords", places.delegation),
    Event("machines join, change their password and retire", places.machines),
    Event("a group policy is made and linked", places.group_policy),
    Event("its files are written, another policy is edited", places.policy_files),
    Event("DNS records come and go", places.dns),
    Event("a site and its subnet are added", places.site),
    Event("the password policy is tightened", places.password_policy),
    Event("suppliers come and go", places.contacts),
    Event("people leave", people.leavers),
)
"""Everything but the hires, which come first."""


def live(dc: SambaDC, *, hires: int = 100, tell: Callable[[str], None] = lambda _: None) -> Diary:
    """Live through the day on a running DC that `found` filled.

    Args:
        dc: The DC.
        hires: How many people join; more of them make a longer day.
        tell: Called with the name of each event before it happens.

    Raises:
        ProgramError: A tool refused.
    """
    hands, diary = Hands(dc), Diary()
    tell(f"{hires} people join")
    people.hire(hands, diary, hires)
    for event in EVENTS:
        tell(event.name)
        event.happen(hands, diary)
    return diary
