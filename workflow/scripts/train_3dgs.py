"""Train 3D Gaussians on a prepared scene."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import train_3dgs


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--scene", type=Path, required=True, help="folder of the prepared scene")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder to write point_cloud.ply, metrics.jsonl, training.png, stage.json",
    )
    parser.add_argument("--state", type=Path, required=True, help="folder of the state that a killed run resumes from")
    args = parser.parse_args()
    config = typed_json(train_3dgs.Config, args.config, "--config")
    outputs = train_3dgs.Outputs.within(args.output, args.state)
    train_3dgs.main(config, train_3dgs.Inputs(args.scene), outputs, threads=args.threads)


if __name__ == "__main__":
    run(main)
