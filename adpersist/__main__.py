"""The process edge: errors become sentences and exit codes; a traceback never reaches a person."""

import errno
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from adpersist.errors import AS_ROOT, AdpersistError, ConfigError, ExitCode, OutputError

DEBUG_VARIABLE = "ADPERSIST_DEBUG"
_SCARCE = frozenset((errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN))
"""Memory, room on a disk, files, processes."""
_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def main() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as of a script's background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from adpersist.system import standard_streams  # loaded, like most, once that is so

    standard_streams.settle()
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run one command; returns its exit code, once what it said is written."""
    code = _ended(words)
    try:
        sys.stdout.flush()
    except OutputError as error:
        from adpersist.cli.output import failure

        failure(error, as_json=False)  # where it would stand is what cannot be written
        return code or int(error.exit_code)
    return code


@contextmanager
def _interruptible() -> Iterator[None]:
    """In this block alone Ctrl-C is an exception: before it nothing was begun, and behind it all is said.

    Elsewhere it ends the process at once, where :func:`main` has seen to that.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _ended(words: list[str]) -> int:
    gc.disable()
    from typer.exceptions import Abort, TyperException

    from adpersist.cli.app import app
    from adpersist.cli.output import failure

    gc.freeze()  # what was imported stays: to sweep it takes a tenth of a command's start, and a part of every sweep
    gc.enable()
    as_json = "--json" in words
    try:
        with _interruptible():
            result = app(words, prog_name="adpersist", standalone_mode=False)
        if result == _INTERRUPTED:
            raise KeyboardInterrupt
    except AdpersistError as error:
        failure(error, as_json=as_json)
        return int(error.exit_code)
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("adpersist: stopped\n")
        return int(ExitCode.FAILURE)
    except TyperException as error:
        said, asked = error.format_message(), getattr(error, "ctx", None)
        if said.startswith("Usage: "):  # nothing was asked for: this is the help
            sys.stderr.write(f"{said}\n")
            return int(ExitCode.USAGE)
        command = asked.command_path if asked is not None else "adpersist"
        failure(ConfigError(said, hint=f"`{command} --help` lists what there is."), as_json=as_json)
        return int(ExitCode.USAGE)
    except Exception as error:  # noqa: BLE001 - the process edge: nobody is above to handle it
        if os.environ.get(DEBUG_VARIABLE):
            import traceback

            traceback.print_exc()
        failure(unforeseen(error), as_json=as_json)
        return int(ExitCode.FAILURE)
    return result if isinstance(result, int) else int(ExitCode.OK)


def unforeseen(error: Exception) -> AdpersistError:
    """What is said of an error nobody made a sentence of; that a machine has too little of something is no defect."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if number in _SCARCE:
        return AdpersistError(
            f"this machine has too little of something: {os.strerror(number)}",
            hint="Nothing acknowledged is lost. `df`, `free` and `ulimit -a` show what there is; run the same command "
            "again once there is more.",
        )
    if isinstance(error, PermissionError):
        place = f" {error.filename}" if error.filename else ""
        return AdpersistError(f"this user may not get at{place or ' something'}: {error.strerror}", hint=AS_ROOT)
    words = " ".join(str(error).split()) or "no further word"
    return AdpersistError(
        f"an unexpected {type(error).__name__}: {words}",
        hint=f"This is a defect in adpersist. {DEBUG_VARIABLE}=1 shows where; nothing acknowledged is lost.",
    )


if __name__ == "__main__":
    main()
