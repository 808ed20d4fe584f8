"""Everything as it is on the disk now: what a plan, a proof or a person compares with."""

from collections.abc import Callable

from adpersist.directory.samba.local_databases import LocalDatabaseError
from adpersist.files.local_files import LocalFiles
from adpersist.files.looking.file_look import FileLook
from adpersist.files.looking.reading import REST_NS
from adpersist.model.files.file_changes import Files

_TRIES = 40


def files_now(
    files: LocalFiles, pause: Callable[[float], None], *, needs_databases: bool = True
) -> tuple[Files, dict[str, str]]:
    """Every file and entry, once those that were written to just now rest; and what could not be read, by path.

    Args:
        pause: Waits so many seconds.
        needs_databases: False: where they cannot be read, the reason is among the paths, as :data:`DATABASES_PATH`.

    Raises:
        LocalDatabaseError: What lies in the databases cannot be told.
    """
    look = FileLook(files, {})
    for _ in range(_TRIES):
        for _told in look.news(lambda: None):
            pass  # content is read for its digest alone
        look.told_all()
        if look.unread and needs_databases:
            raise LocalDatabaseError(look.unread)
        if not look.unrested:
            break
        pause(REST_NS / 1_000_000_000)
    return look.known, look.not_captured
