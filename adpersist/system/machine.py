"""Which machine this is: the same after it was put back to an image of itself, another one when it was cloned."""

import hashlib
import re
from pathlib import Path
from typing import Final

_FIRMWARE: Final = (
    Path("/sys/class/dmi/id/product_uuid"),  # SMBIOS: a hypervisor keeps it for a machine, and gives a clone its own
    Path("/proc/device-tree/vm,uuid"),  # POWER
    Path("/sys/hypervisor/uuid"),  # Xen
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def machine_id() -> str:
    """16 hex digits made of what the firmware, or the hypervisor, calls this machine; empty where it does not say.

    The files below /etc do not serve: an image brings its own, or has each start make a new one.
    """
    for place in _FIRMWARE:
        try:
            found = _UUID.match(place.read_text(encoding="ascii", errors="replace").strip())
        except OSError:
            continue
        if found and len(set(found[0].replace("-", ""))) > 1:  # all zero or all F: not set
            return hashlib.sha256(found[0].lower().encode()).hexdigest()[:16]
    return ""
