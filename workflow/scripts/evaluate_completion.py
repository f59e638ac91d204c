"""Measure completed objects in views that were held out."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import evaluate_completion as stage


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--source", type=Path, required=True, metavar="FOLDER", help="the scene as it was captured")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="consistent masks")
    parser.add_argument("--objects", type=Path, required=True, metavar="FOLDER", help="objects of the scene")
    parser.add_argument("--composed", type=Path, required=True, metavar="FOLDER", help="the scene after completion")
    parser.add_argument("--refined", type=Path, nargs="+", required=True, metavar="FOLDER", help="each object's result")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help="weights of models")
    parser.add_argument("--device", default="auto", help="where models run: auto, cpu, cuda")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the figures go")
    args = parser.parse_args()
    folders = (args.scene, args.source, args.masks, args.objects, args.composed, tuple(args.refined), args.models)
    config = typed_json(stage.Config, args.config, "--config")
    stage.main(config, stage.Inputs(*folders), stage.Outputs(args.output), device=args.device, threads=args.threads)


if __name__ == "__main__":
    run(main)
