"""Which files there are, and how each relates to what was read before.

A file is known by its content, not by its name: a log that was renamed or
copied away and begun anew keeps its account under its new path.
"""

import glob
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from core.errors import LogFormatError
from core.foreign_text import storable
from core.regular_file import has_speakable_name, stamp
from core.tailing.files import LogFile
from core.tailing.fingerprint import Fingerprint
from core.tailing.stream import ContentChanged, open_after

_MAGIC = "*?["
NAME_REMEDY = "its name is not UTF-8; rename it"


class Change(StrEnum):
    """What became of a path since it was last read."""

    NEW = "new"
    GROWN = "grown"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Finding:
    """A path to be read; `file` is its record, absent where it is new."""

    path: str
    change: Change
    file: LogFile | None
    stat: list[int]


@dataclass(slots=True)
class Survey:
    """What is to be done, in the order of paths."""

    to_read: list[Finding] = field(default_factory=list)
    unchanged: list[LogFile] = field(default_factory=list)
    renamed: dict[int, str] = field(default_factory=dict)  # record → path
    problems: dict[str, str] = field(default_factory=dict)  # path or pattern → sentence


def find_paths(patterns: Iterable[str], section: str) -> tuple[list[str], dict[str, str]]:
    """Files that match, each once, in order; a sentence for every pattern without a file."""
    paths: dict[str, str] = {}
    problems: dict[str, str] = {}
    for pattern in patterns:
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches and os.path.lexists(pattern):
            matches = [pattern]  # a name that looks like a pattern
        if not matches:
            what = "no file matches" if any(sign in pattern for sign in _MAGIC) else "no such file"
            problems[pattern] = f"{pattern}: {what}; check paths under {section}"
        for path in matches:
            if not has_speakable_name(os.path.abspath(path)):
                problems[storable(path)] = f"{storable(path)}: {NAME_REMEDY}"
                continue
            paths.setdefault(os.path.realpath(path), os.path.abspath(path))
    return sorted(paths.values()), problems


def survey(patterns: Iterable[str], known: Mapping[str, LogFile], section: str) -> Survey:
    """Compare the files that are there with the records of what was read.

    section: where the configuration names the patterns, for sentences.
    """
    paths, problems = find_paths(patterns, section)
    result = Survey(problems=problems)
    open_paths: dict[str, list[int]] = {}
    homeless = {
        file.id: file for path, file in known.items() if path not in paths and not _exists(path)
    }
    for path in paths:
        _look(path, known.get(path), result, open_paths, homeless)
    _find_homes(result, open_paths, homeless, known)
    result.to_read.sort(key=lambda finding: finding.path)
    return result


def _look(
    path: str,
    file: LogFile | None,
    result: Survey,
    open_paths: dict[str, list[int]],
    homeless: dict[int, LogFile],
) -> None:
    """One path: unchanged, grown, or with a content that is not its record's."""
    try:
        status = os.stat(path)
        stat = stamp(status)
        if not S_ISREG(status.st_mode):  # a pipe would keep its reader waiting for ever
            kind = "a folder" if S_ISDIR(status.st_mode) else "no regular file"
            result.problems[path] = f"{path}: {kind} where a log file was expected"
        elif file is None:
            open_paths[path] = stat
        elif file.state.get("stat") == stat:
            result.unchanged.append(file)
        elif _still_holds(path, file, whole=_is_other(file.state.get("stat"), stat)):
            result.to_read.append(Finding(path, Change.GROWN, file, stat))
        else:
            open_paths[path] = stat
            homeless[file.id] = file
    except (OSError, LogFormatError) as error:
        result.problems[path] = _sentence(path, error)


def _find_homes(
    result: Survey,
    open_paths: dict[str, list[int]],
    homeless: dict[int, LogFile],
    known: Mapping[str, LogFile],
) -> None:
    """Give records whose content is elsewhere now their new path; the rest is new or replaced."""
    taken: dict[str, LogFile] = {}
    for file in sorted(homeless.values(), key=lambda file: (-file.offset, file.path)):
        home = file.offset and next(
            (
                path
                for path in sorted(open_paths)
                if path not in taken and path != file.path and _holds(path, file)
            ),
            None,
        )
        if home:
            taken[home] = file
            result.renamed[file.id] = home
            result.to_read.append(Finding(home, Change.GROWN, file, open_paths[home]))
    for path, stat in open_paths.items():
        if path in taken:
            own = known.get(path)
            if own is not None and own.id not in result.renamed:
                result.renamed[own.id] = f"{path} (gone, {own.id})"
            continue
        own = known.get(path)
        if own is None or own.id in result.renamed:
            result.to_read.append(Finding(path, Change.NEW, None, stat))
        else:
            result.to_read.append(Finding(path, Change.REPLACED, own, stat))


def _is_other(read: list[int] | None, stat: list[int]) -> bool:
    """Whether more than an append may have become of a file: another inode, or nothing grew."""
    return read is None or read[2] != stat[2] or read[0] == stat[0]


def _exists(path: str) -> bool:
    return os.path.lexists(path)


def _holds(path: str, file: LogFile) -> bool:
    try:
        return _still_holds(path, file, whole=True)
    except (OSError, LogFormatError):
        return False


def _still_holds(path: str, file: LogFile, *, whole: bool) -> bool:
    """Whether the file still begins with what was read of the record's content."""
    content = Fingerprint.from_document(file.state.get("content"))
    turn = int(file.state.get("looks", 0))
    try:
        open_after(Path(path), content, file.offset, whole=whole, turn=turn).close()
    except ContentChanged:
        return False
    return True


def _sentence(path: str, error: Exception) -> str:
    if isinstance(error, LogFormatError):
        return str(error)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{path}: cannot be read: {reason}"
