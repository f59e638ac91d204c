"""One source of truth for dependencies, pins that agree with it, and the same environment for conda."""

import ast
import re
import runpy
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    pin.name: pin.specifier
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
    for pin in [Requirement(line)]
}
DIRECT = [
    Requirement(line)
    for lines in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in lines
]
PROVIDERS = metadata.packages_distributions()


def top_modules(source: Path) -> set[str]:
    """First names of all that a module imports absolutely, at its top or within functions."""
    nodes = list(ast.walk(ast.parse(source.read_bytes())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


ELSEWHERE = ROOT / "src" / "splatsmith" / "models" / "tools" / "runners"
"""What is run by the interpreters of tools, in their own environments."""
OURS = (path for path in (ROOT / "src").rglob("*.py") if ELSEWHERE not in path.parents)
IMPORTED = set().union(*map(top_modules, OURS)) - {"splatsmith", *sys.stdlib_module_names}


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_every_direct_dependency_is_pinned_to_a_version_that_is_allowed(requirement):
    (pin,) = PINS[requirement.name]
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version)


def test_nothing_else_is_pinned():
    assert set(PINS) == {requirement.name for requirement in DIRECT}


def distributions(module: str) -> set[str]:
    """The distributions, by their normal names, that may bring a top module; one that is not installed by its own."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in PROVIDERS.get(module, [module])}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    declared = {requirement.name for requirement in DIRECT}
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    undeclared = {module for module in IMPORTED if not distributions(module) & declared}
    assert undeclared == set()
    assert base - set().union(*map(distributions, IMPORTED)) == {"snakemake"}, "the Snakefile imports it"


def test_torch_is_pinned_in_one_place():
    files = [ROOT / "pyproject.toml", ROOT / "environment.yml", ROOT / "run"]
    assert [f.name for f in files if re.search(r"torch\s*==", f.read_text(encoding="utf-8"))] == []


def test_environment_yml_follows_pyproject():
    environment = runpy.run_path(str(ROOT / "tools" / "environment.py"))["environment"]
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == environment(PROJECT)


def test_environment_yml_is_what_conda_reads():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(content) == {"name", "channels", "dependencies"}
    python, pip, by_pip = content["dependencies"]
    name, versions = python.split(" ")
    assert (name, pip) == ("python", "pip")
    assert SpecifierSet(versions) == SpecifierSet(PROJECT["requires-python"])
    constraints, editable = by_pip["pip"]
    assert (ROOT / constraints.removeprefix("--constraint ")).is_file()
    assert editable.startswith("--editable .[")
    assert editable[editable.index("[") + 1 : -1] in PROJECT["optional-dependencies"]


def test_the_script_run_takes_the_same_pythons():
    minors = [int(minor) for minor in re.findall(r"\(3, (\d+)\)", (ROOT / "run").read_text(encoding="utf-8"))]
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(30) if f"3.{minor}.0" in allowed] == list(range(minors[0], minors[1] + 1))


def test_the_licence_is_the_one_that_is_declared():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
