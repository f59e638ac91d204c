"""Broken PLYs under a memory limit and a clock: whatever the bytes, reading gives a scene or an InputError.

Run by test_ply_fuzz.py in a process of its own, since the limits are those of a process. Usage: fuzz_ply.py FOLDER
"""

import resource
import signal
import sys
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import torch
from hypothesis import HealthCheck, given, settings

from splatsmith.base.errors import InputError
from splatsmith.gaussians.ply import read_ply, write_ply

MEMORY = 256 << 20  # bytes of address space on top of what the imports took
SECONDS = 5  # for one file of a few kilobytes, on a busy machine

COUNTS = st.one_of(st.integers(-1, 40), st.sampled_from([70_000_000, 999_999_999_999, 2**63, 10**30]))
KINDS = st.sampled_from(
    ["float", "double", "int", "uint", "short", "uchar", "half", "list uchar int", "list uint double"]
)
NAMES = st.sampled_from(
    ["x", "rot_0", "scale_2", "f_rest_0", "f_rest_9", "a", "a_0", "a_1", "sh", "means_0", "red", "\x01"]
)
LINES = st.one_of(
    st.builds("element {} {}\n".format, st.sampled_from(["vertex", "face", "camera"]), COUNTS),
    st.builds("property {} {}\n".format, KINDS, NAMES),
    st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]).map("format {} 1.0\n".format),
    st.sampled_from(["comment é\n", "obj_info\n", "\n", "end_header\n", "element vertex\n", "ply\n"]),
)
BYTES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b" nan ", b"1e400", b"\n", b"\r"])
)


@st.composite
def broken(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A sound file with lines of the header exchanged, inserted or gone, then bytes anywhere, then cut short."""
    head, mark, body = draw(st.sampled_from(seeds)).partition(b"end_header\n")
    lines = head.splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(1, len(lines)))
        lines[at : at + draw(st.integers(0, 1))] = [line.encode() for line in draw(st.lists(LINES, max_size=1))]
    content = b"".join(lines) + mark + body
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        at = draw(st.integers(0, len(content)) | st.integers(len(content) - len(body), len(content)))
        content = content[:at] + draw(BYTES) + content[at + draw(st.sampled_from([0, 4, 4, 9])) :]
    return content[: draw(st.none() | st.none() | st.integers(0, len(content)))]


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz(seeds: list[bytes], path: Path) -> Counter:
    outcomes = Counter()
    health = list(HealthCheck)

    @settings(max_examples=1500, database=None, derandomize=True, deadline=None, suppress_health_check=health)
    @given(content=broken(seeds))
    def one(content: bytes) -> None:
        path.write_bytes(content)
        signal.alarm(SECONDS)
        try:
            gaussians = read_ply(path)
        except InputError as error:
            outcomes[error.problems[0].what] += 1
        else:
            outcomes["a scene"] += 1
            write_ply(path.with_name("again.ply"), gaussians)
            again = read_ply(path.with_name("again.ply"))
            assert all(same_bits(column, again.columns[name]) for name, column in gaussians.columns.items())
        finally:
            signal.alarm(0)
        assert path.read_bytes() == content

    one()
    return outcomes


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return (a.dtype, a.shape, a.numpy().tobytes()) == (b.dtype, b.shape, b.numpy().tobytes())


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    seeds = [path.read_bytes() for path in sorted(folder.glob("seed*.ply"))]
    limit_memory()
    for outcome, count in fuzz(seeds, folder / "fuzzed.ply").most_common():
        print(count, outcome)
