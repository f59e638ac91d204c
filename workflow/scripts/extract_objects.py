"""Cut a segmented scene into its objects and the rest, with an atlas."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import extract_objects


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--segmentation", type=Path, required=True, metavar="FOLDER", help="soft scores of one method")
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="consistent label maps")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the objects go")
    arguments = parser.parse_args()
    extract_objects.main(
        typed_json(extract_objects.Config, arguments.config, "--config"),
        extract_objects.Inputs(arguments.segmentation, arguments.scene, arguments.masks),
        extract_objects.Outputs(arguments.output),
    )


if __name__ == "__main__":
    run(main)
