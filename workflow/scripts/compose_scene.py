"""Put completed objects back into their scene."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import compose_scene


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="consistent masks")
    parser.add_argument("--objects", type=Path, required=True, metavar="FOLDER", help="objects of the scene")
    parser.add_argument("--refined", type=Path, nargs="*", default=[], metavar="FOLDER", help="each object's result")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the scene goes")
    args = parser.parse_args()
    config = typed_json(compose_scene.Config, args.config, "--config")
    inputs = compose_scene.Inputs(args.scene, args.masks, args.objects, tuple(args.refined))
    compose_scene.main(config, inputs, compose_scene.Outputs(args.output), threads=args.threads)


if __name__ == "__main__":
    run(main)
