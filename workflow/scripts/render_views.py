"""Draw the held-out views of a scene's Gaussians, and a turntable video."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import render_views


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--gaussians", type=Path, required=True, metavar="PLY", help="what to draw")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the pictures go")
    arguments = parser.parse_args()
    render_views.main(
        typed_json(render_views.Config, arguments.config, "--config"),
        render_views.Inputs(arguments.scene, arguments.gaussians),
        render_views.Outputs(arguments.output),
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run(main)
