"""The content read so far, as digests of its blocks: recognises a file that was replaced."""

import hashlib
from collections.abc import Mapping
from typing import Any

BLOCK = 4 * 2**20
_SMALL = 4  # blocks; a file up to here is always checked wholly


class Fingerprint:
    """Digests of every BLOCK bytes of a log, the last one of what it holds so far."""

    def __init__(self) -> None:
        self.length = 0
        self._digests: list[str] = []  # of full blocks
        self._partial = _digest()

    def update(self, offset: int, data: bytes) -> None:
        """Add the bytes at `offset`; what is known already is passed over."""
        view = memoryview(data)[self.length - offset :]
        while view:
            room = BLOCK - self.length % BLOCK
            part, view = view[:room], view[room:]
            self._partial.update(part)
            self.length += len(part)
            if len(part) == room:
                self._digests.append(self._partial.hexdigest())
                self._partial = _digest()

    def blocks_to_check(self, *, whole: bool, turn: int) -> list[int]:
        """Which blocks to look at again: all, or head, end and one other in turn."""
        count = -(-self.length // BLOCK)
        if whole or count <= _SMALL:
            return list(range(count))
        return sorted({0, 1 + turn % (count - 2), count - 2, count - 1})

    def matches(self, block: int, data: bytes) -> bool:
        """Whether `data` is that block. Of the last one, goes on from there."""
        seen = _digest(data)
        if block < len(self._digests):
            return self._digests[block] == str(seen.hexdigest())
        is_same = str(self._partial.hexdigest()) == str(seen.hexdigest())
        if is_same:
            self._partial = seen
        return is_same

    def document(self) -> dict[str, Any]:
        """The stored form (JSON)."""
        return {
            "length": self.length,
            "blocks": self._digests.copy(),
            "partial": self._partial.hexdigest(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Fingerprint":
        """As stored; `matches` on the last block has to be called before it can grow."""
        fingerprint = cls()
        if document:
            fingerprint.length = document["length"]
            fingerprint._digests = list(document["blocks"])
            if fingerprint.length % BLOCK:
                fingerprint._partial = _Stored(document["partial"])
        return fingerprint

    def go_on_from(self, seen: "Fingerprint") -> bool:
        """Take over the content that was read again; False when it is another."""
        is_same = self.document() == seen.document()
        if is_same:
            self._partial = seen._partial
        return is_same


class _Stored:
    """A digest whose content is not at hand."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def hexdigest(self) -> str:
        return self._digest

    def update(self, _data: Any) -> None:
        raise RuntimeError("the last block has to be read again before more can be added")


def _digest(data: bytes = b"") -> Any:
    return hashlib.sha256(data)
