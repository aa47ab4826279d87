"""The worker process: takes calls from standard input, answers on standard output, one by one.

Started as a script by WorkerPool. The trader's prints go to the error stream,
memory is limited, and the process ends with the one that started it. An answer is JSON and
raw arrays, so that nothing the trader's code made is ever unpickled, and names its call: what
another process says (a child that the trader's code forked) belongs to none.
"""

import ctypes
import importlib
import json
import os
import pickle
import struct
import sys
import threading
import time
from typing import Any, BinaryIO

HEADER = struct.Struct("<Q")
READY = b"ready"
ARRAY = "\0array"  # the key that marks an array in a header; no feature's name holds a NUL
_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main(memory_limit_mb: int, root: str) -> None:
    calls, answers = _private_streams()
    _limit_memory(memory_limit_mb)
    _adopt_orphans()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.path.insert(0, root)
    task_module = importlib.import_module("core.recompute.frame_task")
    functions: dict[str, Any] = {"core.recompute.frame_task:run_frame": task_module.run_frame}
    _send(answers, READY)
    while (message := _receive(calls)) is not None:
        token, name, args, kwargs = pickle.loads(message)  # ours: the collector wrote it
        process = os.getpid()
        outcome, value = _run(functions, name, args, kwargs)
        if os.getpid() != process:
            os._exit(0)  # a child that the call forked: only its parent may answer
        try:
            answer = encode(token, outcome, value)
        except (TypeError, ValueError) as error:
            answer = encode(token, "raised", f"{type(error).__name__}: {error}")
        _send(answers, answer)


def encode(token: str, outcome: str, value: Any) -> bytes:
    """An answer: the length of a JSON header, the header, the arrays' bytes one after another."""
    arrays: list[Any] = []

    def array_number(value: Any) -> dict[str, Any]:
        if not hasattr(value, "tobytes") or not hasattr(value, "dtype"):
            raise TypeError(f"{type(value).__name__} is no answer of a worker")
        arrays.append(value)
        return {ARRAY: [value.dtype.str, list(value.shape)]}

    header = json.dumps([token, outcome, value], default=array_number).encode()
    return b"".join((HEADER.pack(len(header)), header, *(array.tobytes() for array in arrays)))


def _run(functions: dict[str, Any], name: str, args: Any, kwargs: Any) -> tuple[str, Any]:
    """Run one call: ("done", value) or ("raised", sentence)."""
    try:
        if name not in functions:
            module, _, attribute = name.partition(":")
            functions[name] = getattr(importlib.import_module(module), attribute)
        return "done", functions[name](*args, **kwargs)
    except BaseException as error:
        return "raised", f"{type(error).__name__}: {error}"


def _adopt_orphans() -> None:
    """Let what a child leaves behind be ours, so that ending the worker finds all of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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
