"""How much memory this process took at most."""

import resource
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """Largest resident size of the process so far, in bytes.

    Linux lets `getrusage` begin with the peak of whoever started the process, so its own file is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
