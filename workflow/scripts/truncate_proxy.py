"""Drop the Gaussians of a proxy that are hardly opaque."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import truncate_proxy


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--proxy", type=Path, required=True, metavar="FOLDER", help="generated proxy of an object")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the result goes")
    args = parser.parse_args()
    config = typed_json(truncate_proxy.Config, args.config, "--config")
    truncate_proxy.main(config, truncate_proxy.Inputs(args.proxy), truncate_proxy.Outputs(args.output))


if __name__ == "__main__":
    run(main)
