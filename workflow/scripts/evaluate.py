"""Measure a scene's segmentations against the truth, where it is known."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import evaluate


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--source", type=Path, required=True, metavar="FOLDER", help="the scene as it was captured")
    parser.add_argument(
        "--segmentations", type=Path, nargs="+", required=True, metavar="FOLDER", help="segmentation of each method"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the figures go")
    arguments = parser.parse_args()
    config = typed_json(evaluate.Config, arguments.config, "--config")
    inputs = evaluate.Inputs(arguments.scene, arguments.source, tuple(arguments.segmentations))
    evaluate.main(config, inputs, evaluate.Outputs(arguments.output))


if __name__ == "__main__":
    run(main)
