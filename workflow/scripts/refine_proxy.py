"""Give an aligned proxy the colours of the photos."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import refine_proxy


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="consistent masks")
    parser.add_argument("--objects", type=Path, required=True, metavar="FOLDER", help="objects of the scene")
    parser.add_argument("--object", required=True, metavar="NAME", help="which of them")
    parser.add_argument("--aligned", type=Path, required=True, metavar="FOLDER", help="its aligned proxy")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the result goes")
    args = parser.parse_args()
    config = typed_json(refine_proxy.Config, args.config, "--config")
    inputs = refine_proxy.Inputs(args.scene, args.masks, args.objects, args.object, args.aligned)
    refine_proxy.main(config, inputs, refine_proxy.Outputs(args.output), threads=args.threads)


if __name__ == "__main__":
    run(main)
