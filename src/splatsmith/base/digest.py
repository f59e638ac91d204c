"""A digest of the code that a script runs: its own text and that of every module of ours that it imports, at any depth.

Taken over the syntax tree without docstrings, so comments, formatting, file times and where the project lies do not
count, and an edit changes the digests of exactly the scripts that can reach it. Import statements are followed wherever
they stand, functions included; modules loaded in other ways are not seen, so we have none. Data files (templates, style
sheets) count with the modules of their folder, byte by byte.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

DATA = (".css", ".html", ".js")
"""Kinds of data files that the package has. What else lies there, such as an editor's copies, does not count."""


def code_digest(script: Path, package: Path) -> str:
    """16 hex digits for `script` and what it imports from `package`, the folder of our own top `__init__.py`."""
    parts = {file.relative_to(package).as_posix(): _text_digest(file) for file in import_closure(script, package)}
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(parts.items()))
    return hashlib.sha256(f"{_text_digest(script)}\n{text}".encode()).hexdigest()[:16]


def import_closure(script: Path, package: Path) -> set[Path]:
    """The files of `package` that running `script` can load: modules, their packages' `__init__`, their data files."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        for module in _imported_files(file, package):
            if module not in found:
                found.add(module)
                waiting.append(module)
    return found.union(*(_data_files(folder) for folder in {module.parent for module in found}))


@cache
def _imported_files(file: Path, package: Path) -> frozenset[Path]:
    names: set[str] = set()
    for node in _statements(_tree(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file, package)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    ours = (name.split(".") for name in names if name.split(".")[0] == package.name)
    return frozenset(found for parts in ours for found in _module_files(parts, package))


def _absolute(node: ast.ImportFrom, file: Path, package: Path) -> str:
    """The module that `from ... import` names, dots resolved."""
    if not node.level:
        return node.module or ""
    here = file.relative_to(package.parent).parent.parts
    above = here[: len(here) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _module_files(parts: list[str], package: Path) -> Iterator[Path]:
    """The files that importing `a.b.c` runs: `a`, `a.b` and `a.b.c`, as far as they are modules and not names."""
    for count in range(1, len(parts) + 1):
        path = package.parent.joinpath(*parts[:count])
        if (path / "__init__.py").is_file():
            yield path / "__init__.py"
        elif path.with_suffix(".py").is_file():
            yield path.with_suffix(".py")


@cache
def _data_files(folder: Path) -> frozenset[Path]:
    """Data files beside a package's modules, and in subfolders that are no packages themselves; none that is hidden."""
    found: set[Path] = set()
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir() and not (entry / "__init__.py").exists():
            found |= _data_files(entry)
        elif entry.suffix in DATA:
            found.add(entry)
    return frozenset(found)


@cache
def _text_digest(file: Path) -> str:
    data = ast.unparse(_tree(file)).encode() if file.suffix == ".py" else file.read_bytes()
    return hashlib.sha256(data).hexdigest()


@cache
def _tree(file: Path) -> ast.Module:
    """A module's syntax, without the statements that are only a string: docstrings, and those that describe a field."""
    tree = ast.parse(file.read_bytes(), filename=str(file))
    for node in (tree, *_statements(tree)):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_string(line)] or [ast.Pass()]
    return tree


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement in `node`, and what has statements in it; expressions, the bulk of a tree, are passed over."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def _is_string(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
