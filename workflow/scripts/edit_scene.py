"""Do one edit of a segmented scene."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.scenes.edits import PlainEdit
from splatsmith.stages import edit_scene


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--edit", required=True, metavar="JSON", help="an entry of `edits` in description.yml")
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--gaussians", type=Path, required=True, metavar="PLY", help="with a column `label`")
    parser.add_argument("--legend", type=Path, required=True, metavar="JSON", help="names of the labels")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the result goes")
    arguments = parser.parse_args()
    edit = typed_json(PlainEdit, arguments.edit, "--edit")
    edit_scene.main(
        typed_json(edit_scene.Config, arguments.config, "--config"),
        edit_scene.Inputs(edit, arguments.scene, arguments.gaussians, arguments.legend),
        edit_scene.Outputs(arguments.output),
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run(main)
