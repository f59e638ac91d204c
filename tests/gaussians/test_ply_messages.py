"""Every way in which a PLY can be wrong gets one clear message. `ply_messages.txt` holds them all, word for word.

After a change that is meant: `python tests/gaussians/test_ply_messages.py`, and read the difference.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

from splatsmith.base.errors import InputError
from splatsmith.gaussians.ply import read_ply

FROZEN = Path(__file__).with_name("ply_messages.txt")

PROPERTIES = [*"xyz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
PROPERTIES += ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]


def ply(names=PROPERTIES, rows: int = 3, *, count: object = None, form: str = "binary_little_endian 1.0") -> bytes:
    """A sound PLY of float properties, all ones, but for what is asked."""
    lines = [f"format {form}", f"element vertex {rows if count is None else count}"]
    header = "\n".join(["ply", *lines, *[f"property float {name}" for name in names], "end_header", ""]).encode()
    if form.startswith("ascii"):
        return header + (" ".join(["1"] * len(names)) + "\n").encode() * rows
    return header + np.ones((rows, len(names)), "<f4").tobytes()


def with_value(value: float, column: str, *rows: int, of: int = 9) -> bytes:
    header, mark, _ = ply(rows=of).partition(b"end_header\n")
    body = np.ones((of, len(PROPERTIES)), "<f4")
    body[list(rows), PROPERTIES.index(column)] = value
    return header + mark + body.tobytes()


def without_orientation() -> bytes:
    header, mark, _ = ply(rows=2).partition(b"end_header\n")
    body = np.ones((2, len(PROPERTIES)), "<f4")
    body[1, -4:] = 0
    return header + mark + body.tobytes()


def edited(old: bytes, new: bytes, of: bytes | None = None) -> bytes:
    of = ply() if of is None else of
    assert old in of
    return of.replace(old, new, 1)


PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
ASCII = ply(form="ascii 1.0")
CASES = {
    "an empty file": b"",
    "not a PLY": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a header without an end": ply()[:100],
    "a header of another format": ply(form="binary_middle_endian 1.0"),
    "a header of another version": ply(form="binary_little_endian 2.0"),
    "an unknown type": edited(b"property float z", b"property half z"),
    "an unknown keyword": edited(b"property float z", b"propperty float z"),
    "a name that is not ASCII": edited(b"property float z", "property float größe".encode()),
    "a property twice": ply([*PROPERTIES, "label", "x"]),
    "an element twice": edited(b"end_header", b"element vertex 1\nproperty float x\nend_header"),
    "no vertices": edited(b"element vertex", b"element face"),
    "no elements": b"ply\nformat ascii 1.0\nend_header\n",
    "no properties": ply([], count=5),
    "a negative count": ply(count=-3),
    "a count that is no number": ply(count="3.0"),
    "a count of 30 digits": ply(count=10**30),
    "a huge count": ply(count=10**18 - 1),
    "one row too few": ply(count=4),
    "half a row": ply()[:-20],
    "one row too many": ply(count=2),
    "rows though none are claimed": ply(count=0),
    "a huge element in front": edited(
        b"element vertex", b"element camera 999999999\nproperty double f\nelement vertex"
    ),
    "a list property": edited(b"property float rot_3", b"property list uchar float rot_3"),
    "lists in front": edited(b"element vertex", b"element face 1\nproperty list uchar int v\nelement vertex"),
    "ascii: a huge count": ply(form="ascii 1.0", count=10**12),
    "ascii: one row too few": ply(form="ascii 1.0", count=4) + b"\n" * 30,
    "ascii: one row too many": ply(form="ascii 1.0", count=2),
    "ascii: a short row": ASCII.replace(b"1 1\n", b"1  \n"),
    "ascii: cut short": ASCII[:-30],
    "ascii: not a number": ASCII[:-2] + b"one\n",
    "a compressed PLY": edited(b"float", b"uint", of=ply(PACKED)),
    "a point cloud": ply(["x", "y", "z", "nx", "ny", "nz"]),
    "a point cloud with colours": ply(["x", "y", "z", "red", "green", "blue"]),
    "Gaussians without orientation": ply(PROPERTIES[:-4]),
    "Gaussians without colour": ply([name for name in PROPERTIES if not name.startswith("f_dc")]),
    "Gaussians with one scale": ply([name for name in PROPERTIES if name not in ("scale_1", "scale_2")]),
    "f_rest of no degree": ply([*PROPERTIES, *[f"f_rest_{i}" for i in range(10)]]),
    "f_rest with a gap": ply([*PROPERTIES, *[f"f_rest_{i}" for i in range(10) if i != 3]]),
    "a reserved name": ply([*PROPERTIES, "means", "sh"]),
    "one NaN": with_value(np.nan, "scale_1", 3),
    "many infinities": with_value(-np.inf, "opacity", 0, 2, 3, 5, 6, 7, 8),
    "a double beyond float32": edited(b"1 1 1", b"1e300 1 1", of=edited(b"float x", b"double x", of=ASCII)),
    "a quaternion of zeros": without_orientation(),
    "a NaN and a quaternion of zeros": edited(
        np.ones(1, "<f4").tobytes(), np.full(1, np.nan, "<f4").tobytes(), of=without_orientation()
    ),
}


def message(content: bytes, folder: Path) -> str:
    path = folder / "scene.ply"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_ply(path)
    assert path.read_bytes() == content
    return str(error.value).replace(str(path), "scene.ply")


def messages() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        found = {name: message(content, Path(folder)) for name, content in CASES.items()}
        for name, path in {"a missing file": Path(folder) / "none.ply", "a folder": Path(folder)}.items():
            with pytest.raises(InputError) as error:
                read_ply(path)
            found[name] = str(error.value).replace(str(path), "scene.ply")
    return found


def frozen() -> dict[str, str]:
    return dict(re.findall(r"^# (.*)\n((?:(?!# ).+\n)+)", FROZEN.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_messages_are_frozen():
    assert messages() == {name: text.removesuffix("\n") for name, text in frozen().items()}


@pytest.mark.parametrize("name", [*CASES, "a missing file", "a folder"])
def test_a_message_says_what_where_and_what_to_do(name):
    lines = frozen()[name].splitlines()
    assert re.match(r"  where:    scene\.ply", lines[1])
    assert any(line.startswith("  fix:      ") for line in lines)


if __name__ == "__main__":
    FROZEN.write_text("\n".join(f"# {name}\n{text}\n" for name, text in messages().items()), encoding="utf-8")
