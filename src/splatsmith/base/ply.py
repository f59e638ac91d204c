"""The vertices of any PLY file: plyfile parses the header, and nothing that the header claims is believed unchecked."""

import io
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import shorten

import numpy as np

from splatsmith.base.errors import InputError, Problem

HEADER_LIMIT = 1 << 18  # bytes; real headers take a few thousand
REWRITE = "write or copy the file again: it is damaged or incomplete"


def read_vertices(path: str | os.PathLike) -> np.ndarray:
    """The `vertex` element as a read-only structured array (N,), one field per property, in the file's order and types.

    Reads ascii and binary of both byte orders; binary is mapped into memory, not loaded. Elements behind the vertices
    are not looked at. Raises InputError for whatever is not such a file; a header cannot make it allocate more than a
    few times the size of the file.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER_LIMIT)
            size = os.fstat(file.fileno()).st_size
        header = _parse_header(path, head)
        rows = _ascii_rows(path, header, size) if header.ascii else _binary_rows(path, header, size)
    except OSError as error:
        raise _error("the file cannot be read", path, "check its name and permissions", got=error.strerror) from None
    rows.flags.writeable = False
    return rows


@dataclass(frozen=True)
class _Header:
    ascii: bool
    bytes: int
    before: tuple[tuple[int, np.dtype], ...]
    """Rows and row type of each element in front of the vertices."""
    count: int
    dtype: np.dtype
    last: bool
    """True if no element follows the vertices."""


def _parse_header(path: Path, head: bytes) -> _Header:
    """What the header claims, as plyfile reads it: with all row counts 0, and no comments, whatever their encoding."""
    from plyfile import PlyData, PlyParseError

    magic = re.match(rb"ply(\r\n|\n|\r)", head)
    if magic is None:
        fix = "name a PLY file" if head else REWRITE
        raise _error("this is not a PLY file", path, fix, "a first line `ply`", f"{head[:16]!r}")
    newline = magic[1]
    end = head.find(newline + b"end_header" + newline)
    if end < 0:
        raise _error("the PLY header has no end", path, REWRITE, "a line `end_header`", f"{len(head)} bytes without it")
    lines, counts = _without_counts(path, head[:end].split(newline))
    try:
        ply = PlyData.read(io.BytesIO(b"\n".join([*lines, b"end_header", b""])))
    except (PlyParseError, ValueError) as error:
        got = shorten(str(error), 100, placeholder=" ...")
        raise _error("the PLY header cannot be understood", path, REWRITE, "a PLY 1.0 header", got) from None
    if "vertex" not in ply:
        names = ", ".join(element.name for element in ply) or "none"
        raise _error("the PLY has no vertices", path, "name a PLY of Gaussians or points", "an element `vertex`", names)

    dtypes = [element.dtype("=" if ply.text else ply.byte_order) for element in ply]
    vertex = [element.name for element in ply].index("vertex")
    return _Header(
        ascii=ply.text,
        bytes=end + len(newline + b"end_header" + newline),
        before=tuple(zip(counts, dtypes, strict=True))[:vertex],
        count=counts[vertex],
        dtype=dtypes[vertex],
        last=vertex == len(dtypes) - 1,
    )


def _without_counts(path: Path, lines: list[bytes]) -> tuple[list[bytes], list[int]]:
    """The header's lines with comments emptied and counts 0, and the counts."""
    kept, counts, properties = [], [], set()
    for line in lines:
        match line.split():
            case [b"comment" | b"obj_info", *_]:
                line = b"comment"
            case [b"element", name, count]:
                if not count.isdigit() or len(count) > 18:
                    where, got = f"{path}: element {_text(name)}", f"`{_text(count)}`"
                    raise _error("the PLY header has a bad row count", where, REWRITE, "a whole number", got)
                counts.append(int(count))
                properties = set()
                line = b"element " + name + b" 0"
            case [b"property", *_, name]:
                if name in properties:
                    fix = "rename or remove one of them"
                    raise _error(f"the property `{_text(name)}` is declared twice", path, fix)
                properties.add(name)
        if not line.isascii():
            got = line.decode("utf-8", "backslashreplace")
            raise _error("the PLY header cannot be understood", path, "use other names", "names in ASCII", f"`{got}`")
        kept.append(line)
    return kept, counts


def _binary_rows(path: Path, header: _Header, size: int) -> np.ndarray:
    _refuse_lists(path, *(dtype for _, dtype in header.before), header.dtype)
    row = header.dtype.itemsize
    offset = header.bytes + sum(count * dtype.itemsize for count, dtype in header.before)
    held = max(0, size - offset) // row
    if held < header.count or (header.last and held > header.count):
        raise _wrong_count(path, header.count, f"room for {held} rows of {row} bytes")
    if header.count == 0:
        return np.empty(0, header.dtype)  # an empty mapping is an error
    return np.memmap(path, header.dtype, "r", offset, header.count)


def _ascii_rows(path: Path, header: _Header, size: int) -> np.ndarray:
    _refuse_lists(path, header.dtype)
    skipped = sum(count for count, _ in header.before)
    shortest = 2 * len(header.dtype.names)  # a digit and a separator for each property
    if skipped + header.count * shortest > size - header.bytes + 1:
        raise _wrong_count(path, header.count, f"only {size - header.bytes} bytes")
    with open(path, "rb") as file:
        file.seek(header.bytes)
        lines = (line for line in io.TextIOWrapper(file, "latin-1") if line.strip())
        rows = _parse_rows(path, islice(lines, skipped, skipped + header.count), header.dtype)
        if len(rows) < header.count or (header.last and next(lines, None) is not None):
            got = f"{len(rows)} rows" if len(rows) < header.count else "more rows"
            raise _wrong_count(path, header.count, got)
    return rows


def _parse_rows(path: Path, lines: Iterable[str], dtype: np.dtype) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are no rows
            return np.loadtxt(lines, dtype, comments=None, ndmin=1)
    except (ValueError, OverflowError) as error:
        got = shorten(str(error).partition(";")[0], 100, placeholder=" ...")
        raise _error("a row of the PLY cannot be read", path, REWRITE, f"{len(dtype)} numbers a row", got) from None


def _refuse_lists(path: Path, *dtypes: np.dtype) -> None:
    for dtype in dtypes:
        lists = [name for name in dtype.names if dtype[name].hasobject]
        if lists:
            fix = "write the vertices first, and without list properties"
            raise _error("the PLY has lists where the vertices are", path, fix, "numbers only", ", ".join(lists))
    if not dtypes[-1].names:
        raise _error("the vertices of the PLY have no properties", path, REWRITE)


def _wrong_count(path: Path, claimed: int, got: str) -> InputError:
    what = "the PLY header and the file disagree on the number of rows"
    return _error(what, path, REWRITE, f"{claimed} rows, as the header says", got)


def _error(what: str, where: object, fix: str, expected: str | None = None, got: str | None = None) -> InputError:
    return InputError(Problem(what, str(where), fix, expected, got))


def _text(name: bytes) -> str:
    return name.decode("latin-1")
