"""How many CPU cores there are for this process."""

import os


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler or a container may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
