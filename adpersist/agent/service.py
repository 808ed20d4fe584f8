"""The agent as a service: polls, looks, survives a DC or a store that is away, and stops when told to."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Final, NoReturn

from adpersist import telemetry
from adpersist.agent import connections
from adpersist.agent.beat import Beat
from adpersist.agent.health.agent_health import CAPTURING, AgentHealth
from adpersist.agent.health.endpoint import served
from adpersist.agent.polling import PollingPace
from adpersist.agent.signals import Pause, Reloaded, Stopped, heeded
from adpersist.agent.upkeep.checkpoint_thread import CheckpointThread
from adpersist.agent.upkeep.checkpoints import CheckpointPolicy, RetentionPolicy
from adpersist.agent.upkeep.journal_proof import JournalProof
from adpersist.agent.upkeep.kept_key import KeptKey
from adpersist.audit.following import AuditFollower
from adpersist.capture.capture import Capture
from adpersist.config import Config
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.proof import require_own
from adpersist.errors import AdpersistError, FencedError, RevertedError
from adpersist.journal.holder import (
    HeldElsewhereError,
    Role,
    VisitedError,
    new_writer,
    require_silent,
    wait_for_visitor,
)
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.upkeep.check import CheckReport, check_journal, with_damage_below
from adpersist.model.journal.head import Head, Identity, Writer
from adpersist.state.fingerprint_index import FingerprintIndex
from adpersist.stores.registry import damage_below
from adpersist.system.backoff import Backoff, Told, may_pass
from adpersist.system.files import lock_file
from adpersist.system.memory import give_back, keep_little
from adpersist.system.sd_notify import notify
from adpersist.telemetry import logger

_LONGEST_WAIT_S: Final = 30.0
_DAY_S: Final = 86_400.0
_SCRUBS: Final = {"daily": _DAY_S, "weekly": 7 * _DAY_S, "monthly": 30 * _DAY_S}

log = logger("agent")


class Service:
    """One capturing process.

    Args:
        config: What to do.
        accept_store_behind: Go on with a store that went back.
        take_over: Go on in the place of another machine that may be at work.
        pause: Waits so many seconds.
        reload: Reads the configuration again; what it raises leaves the old one in force.
        look_up: Reads it and does nothing else, to see what the next start would find.
    """

    def __init__(
        self,
        config: Config,
        *,
        accept_store_behind: bool = False,
        take_over: bool = False,
        pause: Callable[[float], None] = time.sleep,
        reload: Callable[[], Config] | None = None,
        look_up: Callable[[], Config] | None = None,
    ) -> None:
        self._config = config
        self._held = False
        self._folded: tuple[bytes, FingerprintIndex] | None = None
        self._audit: AuditFollower | None = None
        self._accept_store_behind = accept_store_behind
        self._take_over = take_over
        self._pause = Pause(pause)
        self._read_again = reload or (lambda: config)
        self._look_up = look_up or (lambda: config)
        self._health = AgentHealth(max_lag_s=config.status.max_lag_s)
        self._writer = new_writer(Role.AGENT)
        self._proof = JournalProof(self._check)
        self._told = Told()
        self._interrupted = Told(say=_interrupted)
        self._key_missed = Told(say=_key_missed)
        self._outage = Backoff(
            budget_s=inf, cap_s=_LONGEST_WAIT_S, waits_for=may_pass, sleep=self._pause, on_wait=self._waiting
        )

    def once(self, *, scrub: bool = False) -> tuple[Head, float | None, int]:
        """Look until everything the DC had committed when this began is durable.

        Args:
            scrub: Compare all of the directory.

        Returns:
            The head then, when its last commit was made, and how many objects a scrub found to have drifted.
        """
        with self._connected(Role.VISITOR) as (_, capture):
            drifted = capture.scrub() if scrub else 0
            if not scrub:
                capture.look()
            capture.look_at_files_until_whole(self._pause)
            capture.hand_back()
            return capture.head, capture.journal.last_commit_time(), drifted

    def run(self) -> None:
        """Capture until a signal says stop; comes back after outages of the DC or the store.

        Raises:
            RevertedError, FencedError, IntegrityError, ConfigError: Nothing that waiting would mend.
        """
        keep_little()
        with heeded(self._pause):
            try:
                while True:
                    with served(self._config.health.listen, self._health):
                        self._follow_until_reloaded()
                    self._reload()
            except Stopped:
                notify("STOPPING=1")
                log.info("agent.stopped")

    def _follow_until_reloaded(self) -> None:
        while True:
            rest_s = self._config.capture.interval_s
            try:
                self._follow()
            except Reloaded:
                return
            except AdpersistError as error:
                self._health.troubled(error)
                if not may_pass(error):
                    raise
                if not error.retryable:
                    rest_s = _LONGEST_WAIT_S  # what was full a moment ago still is
                self._interrupted(error, rest_s)
            try:
                self._pause(rest_s)
            except Reloaded:
                return

    def _reload(self) -> None:
        """Take the configuration as it is now, if the agent could run with it."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            fresh = self._read_again()
            if _places(fresh) != _places(self._config):
                self._try(fresh)
        except AdpersistError as error:
            self._health.troubled(error)
            log.warning("configuration.refused", error=error.message)
        else:
            self._config = fresh
            self._health.max_lag_s = fresh.status.max_lag_s
            telemetry.configure(level=fresh.log.level, as_json=fresh.log.format == "json")
            log.info("configuration.taken")
        notify("READY=1")

    def _try(self, config: Config) -> None:
        with connections.connected_journal(config) as (dc, journal):
            require_own(dc, journal)

    def _follow(self) -> None:
        self._health.stage("connecting")
        if self._held:
            self._health.reconnected()
        with ExitStack() as opened:
            dc, capture = self._outage.call(lambda: opened.enter_context(self._connected(Role.AGENT)))
            try:
                self._capture(dc, capture)
            except (FencedError, RevertedError) as error:
                if capture.holds():
                    raise
                # who took the journal over may be done with it: connecting again finds out whether to give way
                log.info("agent.displaced", error=error.message)
            finally:
                self._folded = capture.folded

    def _capture(self, dc: DomainController, capture: Capture) -> NoReturn:
        settings, health = self._config.capture, self._health
        checkpoints = CheckpointThread(
            CheckpointPolicy.of(self._config.journal),
            RetentionPolicy(self._config.journal.keep),
            lambda: connections.journal(self._config, dc.identity),
        )
        journal = capture.journal
        health.found(journal.head, journal.last_commit_time(), journal.last_restore())
        give_back()  # what the journal was read with
        health.stage("looking at everything for the first time since it connected")
        seen, checked = -1, time.monotonic()
        beat = Beat(self._config.agent.beat_s)
        key = KeptKey(self._look_up, every_s=settings.check_s)
        pace = PollingPace(settings.interval_s, settings.share)
        while True:
            rest_s = pace.after_nothing()
            capture.read_audit()
            usn = dc.usn()
            health.polled(usn, durable=usn == seen)
            if usn != seen:
                changes = capture.look(usn)
                health.looked(capture.head, changes)
                health.polled(usn, durable=True)
                checkpoints.tend(capture.journal)
                seen, checked = usn, time.monotonic()
                rest_s = pace.after_look(capture.asked_s)
            elif time.monotonic() - checked > settings.check_s:
                capture.check()
                checked = time.monotonic()
            elif beat.due(capture.head, told=capture.told):
                capture.beat()
            if capture.files_are_due and (changes := capture.look_at_files()):
                health.looked(capture.head, changes)
                checkpoints.tend(capture.journal)
            health.files(capture.files_behind)
            if self._is_scrub_due(capture.head):
                health.scrubbed(capture.scrub())
                health.looked(capture.head, 0)
                rest_s = pace.after_look(capture.asked_s)
            health.judged(capture.lineage)
            self._watch(key, journal)
            health.damaged(self._proof.tend(journal, every_s=_SCRUBS.get(settings.scrub)))
            health.stage(CAPTURING)
            self._interrupted.over()
            # the first look is a full one: before it is durable there is nothing to rely on
            notify("READY=1\nWATCHDOG=1")
            self._pause(min(rest_s, capture.files_due_in_s), capture.files_wake)

    def _watch(self, key: KeptKey, journal: Journal) -> None:
        """Say it as long as somebody can bring the key back, or begin another journal of a DC that is well."""
        missed = key.missed(journal)
        self._health.key_missed(missed)
        if missed is None:
            self._key_missed.over()
        else:
            self._key_missed(missed, 0)

    def _check(self, identity: Identity) -> CheckReport:
        store = connections.store(self._config, identity)
        try:
            expected = self._config.journal.id or journal_id(identity)
            found = check_journal(store, connections.key(self._config), expected=expected)
        finally:
            store.close()
        below = damage_below(self._config.store.url)
        return found if below is None else with_damage_below(found, below)

    def _is_scrub_due(self, head: Head) -> bool:
        return head.complete and is_scrub_due(head.scrubbed, self._config.capture.scrub, now=time.time())

    def _waiting(self, error: AdpersistError, wait_s: float) -> None:
        if isinstance(error, VisitedError):
            self._health.stage(error.message)
            log.debug("agent.waited", error=error.message)
        elif isinstance(error, HeldElsewhereError):
            self._health.stage(error.message)
            self._told(error, wait_s)
        else:
            self._health.stage("waiting for the domain controller or the store")
            self._health.troubled(error)
            self._interrupted(error, wait_s)
        # it lives, though what it needs is away
        notify("WATCHDOG=1")

    @contextmanager
    def _connected(self, role: Role) -> Iterator[tuple[DomainController, Capture]]:
        with connections.connected_journal(self._config, self._health) as (dc, journal):
            require_own(dc, journal)
            journal.require_here()
            with self._in_turn(role, journal) as writer:
                folded, self._folded = self._folded, None
                capture = Capture.begin(
                    dc,
                    journal,
                    writer,
                    again=self._held,
                    index=folded[1] if folded and folded[0] == journal.head.digest else None,
                    accept_store_behind=self._accept_store_behind and not self._held,
                    files=connections.local_files(self._config, dc),
                    audit=self._audit_log(journal.head),
                )
                self._held = True
                yield dc, capture

    def _audit_log(self, head: Head) -> AuditFollower | None:
        """The same one again, however often it connects: it knows how far it has read."""
        path = self._config.capture.audit_log
        if path is None or (self._audit is not None and self._audit.path != path):
            self._audit = None
        if path is not None and self._audit is None:
            self._audit = AuditFollower(path, since=head.time)
        return self._audit

    @contextmanager
    def _in_turn(self, role: Role, journal: Journal) -> Iterator[Writer]:
        with lock_file.opened(journal.id) as lock:
            writer = self._writer if role is Role.AGENT else new_writer(role, lock)
            wait_for_visitor(journal.head.writer, writer, lock)
            if not (self._held or self._take_over):
                require_silent(journal.head, beat_s=self._config.agent.beat_s, now=time.time())
            if lock is not None and role is Role.VISITOR:
                lock.hold()
            yield writer


def is_scrub_due(scrubbed: float, every: str, *, now: float) -> bool:
    """Whether all of the directory is to be compared again.

    Args:
        scrubbed: When it was last. Where that is still to come, a clock stood ahead then: nobody waits for that day.
        every: As in the configuration.
        now: Unix seconds.
    """
    every_s = _SCRUBS.get(every)
    return every_s is not None and not 0 <= now - scrubbed < every_s


def _interrupted(error: AdpersistError, wait_s: float) -> None:
    log.warning("agent.interrupted", error=error.message, wait_s=round(wait_s, 2))


def _key_missed(error: AdpersistError, _wait_s: float) -> None:
    log.warning("key.missed", error=error.message, hint=error.hint)


def _places(config: Config) -> tuple[object, ...]:
    """What a configuration connects to."""
    return config.directory, config.store, config.key, config.journal.id
