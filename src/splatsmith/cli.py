"""The command line: what needs no pipeline. `splatsmith --help`, or `./run splatsmith --help`."""

import argparse
from fractions import Fraction
from pathlib import Path

from splatsmith import __version__
from splatsmith.base.command import OK, PROBLEMS, run

DESCRIPTION = "Look before and after: at this machine, at a captured scene, at trained Gaussians."
EPILOG = """\
examples:
  splatsmith doctor                                       can this machine run everything?
  splatsmith check resources/demo                         is this scene fit for training?
  splatsmith show results/demo/gaussians/point_cloud.ply  what came out?
  splatsmith verify results                               is it still what came out?
  splatsmith withhold scenes/fox --share 6/7              how good is what no photo shows?

The pipeline itself is started by snakemake: ./run demo, ./run.

exit code: 0 nothing is wrong, 1 something is, 2 the command line was not understood
"""
DOCTOR = """\
Tells what this machine has, what is missing, and how to mend it. Writes nothing but
the empty folder that compiled kernels go to.

Foundation models are optional: you fetch those that you want, each into its own folder of DIR. For each it says what is
there or missing, under which licence it is published, and how to fetch it.
"""
CHECK = """\
Reads a scene's cameras, the sizes of its photos and its YAML, and tells every problem at once, with what to do about
it. Writes nothing, takes seconds.

A scene is a folder with photos, in images/ unless its cameras say otherwise, and one of
  sparse/0/ or sparse/     a COLMAP model, binary or text
  transforms.json          nerfstudio's; or transforms_train.json and transforms_test.json, Blender's
  cameras.json and a PLY   a trained 3DGS folder
  nothing more             then the pipeline finds the cameras itself
and optionally description.yml (objects, parts, edits) and split.yml (which views are held out).
"""
SHOW = """\
Tells how many Gaussians a PLY holds, where they are, how large and how opaque, what further columns there are, and what
its header says. Reads the PLY of every 3D Gaussian Splatting program we know of.
"""
VERIFY = """\
Hashes every file of the results again, compares it with the manifests that the stages wrote, and names the stage to
redo where a file is missing or damaged. Writes nothing.
"""
WITHHOLD = """\
Writes a split file that hides a scene's back: the photos from one side train, all from farther round are held out, to
measure completion by. Needs a scene with cameras. Then set `split: split_unseen.yml` for it in the configuration.
"""


def main() -> int:
    """Understand the command line and do what it says; returns the exit code."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "doctor":
            return _doctor(arguments.models, arguments.config)
        case "check":
            return _check(arguments.scene, arguments.split, arguments.images)
        case "show":
            from splatsmith.show import show

            show(arguments.ply, arguments.picture)
        case "verify":
            return _verify(arguments.results)
        case "withhold":
            _withhold(arguments.scene, arguments.share, arguments.anchor, arguments.output)
    return OK


def _parser() -> argparse.ArgumentParser:
    text = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("splatsmith", description=DESCRIPTION, epilog=EPILOG, formatter_class=text)
    parser.add_argument("--version", action="version", version=f"splatsmith {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="doctor | check | show | verify | withhold")
    about = "what this machine has, what is missing, how to mend it"
    doctor = commands.add_parser("doctor", help=about, description=DOCTOR, formatter_class=text)
    doctor.add_argument("--models", metavar="DIR", type=Path, default=Path("models"), help="default: models")
    about = "configuration that names tools; default: config/config.yaml"
    doctor.add_argument("--config", metavar="FILE", type=Path, default=Path("config/config.yaml"), help=about)
    about = "what is wrong with a captured scene, before any work"
    check = commands.add_parser("check", help=about, description=CHECK, formatter_class=text)
    check.add_argument("scene", type=Path, help="folder of the scene")
    check.add_argument("--split", metavar="FILE", help="split file in that folder; default: split.yml, if there is one")
    check.add_argument("--images", metavar="FOLDER", default="images", help="the photos' folder in it, e.g. images_4")
    show = commands.add_parser("show", help="what a PLY of Gaussians holds", description=SHOW, formatter_class=text)
    show.add_argument("ply", type=Path, metavar="PLY", help="e.g. results/demo/gaussians/point_cloud.ply")
    show.add_argument("--picture", type=Path, metavar="PNG", help="also draw it from four sides, on the CPU")
    about = "whether results are still what the stages wrote"
    verify = commands.add_parser("verify", help=about, description=VERIFY, formatter_class=text)
    verify.add_argument("results", type=Path, nargs="?", default=Path("results"), help="default: results")
    about = "a split that holds out all photos of a scene's back"
    withhold = commands.add_parser("withhold", help=about, description=WITHHOLD, formatter_class=text)
    withhold.add_argument("scene", type=Path, help="folder of the scene")
    about = "how much of the full turn is held out, e.g. 2/3, 4/5 or 6/7"
    withhold.add_argument("--share", type=_share, required=True, metavar="SHARE", help=about)
    withhold.add_argument("--anchor", metavar="PHOTO", help="amid those that train; default: the first by name")
    about = "split file in the scene's folder; default: split_unseen.yml"
    withhold.add_argument("--output", default="split_unseen.yml", metavar="FILE", help=about)
    return parser


def _share(text: str) -> float:
    """A fraction between 0 and 1, as 6/7 or 0.857."""
    try:
        share = float(Fraction(text))
    except (ValueError, ArithmeticError):
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"expected a fraction between 0 and 1, e.g. 6/7, got {text!r}")
    return share


def _doctor(models: Path, config: Path) -> int:
    from splatsmith.config import read_tools
    from splatsmith.doctor import findings

    problems = 0
    for finding in findings(Path.cwd(), models, read_tools(config)):
        print(finding, flush=True)
        problems += finding.state == "problem"
    print("\neverything needed is here" if not problems else f"\n{problems} to mend, marked FAIL above")
    return PROBLEMS if problems else OK


def _check(scene: Path, split: str | None, images: str) -> int:
    from splatsmith.scenes.check import check_scene

    report = check_scene(scene, split, images)
    print(report)
    return PROBLEMS if report.problems else OK


def _verify(results: Path) -> int:
    from splatsmith.verify import verified

    problems = 0
    for folder in verified(results):
        print(folder, flush=True)
        problems += len(folder.problems)
    return PROBLEMS if problems else OK


def _withhold(scene: Path, share: float, anchor: str | None, output: str) -> None:
    from splatsmith.scenes.withhold import withhold

    split = withhold(scene, scene / output, share=share, anchor=anchor)
    print(f"{scene / output}: {len(split.train)} views train, {len(split.test)} are held out")


def entry() -> None:
    """The console command `splatsmith`."""
    run(main)


if __name__ == "__main__":
    entry()
