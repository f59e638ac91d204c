"""Threads for kernels: they release the GIL, so plain Python threads run them side by side.

Not numba's own threading: its OpenMP layer spins and is fatal after a fork, its other layer aborts when two Python
threads use it at once, and torch brings an OpenMP of its own.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from splatsmith.base.cores import usable_cores


def set_threads(count: int) -> None:
    """Use this many threads from now on, the calling one included. Results do not depend on it, bit for bit."""
    global _threads
    if count < 1:
        raise ValueError(f"threads: expected at least 1, got {count}")
    _threads = count


def get_threads() -> int:
    """Threads in use: what `set_threads` said, else one for every core that this process may run on."""
    return _threads


def run_ranges(kernel: Callable, size: int, chunk: int, *arguments: object) -> None:
    """Call `kernel(*arguments, start, stop)` for 0..size in ranges of `chunk`, each taken by the next free thread.

    The ranges do not depend on the number of threads: with fast-math, an element may round differently in the remainder
    of a vectorised loop than in its body, so moving the borders would move the results.
    """
    starts = itertools.count(0, chunk)  # next() on it is atomic

    def work() -> None:
        for start in starts:
            if start >= size:
                return
            kernel(*arguments, start, min(start + chunk, size))

    helpers = min(_threads, -(-size // chunk)) - 1
    if helpers < 1:
        work()
        return
    futures = [_executor(os.getpid(), _threads).submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        for future in futures:  # even after an error here: they still write into the arguments
            future.exception()
    for future in futures:
        future.result()


@lru_cache(maxsize=1)
def _executor(pid: int, threads: int) -> ThreadPoolExecutor:
    """Threads do not survive a fork, hence a pool for each process id."""
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="splatsmith-render")


_threads = usable_cores()
