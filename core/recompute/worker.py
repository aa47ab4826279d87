"""The worker process: takes calls from standard input, answers on standard output, one by one.

Started as a script by WorkerPool. The trader's prints go to the error stream,
memory is limited, and the process ends with the one that started it.
"""

import importlib
import os
import pickle
import struct
import sys
import threading
import time
from typing import Any, BinaryIO

HEADER = struct.Struct("<Q")
READY = b"ready"


def main(memory_limit_mb: int, root: str) -> None:
    calls, answers = _private_streams()
    _limit_memory(memory_limit_mb)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.path.insert(0, root)
    task_module = importlib.import_module("core.recompute.frame_task")
    functions: dict[str, Any] = {"core.recompute.frame_task:run_frame": task_module.run_frame}
    _send(answers, READY)
    while (message := _receive(calls)) is not None:
        _send(answers, _answer(functions, message))


def _answer(functions: dict[str, Any], message: bytes) -> bytes:
    """Run one call; the answer is ("done", value) or ("raised", sentence)."""
    name, args, kwargs = pickle.loads(message)
    try:
        if name not in functions:
            module, _, attribute = name.partition(":")
            functions[name] = getattr(importlib.import_module(module), attribute)
        return pickle.dumps(("done", functions[name](*args, **kwargs)))
    except BaseException as error:
        return pickle.dumps(("raised", f"{type(error).__name__}: {error}"))


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for us; what anyone prints or reads goes elsewhere."""
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return calls, answers


def _limit_memory(limit_mb: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    limit = limit_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with(parent: int) -> None:
    """End when the collector is gone, even out of an endless loop."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _receive(stream: BinaryIO) -> bytes | None:
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    message = stream.read(size)
    return message if len(message) == size else None


def _send(stream: BinaryIO, message: bytes) -> None:
    stream.write(HEADER.pack(len(message)) + message)
    stream.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
