"""Make a whole object of one that photos show only in part."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.models.tools.settings import Tool
from splatsmith.stages import generate_proxy


def main() -> None:
    parser = script_parser(__doc__)
    for name in ("scene", "masks", "objects", "views", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--object", required=True, metavar="NAME", help="its name in the legend")
    parser.add_argument("--file", type=Path, metavar="PATH", help="a proxy of your own: Gaussians or mesh")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help="weights of models")
    parser.add_argument("--tools", default="{}", metavar="JSON", help="where tools are, by name")
    parser.add_argument("--accept", nargs="*", default=[], metavar="NAME", help="tools whose licences are accepted")
    a = parser.parse_args()
    inputs = (a.scene, a.masks, a.objects, a.object, a.views, a.file, a.models)
    config = typed_json(generate_proxy.Config, a.config, "--config")
    where = {"threads": a.threads, "tools": typed_json(dict[str, Tool], a.tools, "--tools"), "accepted": a.accept}
    generate_proxy.main(config, generate_proxy.Inputs(*inputs), generate_proxy.Outputs(a.output), **where)


if __name__ == "__main__":
    run(main)
