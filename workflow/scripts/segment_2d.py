"""Find the masks of every view, by the source that is configured."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import segment_2d


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--source", type=Path, required=True, metavar="FOLDER", help="the scene as it was captured")
    parser.add_argument("--objects", default="[]", metavar="JSON", help="`objects` of description.yml")
    parser.add_argument("--gaussians", type=Path, metavar="PLY", help="trained scene, for sources that need it")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help="weights of models")
    parser.add_argument("--device", default="auto", help="where models run: auto, cpu, cuda")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the masks go")
    args = parser.parse_args()
    config = typed_json(segment_2d.Config, args.config, "--config")
    objects = segment_2d.read_objects(args.objects)
    inputs = segment_2d.Inputs(args.scene, args.source, objects, args.gaussians, args.models)
    segment_2d.main(config, inputs, segment_2d.Outputs(args.output), device=args.device, threads=args.threads)


if __name__ == "__main__":
    run(main)
