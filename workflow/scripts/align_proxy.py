"""Find where a proxy stands in the scene."""

from pathlib import Path

from splatsmith.base.command import run, script_parser
from splatsmith.base.typed import typed_json
from splatsmith.models.tools.settings import Tool
from splatsmith.stages import align_proxy


def main() -> None:
    parser = script_parser(__doc__)
    for name in ("scene", "masks", "objects", "views", "truncated", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--object", required=True, metavar="NAME", help="its name in the legend")
    parser.add_argument("--pose-override", type=Path, metavar="FILE", help="YAML with a pose given by hand")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help="weights of models")
    parser.add_argument("--device", default="auto", help="where models run: auto, cpu, cuda")
    parser.add_argument("--tools", default="{}", metavar="JSON", help="where tools are, by name")
    parser.add_argument("--accept", nargs="*", default=[], metavar="NAME", help="tools whose licences are accepted")
    a = parser.parse_args()
    inputs = (a.scene, a.masks, a.objects, a.object, a.views, a.truncated, a.pose_override, a.models)
    config = typed_json(align_proxy.Config, a.config, "--config")
    where = {"device": a.device, "tools": typed_json(dict[str, Tool], a.tools, "--tools"), "accepted": a.accept}
    align_proxy.main(config, align_proxy.Inputs(*inputs), align_proxy.Outputs(a.output), threads=a.threads, **where)


if __name__ == "__main__":
    run(main)
