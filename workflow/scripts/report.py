"""Write the report page of a scene's results."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.stages import report


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--results", type=Path, required=True, metavar="FOLDER", help="results of one scene")
    parser.add_argument("--output", type=Path, required=True, metavar="HTML", help="the page")
    arguments = parser.parse_args()
    config = typed_json(report.Config, arguments.config, "--config")
    report.main(config, report.Inputs(arguments.results), report.Outputs(arguments.output))


if __name__ == "__main__":
    run(main)
