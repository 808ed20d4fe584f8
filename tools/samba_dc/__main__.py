"""The harness as a command: `python -m tools.samba_dc provision|start|kill|stop|revert|status|info ...`.

Exit codes: 0 done (and for `status`: running), 1 failed, 3 not running.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from tools.samba_dc.errors import HarnessError
from tools.samba_dc.golden import Golden
from tools.samba_dc.server import SambaDC

_NOT_RUNNING: Final = 3


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.samba_dc", description="Samba domain controllers for tests.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    provision = verbs.add_parser("provision", help="make a golden image, unless it is there")
    provision.add_argument("directory", type=Path)
    provision.add_argument("--realm", default="SAMDOM.EXAMPLE.COM")
    provision.add_argument("--domain", default="SAMDOM")
    provision.add_argument("--hostname", default="dc1")
    provision.add_argument("--admin-password", help="random when not given")

    start = verbs.add_parser("start", help="start a DC, from the golden image if the directory holds none")
    start.add_argument("directory", type=Path)
    start.add_argument("--golden", type=Path, help="image to copy; a DC that is there knows its own")
    start.add_argument("--address", help="loopback address (127.0.0.11)")
    start.add_argument("--foreground", action="store_true", help="stay; the DC stops with this command")

    for verb, meaning in (
        ("kill", "SIGKILL all of a DC's processes"),
        ("stop", "stop a DC in an orderly way"),
        ("revert", "kill, and put the golden image back; does not start"),
        ("status", "say whether it runs; exit code 3 when not"),
        ("info", "URLs, paths, password"),
    ):
        other = verbs.add_parser(verb, help=meaning)
        other.add_argument("directory", type=Path)
        if verb == "info":
            other.add_argument("--json", action="store_true")
    return parser


def _facts(dc: SambaDC) -> dict[str, object]:
    return {
        "running": dc.running,
        "pid": dc.pid,
        "directory": str(dc.directory),
        "golden": str(dc.golden.directory),
        "address": dc.address,
        "realm": dc.names.realm,
        "domain": dc.names.domain,
        "fqdn": dc.names.fqdn,
        "base_dn": dc.base_dn,
        "ldapi_url": dc.ldapi_url,
        "ldapi_url_quoted": dc.ldapi_url_quoted,
        "ldapi_anonymous_url": dc.ldapi_anonymous_url,
        "ldap_url": dc.ldap_url,
        "ldaps_url": dc.ldaps_url,
        "ca_file": str(dc.ca_file),
        "admin_user": dc.admin_user,
        "admin_password": dc.admin_password,
        "private_dir": str(dc.private_dir),
        "smb_conf": str(dc.smb_conf),
        "krb5_conf": str(dc.krb5_conf),
        "command": dc.command(),
    }


def _start(directory: Path, golden: Path | None, address: str | None, *, foreground: bool) -> int:
    if golden is None:
        dc = SambaDC.load(directory)
        dc.address = address or dc.address
    else:
        dc = SambaDC(Golden.load(golden), directory, address=address or "127.0.0.11")
    dc.start(detached=not foreground)
    print(f"{dc.names.fqdn} runs on {dc.address} (process {dc.pid}): {dc.ldapi_url}", flush=True)
    if not foreground:
        return 0

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    with dc:
        try:
            return dc.wait()
        except KeyboardInterrupt:
            return 0


def main() -> int:
    """Run one command; its exit code."""
    given = _arguments().parse_args()
    try:
        if given.verb == "provision":
            golden = Golden.provision(
                given.directory,
                realm=given.realm,
                domain=given.domain,
                hostname=given.hostname,
                admin_password=given.admin_password,
            )
            print(f"golden image of {golden.names.fqdn} in {golden.directory}")
            return 0
        if given.verb == "start":
            return _start(given.directory, given.golden, given.address, foreground=given.foreground)
        dc = SambaDC.load(given.directory)
        match given.verb:
            case "kill":
                dc.kill()
            case "stop":
                dc.stop()
            case "revert":
                dc.revert()
            case "status":
                print(f"running (process {dc.pid})" if dc.running else "not running")
                return 0 if dc.running else _NOT_RUNNING
            case "info":
                facts = _facts(dc)
                lines = (f"{name}: {value}" for name, value in facts.items())
                print(json.dumps(facts, indent=2) if given.json else "\n".join(lines))
    except HarnessError as error:
        print(f"samba_dc: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
