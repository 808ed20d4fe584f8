"""What the system says of a disk that is full, fails, went read-only or is away, and of files and memory it has too
little of: that may pass, and no configuration is to blame for it."""

import errno
from typing import Final

PASSES: Final = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN),
        *(
            errno.ESTALE,
            errno.ENOTCONN,
            errno.ETIMEDOUT,
            errno.EHOSTDOWN,
            errno.EHOSTUNREACH,
            errno.ENODEV,
            errno.ENXIO,
        ),
    )
)
"""Error numbers."""
