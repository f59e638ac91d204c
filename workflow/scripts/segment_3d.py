"""Lift label maps into the scene: soft scores for every Gaussian, by one method."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import segment_3d


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, metavar="FOLDER", help="prepared scene")
    parser.add_argument("--gaussians", type=Path, required=True, metavar="PLY", help="trained Gaussians")
    parser.add_argument("--masks", type=Path, required=True, metavar="FOLDER", help="consistent label maps")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the segmentation goes")
    args = parser.parse_args()
    config = typed_json(segment_3d.Config, args.config, "--config")
    inputs = segment_3d.Inputs(args.scene, args.gaussians, args.masks)
    segment_3d.main(config, inputs, segment_3d.Outputs(args.output), threads=args.threads)


if __name__ == "__main__":
    run(main)
