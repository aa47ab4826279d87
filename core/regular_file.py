"""Files that a configuration names: opened only where they are regular, known by one stamp."""

import errno
import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG

_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its writer


def regular(path: str, flags: int) -> int:
    """The opener for `open(path, …, opener=regular)`: raises OSError for what is no regular file.

    A pipe or a device would keep its reader waiting for ever.
    """
    descriptor = os.open(path, flags | _NO_WAITING)
    mode = os.fstat(descriptor).st_mode
    if S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "no regular file", path)


def read_regular(path: str | Path) -> bytes:
    """All bytes of a regular file; raises OSError."""
    with open(path, "rb", opener=regular) as file:
        return file.read()


def stamp(status: os.stat_result) -> list[int]:
    """What tells that a file was written since: size, time of modification, inode, time of change.

    The time of change (ns, as that of modification) tells a file that was written anew at equal
    size and time.
    """
    return [status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns]


def has_speakable_name(path: str) -> bool:
    """Whether a path is UTF-8: another can be neither stored nor shown as it is."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
