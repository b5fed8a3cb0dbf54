"""Work by several threads that do not run away from whoever takes its results."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def ahead(work: Callable[[_T], _R], items: Iterable[_T], *, parallel: int) -> Generator[_R]:
    """The results of `work`, in the order of `items`; close it to end early.

    Twice as much as there are threads is done or waits at a time: where one result is slow to come,
    the others do not pile up in memory.

    Raises:
        Exception: what `work` raises, in place of its result.
    """
    waiting: deque[Future[_R]] = deque()
    pool = ThreadPoolExecutor(parallel)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == 2 * parallel:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
