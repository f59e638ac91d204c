"""The code digest changes with what a stage runs and with nothing else."""

import shutil
from pathlib import Path

import pytest

import splatsmith
from splatsmith.base import digest
from splatsmith.base.digest import code_digest, import_closure

SCRIPT = """\
\"\"\"Train.\"\"\"
from house.stages import train


def main():
    train.main()
"""
MODULES = {
    "__init__.py": '"""The house."""\n',
    "stages/__init__.py": "",
    "stages/train.py": "def main():\n    from house.loops import loop\n    loop.run()\n",
    "stages/report.py": "from house.pages import page\n",
    "loops/__init__.py": "",
    "loops/loop.py": 'from . import losses\n\nR = 0.1\n"""Rate, per step."""\n\n\ndef run():\n    return losses.l1\n',
    "loops/losses.py": "def l1(x):\n    # absolute\n    return abs(x)\n",
    "pages/__init__.py": "",
    "pages/page.py": "import json\n",
    "pages/templates/page.html": "<p>",
}


def forget() -> None:
    for cached in (digest._imported_files, digest._data_files, digest._text_digest, digest._tree):
        cached.cache_clear()


@pytest.fixture
def house(tmp_path):
    """Digest of train's script over a small package, after the given files were rewritten."""

    def digest_after(changes: dict[str, str] | None = None, script: str = SCRIPT, root: str = "a") -> str:
        shutil.rmtree(tmp_path / root, ignore_errors=True)
        package = tmp_path / root / "house"
        for name, text in (MODULES | (changes or {})).items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path = tmp_path / root / "train.py"
        path.write_text(script, encoding="utf-8")
        forget()
        return code_digest(path, package)

    return digest_after


LOOP = MODULES["loops/loop.py"]
LOSSES = MODULES["loops/losses.py"]


@pytest.mark.parametrize(
    ("changes", "script"),
    [
        pytest.param({}, SCRIPT, id="nothing"),
        pytest.param({"loops/losses.py": LOSSES.replace("# absolute", "# of the residual")}, SCRIPT, id="a comment"),
        pytest.param({"loops/losses.py": LOSSES.replace("abs(x)", "(abs( x ))")}, SCRIPT, id="formatting"),
        pytest.param({"loops/losses.py": LOSSES.replace("(x):\n", '(x):\n    """L1."""\n')}, SCRIPT, id="a docstring"),
        pytest.param({"loops/loop.py": LOOP.replace("per step", "per pixel")}, SCRIPT, id="a field's docstring"),
        pytest.param({}, SCRIPT.replace("Train.", "Fit."), id="the script's docstring"),
        pytest.param({"stages/report.py": "x = 1\n"}, SCRIPT, id="a stage that is not imported"),
        pytest.param({"pages/page.py": "import csv\n"}, SCRIPT, id="a module that is not imported"),
        pytest.param({"pages/templates/page.html": "<b>"}, SCRIPT, id="a template of such a module"),
        pytest.param({"loops/.style.css.swp": "x", "loops/.DS_Store": "x"}, SCRIPT, id="hidden files"),
        pytest.param({"loops/.idea/page.html": "x"}, SCRIPT, id="a hidden folder"),
        pytest.param({"loops/loop.py~": "x", "loops/loop.py.orig": "x"}, SCRIPT, id="an editor's copies"),
    ],
)
def test_stays(house, changes, script):
    assert house(changes, script) == house()


@pytest.mark.parametrize(
    ("changes", "script"),
    [
        pytest.param({"stages/train.py": MODULES["stages/train.py"] + "x = 1\n"}, SCRIPT, id="the stage"),
        pytest.param({"loops/loop.py": LOOP.replace("0.1", "0.2")}, SCRIPT, id="a module imported in a function"),
        pytest.param({"loops/losses.py": LOSSES.replace("abs", "float")}, SCRIPT, id="a relative import of that"),
        pytest.param({"loops/__init__.py": "x = 1\n"}, SCRIPT, id="a package's init on the way"),
        pytest.param({"__init__.py": "x = 1\n"}, SCRIPT, id="the top init"),
        pytest.param({"loops/style.css": "p {}"}, SCRIPT, id="a data file beside an imported module"),
        pytest.param({"loops/templates/page.js": "x"}, SCRIPT, id="a data file in a folder below"),
        pytest.param({}, SCRIPT.replace("train.main()", "train.main(1)"), id="the script"),
        pytest.param({"loops/losses.py": LOSSES.replace("abs(x)", "'a'")}, SCRIPT, id="a string that is a value"),
    ],
)
def test_changes(house, changes, script):
    assert house(changes, script) != house()


@pytest.mark.parametrize(
    "place",
    [
        "class A:\n    def f(self):\n        {}",
        "try:\n    pass\nexcept ImportError:\n    {}\nelse:\n    pass",
        "if x:\n    pass\nelif y:\n    {}",
        "for i in j:\n    pass\nelse:\n    while i:\n        with i:\n            {}",
        "match i:\n    case 1:\n        {}",
    ],
)
@pytest.mark.parametrize(
    "words", ["import house.pages.page", "from house.pages import page", "from ..pages import page"]
)
def test_imports_are_found_wherever_they_stand(house, place, words):
    train = {"stages/train.py": place.format(words) + "\n"}
    assert house(train | {"pages/page.py": "import csv\n"}) != house(train)


def test_does_not_depend_on_where_the_project_lies(house):
    assert house(root="a") == house(root="with a space")


PACKAGE = Path(splatsmith.__file__).parent
SCRIPTS = sorted((PACKAGE.parents[1] / "workflow" / "scripts").glob("*.py"))


def test_every_data_file_of_the_package_is_of_a_kind_that_counts():
    found = {path for path in PACKAGE.rglob("*.*") if path.suffix not in (".py", ".pyc") and path.is_file()}
    shipped = {path for path in found if "__pycache__" not in path.parts and not path.name.startswith(".")}
    assert {path.suffix for path in shipped} == set(digest.DATA)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_closure_of_a_stage_s_script_holds_that_stage_and_no_other(script):
    stages = {path.stem for path in import_closure(script, PACKAGE) if path.parent.name == "stages"}
    assert stages - {"record", "completion", "__init__"} == {script.stem}


def test_every_module_is_parsed_once_for_all_scripts():
    forget()
    for script in SCRIPTS:
        code_digest(script, PACKAGE)
    assert digest._tree.cache_info().misses <= len(SCRIPTS) + len(list(PACKAGE.rglob("*.py")))
