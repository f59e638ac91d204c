"""The house rules that a program can check: one-way imports, small files, quick starts, formatted sources."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "splatsmith"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
SMK = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
HEAVY = {"torch", "numba", "pycolmap", "cv2", "matplotlib", "scipy", "PIL", "imageio", "plyfile", "gsplat"}
"""Packages that cost a tenth of a second or more, or bind a processor's threads."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions_of(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef)]


def length(function: ast.FunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    described = function.body[0] if ast.get_docstring(function) else None
    docstring = described.end_lineno - described.lineno + 1 if described else 0
    return function.end_lineno - function.body[0].lineno + 1 - docstring


def undescribed(path: Path) -> list[str]:
    """The public functions and classes of a module without a docstring, and the module itself."""
    tree = ast.parse(path.read_bytes())
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    missing = [node.name for node in defined if not node.name.startswith("_") and not ast.get_docstring(node)]
    return missing if ast.get_docstring(tree) else ["the module", *missing]


def test_a_module_is_at_most_400_lines():
    assert {name(path): lines(path) for path in MODULES if lines(path) > 400} == {}


def test_a_function_is_at_most_60_lines():
    found = {name(path): [f.name for f in functions_of(path) if length(f) > 60] for path in MODULES}
    assert {path: functions for path, functions in found.items() if functions} == {}


def test_what_is_public_is_described():
    found = {name(path): undescribed(path) for path in MODULES}
    assert {path: missing for path, missing in found.items() if missing} == {}


def test_the_snakefile_is_at_most_40_lines():
    assert lines(ROOT / "Snakefile") <= 40


def test_a_stage_s_script_is_at_most_30_lines():
    assert {name(path): lines(path) for path in SCRIPTS if lines(path) > 30} == {}


def test_imports_run_one_way():
    answer = python(
        "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("module", ["splatsmith.plan", "splatsmith.cli"])
def test_what_starts_often_imports_nothing_heavy(module):
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.split(".")[0] for name in json.loads(python("-c", code).stdout)}
    assert loaded & HEAVY == set()


def test_python_is_checked_and_formatted():
    assert python("-m", "ruff", "check", "--quiet", ".").stdout == ""
    assert python("-m", "ruff", "format", "--check", "--quiet", ".").stdout == ""


def test_rules_are_formatted():
    answer = python("-m", "snakefmt", "--check", *map(str, SMK))
    assert answer.returncode == 0, answer.stderr


def test_no_code_is_loaded_behind_the_digest_s_back():
    """The code digest follows import statements, and modules that are loaded by other means would escape it."""
    loaders = ("importlib.import_module", "__import__(", "exec(", "runpy.")
    found = [name(p) for p in MODULES for word in loaders if word in p.read_text(encoding="utf-8")]
    assert found == []
