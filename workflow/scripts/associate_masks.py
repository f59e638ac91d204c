"""Make the masks that each view has of its own agree in all views."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import associate_masks


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="masks of each view")
    parser.add_argument("--gaussians", type=Path, required=True, metavar="PLY", help="trained scene")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the label maps go")
    arguments = parser.parse_args()
    associate_masks.main(
        typed_json(associate_masks.Config, arguments.config, "--config"),
        associate_masks.Inputs(arguments.scene, arguments.masks, arguments.gaussians),
        associate_masks.Outputs(arguments.output),
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run(main)
