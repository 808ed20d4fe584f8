"""What became of an append whose end nobody saw: done, to be done again, or another's turn. Never two of them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adpersist.errors import MovedError
from adpersist.journal.appending.settlement import AppendOutcome, Attempt, require_here, settle_append
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.format.head import OpenHead, open_head
from adpersist.journal.journal import Journal
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Moved
from adpersist.stores.memory import MemoryStore
from tests.golden.journal_samples import AGENT, NOON, OTHER, created, fresh_store, key, look, new_journal, opened
from tests.unit.test_journal_repair import inside

LANDED, REBASE, FENCED = AppendOutcome.LANDED, AppendOutcome.REBASE, AppendOutcome.FENCED
Deed = Callable[[MemoryStore], object]


def as_agent(store: MemoryStore) -> Journal:
    """As a process has it that holds the journal already."""
    journal = Journal.open(store, key())
    journal._end.holder = AGENT
    return journal


def ours(store: MemoryStore) -> None:
    look(as_agent(store), [created("ours")], 20)


def theirs(store: MemoryStore) -> None:
    """By a clone of the agent's machine, under the same name."""
    look(as_agent(store), [created("theirs")], 30)


def marked(store: MemoryStore) -> None:
    opened(store).mark("beside", writer=OTHER, now=NOON)


def used(store: MemoryStore) -> None:
    opened(store).note_use("{}", writer=OTHER, now=NOON)


def claimed(store: MemoryStore) -> None:
    opened(store, OTHER)


def saved_at(seq: int) -> Deed:
    return lambda store: opened(store).write_checkpoint(Seq(seq), [], now=NOON)


def pruned_to(seq: int) -> Deed:
    def prune(store: MemoryStore) -> None:
        saved_at(seq)(store)
        assert opened(store).prune(oldest=Seq(seq), keep_marks=True, now=NOON).through == seq

    return prune


def nothing(_: MemoryStore) -> None:
    pass


@pytest.fixture
def store() -> MemoryStore:
    """One look by the agent."""
    made = fresh_store()
    look(new_journal(made), [created("ada")], 10)
    return made


def tip(store: MemoryStore) -> OpenHead:
    return open_head(store.head(), key())


def attempted(store: MemoryStore, deed: Deed, *, tolerant: bool, lands: bool) -> Attempt:
    """A deed that did what it tried, or nothing of it."""
    base, frames = tip(store), dict(inside(store).frames)
    deed(store)
    made = Attempt(base=base, frames=[*store.frames(after=base.head.seq)], head=tip(store).head, tolerant=tolerant)
    if not lands:
        inside(store).head, inside(store).frames = base.stored, frames
    return made


def settled(attempt: Attempt, store: MemoryStore) -> AppendOutcome:
    return settle_append(attempt, tip(store), store.frames(after=attempt.base.head.seq))


@pytest.mark.parametrize(
    ("deed", "lands", "then", "outcome"),
    [
        (ours, True, marked, LANDED),
        (ours, True, used, LANDED),
        (ours, True, saved_at(2), LANDED),
        (ours, True, pruned_to(1), LANDED),
        (ours, True, pruned_to(2), FENCED),  # what was between cannot be read any more
        (ours, True, theirs, FENCED),
        (ours, True, claimed, FENCED),
        (ours, False, nothing, REBASE),
        (ours, False, marked, REBASE),
        (ours, False, used, REBASE),
        (ours, False, saved_at(1), REBASE),
        (ours, False, pruned_to(1), REBASE),
        (ours, False, theirs, FENCED),
        (ours, False, claimed, FENCED),
        (claimed, True, marked, LANDED),
        (claimed, False, marked, REBASE),
        (claimed, False, theirs, FENCED),
        (saved_at(1), True, marked, REBASE),  # which of two did it nobody can say; it is done again
        (saved_at(1), False, marked, REBASE),
    ],
)
def test_an_append_of_the_capture(
    store: MemoryStore, deed: Deed, lands: bool, then: Deed, outcome: AppendOutcome
) -> None:
    attempt = attempted(store, deed, tolerant=False, lands=lands)
    then(store)
    assert settled(attempt, store) is outcome


@pytest.mark.parametrize(
    ("deed", "lands", "then", "outcome"),
    [
        (marked, True, used, LANDED),
        (marked, True, theirs, LANDED),
        (marked, False, used, REBASE),
        (marked, False, theirs, REBASE),
        (marked, False, nothing, REBASE),
        (saved_at(1), True, marked, REBASE),
    ],
)
def test_an_append_that_says_nothing_of_the_capture_is_fenced_by_nobody(
    store: MemoryStore, deed: Deed, lands: bool, then: Deed, outcome: AppendOutcome
) -> None:
    attempt = attempted(store, deed, tolerant=True, lands=lands)
    then(store)
    assert settled(attempt, store) is outcome


def test_what_does_not_lead_from_one_head_to_the_other_settles_nothing(store: MemoryStore) -> None:
    attempt = attempted(store, ours, tolerant=False, lands=True)
    marked(store)
    whole = list(store.frames(after=attempt.base.head.seq))
    for between in (whole[:-1], whole[1:], [*whole, *whole], [replace(whole[0], body=whole[1].body), whole[1]]):
        with pytest.raises(DamagedError) as refused:
            settle_append(attempt, tip(store), between)
        assert refused.value.damage in (Damage.GAP, Damage.FORGED)


def test_what_went_on_elsewhere_is_written_no_more(store: MemoryStore) -> None:
    head = tip(store).head
    require_here(head)
    require_here(replace(head, moved=Moved(to="sqlite:///here", time=NOON, arrived=True)))
    with pytest.raises(MovedError, match="sqlite:///there"):
        require_here(replace(head, moved=Moved(to="sqlite:///there", time=NOON, arrived=False)))
