"""What passes is waited for by whoever has nothing else to do, and never without a word."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError
from structlog.testing import capture_logs

from adpersist.errors import (
    AdpersistError,
    CredentialRefusedError,
    IntegrityError,
    NoJournalError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnreachableError,
    WrongKeyError,
)
from adpersist.journal.appending.appender import Patience
from adpersist.journal.damage import Damage, DamagedError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_vault import KeyRefusedError
from adpersist.model.identity.ids import Seq
from adpersist.stores.azure.errors import typed
from adpersist.stores.memory import MemoryStore
from adpersist.stores.port import StoredHead
from adpersist.system.backoff import Backoff, Told, may_pass
from tests.golden.journal_samples import created, fresh_store, key, look, new_journal

PASSING = (StoreUnreachableError, CredentialRefusedError, StoreFullError, StoreReadOnlyError, KeyRefusedError)
FINAL = (IntegrityError, NoJournalError, WrongKeyError)


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_waited_for_by_an_agent(kind: type[AdpersistError]) -> None:
    troubles = [kind("so it is"), kind("so it is")]
    slept: list[float] = []

    def asked() -> str:
        if troubles:
            raise troubles.pop()
        return "done"

    assert Backoff(waits_for=may_pass, sleep=slept.append).call(asked) == "done"
    assert len(slept) == 2


@pytest.mark.parametrize("kind", FINAL)
def test_what_a_person_must_decide_is_not(kind: type[AdpersistError]) -> None:
    def asked() -> str:
        raise kind("so it is")

    with pytest.raises(kind):
        Backoff(waits_for=may_pass, sleep=lambda _: pytest.fail("it waited")).call(asked)


def test_a_command_somebody_looks_at_does_not_wait_for_a_credential() -> None:
    def asked() -> str:
        raise CredentialRefusedError("no token")

    with pytest.raises(CredentialRefusedError):
        Backoff(sleep=lambda _: pytest.fail("it waited")).call(asked)


def test_no_token_is_a_credential_that_may_come() -> None:
    found = typed(ClientAuthenticationError("no managed identity endpoint"), writing=False, location="azure://a/t")
    assert isinstance(found, CredentialRefusedError)


def test_a_long_wait_is_told_when_it_begins_when_it_changes_and_now_and_then() -> None:
    clock = [0.0]
    told = Told(every_s=600.0, clock=lambda: clock[0])
    full, away = StoreFullError("the disk is full"), StoreUnreachableError("no answer")
    said: list[list[str]] = []
    for error, at in ((full, 0.0), (full, 5.0), (away, 6.0), (away, 300.0), (away, 607.0)):
        clock[0] = at
        with capture_logs() as logs:
            told(error, 1.0)
        said.append([each["error"] for each in logs if each["log_level"] == "warning"])
    assert said == [["the disk is full"], [], ["no answer"], [], ["no answer"]]


def test_what_is_over_is_told_when_it_begins_again() -> None:
    said: list[str] = []
    told = Told(clock=lambda: 0.0, say=lambda error, _: said.append(error.message))
    for _ in range(3):
        told(StoreFullError("the disk is full"), 1.0)
    assert said == ["the disk is full"]
    told.over()
    told(StoreFullError("the disk is full"), 1.0)
    assert said == ["the disk is full", "the disk is full"]


class Late(MemoryStore):
    """Answers with an older head for so many times, as a service without strong consistency may."""

    old: StoredHead
    answers = 0

    def head(self) -> StoredHead:
        if self.answers:
            self.answers -= 1
            return self.old
        return super().head()


@pytest.mark.parametrize(("answers", "behind"), [(1, False), (3, False), (4, True)])
def test_a_head_that_is_only_late_is_no_damage(answers: int, behind: bool) -> None:
    made = fresh_store()
    journal = new_journal(made)
    look(journal, [created("a")], 1)
    late = Late(made.location.removeprefix("memory://"), journal=journal.id)
    late.old = made.head()
    look(journal, [created("b")], 2)
    slept = list[float]()
    reader = Journal.open(late, key(), patience=Patience(sleep=slept.append))
    assert reader.head.seq == 2
    late.answers = answers
    if behind:
        with pytest.raises(DamagedError) as caught:
            reader.refresh()
        assert caught.value.damage is Damage.STORE_BEHIND
    else:
        assert reader.refresh().seq == Seq(2)
    assert slept == [0.2, 1.0, 3.0][:answers]
