"""Something a rule found. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adpersist.reading.rfc3339 import rfc3339


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"

    @property
    def rank(self) -> int:
        """The lower, the sooner."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is watched for.

    Attributes:
        name: Stands in configurations and machines' words.
        severity: How soon somebody should look.
        words: What it means when it fires, one sentence.
        technique: MITRE ATT&CK's number for what it may be; empty: none.
    """

    name: str
    severity: Severity
    words: str
    technique: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule fired.

    Attributes:
        seq: In which commit.
        time: Unix seconds of it.
        guid, dn: About which object; empty where it is about none.
        detail: What it was, with names and never with a secret.
        dcs: Which DCs wrote it.
        who: Who wrote it, where that is known: see :mod:`adpersist.reading.past.writers`.
        occasion: Tells two apart that are about no commit.
    """

    rule: Rule
    seq: int
    time: float
    guid: str = ""
    dn: str = ""
    detail: str = ""
    dcs: tuple[str, ...] = ()
    who: Mapping[str, Any] | None = None
    occasion: str = ""

    @property
    def id(self) -> str:
        """The same for the same rule, object and commit, whoever finds it and however often."""
        return hashlib.sha256(f"{self.rule.name} {self.guid} {self.seq} {self.occasion}".encode()).hexdigest()[:20]

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "id": self.id,
            "rule": self.rule.name,
            "severity": str(self.rule.severity),
            "what": self.rule.words,
            "technique": self.rule.technique or None,
            "seq": self.seq,
            "time": rfc3339(self.time),
            "guid": self.guid or None,
            "dn": self.dn or None,
            "detail": self.detail,
            "dcs": list(self.dcs),
            "who": dict(self.who) if self.who else None,
        }
