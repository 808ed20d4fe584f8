"""The journal: whether it opens, whether this DC is the one it was taken from, and whether somebody captures."""

import time
from collections.abc import Iterator
from math import inf
from typing import Final

from adpersist.agent.doctor.finding import Finding, bad, note, ok, warning
from adpersist.agent.image import DAY_S, image_age
from adpersist.config import Config
from adpersist.directory.domain_controller import DomainController
from adpersist.directory.lineage.proof import lineage_of, unfinished_restore
from adpersist.journal.holder import is_held
from adpersist.journal.journal import Journal
from adpersist.model.journal.lineage import Verdict
from adpersist.reading.fleet import Standing, Terms, judged
from adpersist.restore.image_age import limit_days

JOURNAL: Final = "journal"
LINEAGE: Final = "lineage"
AGENT: Final = "agent"
IMAGE: Final = "image"

_MISSED_BEATS: Final = 3
_START: Final = "systemctl start adpersist.service, and see `journalctl -u adpersist.service` for why it ended."


def examine_journal(config: Config, dc: DomainController | None, journal: Journal) -> Iterator[Finding]:
    """Without a controller, what can be told all the same. Raises: StoreError, DirectoryError, IntegrityError."""
    head = journal.head
    yield ok(JOURNAL, f"journal {journal.id} opens with the key; {head.seq} commits, timeline {head.timeline}")
    if dc is not None:
        yield _lineage(dc, journal)
    yield _agent(config, journal)
    if dc is not None:
        yield _image(config, dc, journal)


def _lineage(dc: DomainController, journal: Journal) -> Finding:
    lineage = lineage_of(dc, journal)
    if lineage.verdict is Verdict.SAME:
        lineage = unfinished_restore(journal.head) or lineage
    says = f"{lineage.verdict}: {lineage.evidence}"
    if lineage.verdict is Verdict.SAME:
        return ok(LINEAGE, says)
    if lineage.verdict is Verdict.REVERTED:
        return bad(LINEAGE, says, "adpersist guard")
    return bad(LINEAGE, says, "adpersist status; docs/lineage.md says what follows.")


def _agent(config: Config, journal: Journal) -> Finding:
    head, beat_s = journal.head, config.agent.beat_s
    standing, why = judged(head, Terms(keys=(), now=time.time(), silent_after_s=_MISSED_BEATS * beat_s))
    who = f"{head.writer.pid}@{head.writer.host}"
    if standing in (Standing.SILENT, Standing.CLOCK, Standing.BROKEN_OFF):
        return bad(AGENT, why, _START)
    if standing is not Standing.WELL:
        return note(AGENT, why)
    if not is_held(head.writer):
        return note(AGENT, f"nobody holds the journal; the last one was {who}", _START)
    if beat_s == inf:
        return note(
            AGENT, f"{who} holds the journal; [agent] beat is off, so whether it lives only `status` there tells"
        )
    return ok(AGENT, f"{who} holds the journal and was heard of {max(time.time() - head.time, 0):.0f} s ago")


def _image(config: Config, dc: DomainController, journal: Journal) -> Finding:
    found = image_age(journal.head, time.time())
    mend = "Take a new one, and `adpersist image mark` right before."
    if found is None:
        return note(IMAGE, "nobody noted when the machine's image was taken", mend)
    age_days, limit = found.age_s / DAY_S, limit_days(config.restore.max_age_days, dc.tombstone_days())
    says = f"the machine's image is {age_days:.1f} days old, and {found.commits} commits behind"
    if age_days > limit:
        return warning(IMAGE, f"{says}: older than {limit:g} days, a guard asks before it heals from it", mend)
    return ok(IMAGE, says)
