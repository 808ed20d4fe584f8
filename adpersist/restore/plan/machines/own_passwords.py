"""The passwords that a DC's own account had: others hold tickets under them, which its keytab must open. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.objects.change import Change, Stamp, Values
from adpersist.model.objects.directory_time import since_1601
from adpersist.model.objects.object_state import ObjectState
from adpersist.model.plan.replicated import MachinePassword

_HASH: Final = "unicodePwd"
_CREDENTIALS: Final = "supplementalCredentials"
_A_TICKET_LIVES_S: Final = 7 * 86_400
"""Renewed for as long as Samba's KDC does it unless smb.conf says otherwise (`kdc:renewal lifetime`)."""


class OwnPasswords:
    """What the journal tells of them.

    Args:
        account: objectGUID of the account; None: nobody asks.
    """

    def __init__(self, account: Guid | None) -> None:
        self._account = account
        self._told: dict[Seq, list[Change]] = {}

    def of(self, seq: Seq, changes: Iterable[Change]) -> None:
        """Take in what a commit tells; commits may come in any order."""
        told = [change for change in changes if change.guid == self._account and _HASH in change.stamps]
        if told:
            self._told[seq] = told

    def lately(self, item: ObjectState | None, now: float) -> tuple[MachinePassword, ...]:
        """Those that a ticket may still be under, the newest first.

        Args:
            item: The account as it is to be; None: the journal has none.
            now: Unix seconds.
        """
        if item is None:
            return ()
        known = {stamp.version: (stamp, values) for stamp, values in self._had(item)}
        replaced, found = None, []
        for number, (stamp, values) in sorted(known.items(), reverse=True):
            if replaced is None or replaced + _A_TICKET_LIVES_S >= since_1601(now):
                credentials = values.get(_CREDENTIALS, (b"",))
                found.append(
                    MachinePassword(
                        account=item.guid,
                        number=number,
                        nt_hash=values[_HASH][0],
                        credentials=credentials[0] if credentials else b"",
                    )
                )
            replaced = stamp.time
        return tuple(found)

    def _had(self, item: ObjectState) -> Iterator[tuple[Stamp, dict[str, Values]]]:
        values: dict[str, Values] = {}
        for seq in sorted(self._told):
            for change in self._told[seq]:
                # one that was only said once more, under another number, comes without its values
                values |= {name: change.values[name] for name in (_HASH, _CREDENTIALS) if name in change.values}
                if values.get(_HASH):
                    yield change.stamps[_HASH], dict(values)
        if _HASH in item.stamps and item.values.get(_HASH):
            yield item.stamps[_HASH], {name: item.values[name] for name in (_HASH, _CREDENTIALS) if name in item.values}
