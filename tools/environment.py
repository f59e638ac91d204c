"""environment.yml, for conda, made from pyproject.toml: python tools/environment.py; with --check it only compares."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "environment.yml"


def environment(project: dict) -> str:
    """The file's text for the `project` table: Python from conda-forge, everything else by pip with the same pins."""
    return f"""\
# Made from pyproject.toml by tools/environment.py: change that, then run it.
name: {project["name"]}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python {project["requires-python"]}
  - pip
  - pip:
      - --constraint constraints.txt
      - --editable .[dev]
"""


def main() -> None:
    """Write the file, or leave with a message when it differs from what it should be."""
    text = environment(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit("environment.yml does not follow pyproject.toml: run python tools/environment.py")


if __name__ == "__main__":
    main()
