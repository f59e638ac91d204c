"""Run by test_fuzz.py in a process of its own: damage files of a good scene in many ways and check the scene.

    python fuzz_worker.py EXAMPLES SCENE FILE...

Each example runs in a fork under a memory and a time limit. It may find the scene good, and then must be able to
prepare it, or find problems; anything else (another exception, a crash, a hang, too much memory) ends this program with
a failure that shows the smallest such example.
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import splatsmith.scenes.colmap_library
import splatsmith.scenes.develop
import splatsmith.scenes.photos  # noqa: F401 (all imported once, before the forks)
from splatsmith.scenes.check import check_scene
from splatsmith.stages import prepare_scene

MEMORY_BYTES = 2**30
SECONDS = 10

WORDS = [0, 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1, 0x7FF0000000000000, 0x7FF8000000000000, 0x3FF0000000000000]
"""Counts that lie, and the bits of infinity, NaN and one."""
TOKENS = [
    "nan",
    "inf",
    "-1",
    "0",
    "1e999",
    "9" * 40,
    "",
    "null",
    "../..",
    "/etc/passwd",
    "[",
    "{",
    '"',
    "*a",
    "&a",
    "\\",
]
TOKENS += ["\x00", "é", "PINHOLE", "EQUIRECTANGULAR", "true", "[[[[", "- - -", "train", "objects", "1 1 1 1", "\n", "#"]

spans = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40))
edits = st.one_of(
    st.tuples(st.just("cut"), spans, st.just(b"")),
    st.tuples(st.just("put"), spans, st.binary(max_size=8)),
    st.tuples(st.just("put"), spans, st.sampled_from([word.to_bytes(8, "little") for word in WORDS])),
    st.tuples(st.just("put"), spans, st.sampled_from([token.encode() for token in TOKENS])),
    st.tuples(st.just("insert"), spans, st.sampled_from([token.encode() for token in TOKENS])),
    st.tuples(st.just("end"), spans, st.just(b"")),
)


def edited(data: bytes, changes: list) -> bytes:
    for kind, (share, length), new in changes:
        at = int(share * len(data))
        match kind:
            case "cut":
                data = data[:at] + data[at + length :]
            case "put":
                data = data[:at] + new + data[at + len(new) :]
            case "insert":
                data = data[:at] + new + data[at:]
            case "end":
                data = data[:at]
    return data


def examine(scene: Path, output: Path) -> None:
    """Check the scene, and prepare it if it is found good."""
    if not check_scene(scene).problems:
        config = prepare_scene.Config(max_side=32)
        prepare_scene.main(config, prepare_scene.Inputs(scene), prepare_scene.Outputs(output), threads=1)


def survives(scene: Path, output: Path) -> str | None:
    """What went wrong in a fork that examined the scene, or None."""
    message = output.with_name("message")
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(message, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            examine(scene, output)
            status = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    shutil.rmtree(output, ignore_errors=True)
    if status == 0:
        return None
    if os.WIFSIGNALED(status):
        return f"ended by signal {os.WTERMSIG(status)}\n{message.read_text(errors='replace')[-3000:]}"
    return message.read_text(errors="replace")[-3000:]


def fuzz_file(scene: Path, name: str, examples: int) -> None:
    path = scene / name
    good = path.read_bytes()
    output = Path(tempfile.mkdtemp(dir=scene.parent)) / "prepared"

    @settings(max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=HealthCheck)
    @given(st.lists(edits, min_size=1, max_size=4))
    def fuzz(changes):
        path.write_bytes(edited(good, changes))
        failure = survives(scene, output)
        assert failure is None, f"{name}: {failure}"

    fuzz()
    path.write_bytes(good)


def main() -> None:
    examples, scene, names = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    assert not check_scene(scene).problems, "the scene is not good before it is damaged"
    for name in names:
        fuzz_file(scene, name, examples)


if __name__ == "__main__":
    main()
