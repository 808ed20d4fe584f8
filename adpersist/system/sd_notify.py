"""Telling systemd how the service fares (sd_notify(3)); silent where systemd does not listen."""

import os
import socket
from contextlib import suppress


def notify(message: str) -> None:
    """Send ``READY=1``, ``STATUS=...``, ``WATCHDOG=1`` or ``STOPPING=1`` to the service manager.

    A service manager that is away is no reason to stop capturing: sd_notify(3) has callers ignore failures.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), target)
