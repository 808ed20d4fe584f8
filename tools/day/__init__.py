"""A day in a directory, for the demo, tests and benchmarks: what a company's people do to a domain controller.

`found` gives a DC the state its golden image is taken in; `live` is the day that a revert to that image would lose. All
of it goes the way administrators, users and machines go: samba-tool, ldapmodify and kpasswd over the network. The
standard library and the harness only: what adpersist has to bring back must not be made with its own code.

    company = found(dc)
    dc.stop()
    golden = dc.take_golden(...)
    ...
    diary = live(dc, hires=100)
    diary.logins, diary.refused, diary.gone     # what must be true afterwards, and after a restore
"""

from tools.day.company import first_password, found
from tools.day.diary import Diary, Login
from tools.day.events import EVENTS, live
from tools.day.hands import Hands

__all__ = ["EVENTS", "Diary", "Hands", "Login", "first_password", "found", "live"]
