"""Texts that others wrote, such as errors and names of files: fit to be stored, shown and read."""

import os
from collections.abc import Callable
from typing import Any

LONGEST = 500  # characters of an error that a reader still reads


def storable(text: str) -> str:
    """The text without what no database and no terminal takes; a NUL becomes ␀."""
    return without_surrogates(text).replace("\0", "␀")


def without_surrogates(text: str) -> str:
    r"""The text with each lone surrogate as what it stands for.

    That is the escaped byte of a file's name that is not UTF-8 (\xff), else its own escape
    (\ud800).
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(text).decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            return text.encode("utf-8", "backslashreplace").decode()
    return text


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON document with every text in it changed, names among them; other values stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        pairs = value.items()
        return {every_text(name, change): every_text(entry, change) for name, entry in pairs}
    if isinstance(value, (list, tuple)):
        return [every_text(entry, change) for entry in value]
    return value


def cut_short(text: str, longest: int = LONGEST) -> str:
    """The storable text's first characters, with … where more follow."""
    return storable(text[:longest]) + ("…" if len(text) > longest else "")
