"""The demo as a command; `tools/demo` calls it.

Exit codes: 0 every proof holds, 1 one does not, 2 it could not be played to the end.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from tools.demo_day.product import ProductError
from tools.demo_day.report import document, show
from tools.demo_day.story import Stage
from tools.samba_dc import HarnessError

_PLAIN_WIDTH: Final = 150
_NOT_PLAYED: Final = 2


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/demo",
        description="A Samba domain controller lives through a day, loses it to a revert, and gets it back.",
        epilog="`tools/demo --samba 4.22`, with other options behind, plays it on Debian 13 (see tools/with_samba).",
    )
    parser.add_argument("--users", type=int, default=100, metavar="N", help="how many people join that day (100)")
    parser.add_argument("--keep", action="store_true", help="leave databases, journal and logs behind, and say where")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def main() -> int:
    """Play it; the exit code."""
    given = _arguments().parse_args()
    if given.users < 1:
        _arguments().error("--users must be 1 at least")
    console = Console(
        stderr=given.json, width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False, soft_wrap=False
    )
    # Directly below /tmp: the paths of the DC's Unix sockets must be short, whatever TMPDIR says.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = Path(tempfile.mkdtemp(prefix="adp-demo-", dir="/tmp"))
    try:
        stage = Stage(place, hires=given.users, tell=lambda line: console.print(Text(line)))
        story = stage.play()
    except (HarnessError, ProductError) as error:
        console.print(Text(f"The demo could not go on: {error}", style="bold red"))
        return _NOT_PLAYED
    except KeyboardInterrupt:
        console.print(Text("Stopped."))
        return _NOT_PLAYED
    finally:
        if given.keep:
            console.print(Text(f"Everything is left in {place}"))
        else:
            shutil.rmtree(place)
    if given.json:
        print(json.dumps(document(story), indent=2, ensure_ascii=False))
    else:
        show(story, console)
    return 0 if story.holds else 1


if __name__ == "__main__":
    sys.exit(main())
