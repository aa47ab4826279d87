"""Small batches put together, so that quick frames are not stored one by one."""

from collections.abc import Callable, Iterable, Iterator

from core.errors import PipelineError
from core.recompute.recomputed import Collected

GATHER_S = 0.5


def gathered(
    batches: Iterable[Collected], monotonic: Callable[[], float], *, wait_s: float = GATHER_S
) -> Iterator[Collected]:
    """The same rows in batches of what came within `wait_s`, at least one batch each.

    What came before a PipelineError is handed on before it is raised.
    """
    held = Collected()
    since = monotonic()
    try:
        for batch in batches:
            held.merge(batch)
            if monotonic() - since >= wait_s:
                yield held
                held, since = Collected(), monotonic()
    except PipelineError:
        yield held
        raise
    yield held
