"""The peak is the process's own, whoever started it."""

import subprocess
import sys

from splatsmith.base.memory import peak_memory_bytes

CHILD = "from splatsmith.base.memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_it_covers_what_was_held_and_is_not_handed_on():
    held = bytearray(b"\1") * 2**29
    del held
    assert peak_memory_bytes() > 2**29
    assert int(subprocess.check_output([sys.executable, "-c", CHILD])) < 2**28
