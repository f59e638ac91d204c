"""Prepare a captured scene: undistorted pictures, cameras, points and split."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import prepare_scene


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="scene as it was captured")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the prepared scene goes")
    parser.add_argument("--split", type=Path, metavar="YAML", help="names of photos as train and test lists")
    arguments = parser.parse_args()
    prepare_scene.main(
        typed_json(prepare_scene.Config, arguments.config, "--config"),
        prepare_scene.Inputs(arguments.scene, arguments.split),
        prepare_scene.Outputs(arguments.output),
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run(main)
