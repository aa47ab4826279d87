import os
from pathlib import Path

import pytest

from core.regular_file import has_speakable_name, read_regular, regular, stamp


def test_a_regular_file_is_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "a"
    with open(file, "w", opener=regular) as opened:
        opened.write("x")
    assert read_regular(file) == b"x"
    assert len(stamp(file.stat())) == 4


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place = Path("/dev/zero")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"no regular file|Is a directory"):
        read_regular(place)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_is_utf_8_or_cannot_be_spoken() -> None:
    assert has_speakable_name("ü.csv")
    assert not has_speakable_name(os.fsdecode(b"\xff.csv"))
