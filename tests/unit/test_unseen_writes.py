"""What an image of a moment between two looks holds is no local write: the journal saw the same DC write over it."""

import pytest

from adpersist.model.identity.ids import Guid, Usn
from adpersist.model.objects.change import Stamp
from adpersist.model.objects.stamps import Written
from adpersist.restore.conflicts.unseen_writes import UnseenWrites

ADA, OWN, PARTNER = (Guid(bytes([number]) * 16) for number in (1, 2, 3))
LOOK, THEN = Usn(100), 13_400_000_000
"""The DC's USN at the last look it remembers, and seconds since 1601 of a moment after it."""


def write(version: int, usn: int, after_s: int, origin: Guid = OWN) -> Written:
    return Written(
        attid=1, stamp=Stamp(version=version, time=THEN + after_s, origin=origin, usn=Usn(usn)), local_usn=Usn(usn)
    )


CAPTURED = write(2, 103, 5).stamp


@pytest.mark.parametrize(
    ("found", "is_local"),
    [
        (write(1, 101, 5), False),
        (write(1, 101, 0), False),
        (write(2, 102, 60), True),
        (write(1, 102, 60), True),  # whatever its version: the DC wrote it once it was put back
        (write(3, 110, 60), True),
        (write(1, 104, 5), True),  # a number it gave after the one that was captured
        (write(1, 101, 0, PARTNER), True),
    ],
    ids=["the same second", "before", "later", "of a version before", "newest", "numbered later", "somebody else's"],
)
def test_a_write_that_the_same_dc_wrote_over_before_it_was_put_back_is_no_local_one(
    found: Written, is_local: bool
) -> None:
    unseen = UnseenWrites(since=0.0, usn=LOOK, invocation=OWN, recorded={ADA: {"name": [CAPTURED]}})
    assert unseen.is_one(ADA, "name", found, stamped=True) is is_local
