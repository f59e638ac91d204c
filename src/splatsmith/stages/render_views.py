"""Pictures of trained Gaussians: the held-out views beside their photos, with figures, and a turntable video.

test/<view>.png     what the scene looks like where a photo was held out (train/, where none was)
depth/<view>.png    its depth, bright for near
metrics.json        PSNR and SSIM per view and on average, and what was drawn
contact.jpg         photo, render, error and depth side by side
cameras.json        the cameras of these views; the format of the Inria viewers, which SuperSplat imports
turntable.mp4       H.264, with its first frame as turntable.png and its cameras as turntable.json
manifest.json       {relative path: sha256} of all of these, written last
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.background import background_rgb
from splatsmith.base.manifest import remove_manifest, write_manifest
from splatsmith.base.progress import Progress
from splatsmith.scenes.cameras import Camera, View
from splatsmith.stages.record import Outputs, record

if TYPE_CHECKING:
    from splatsmith.gaussians import Gaussians
    from splatsmith.render import Rendered
    from splatsmith.scenes.prepared import PreparedScene

    Draw = Callable[..., Rendered]

Channel = Annotated[float, Field(ge=0, le=1)]
MOST_TRAIN_VIEWS = 8
"""Training views drawn where none is held out."""
MOST_ROWS = 12
"""Views in the contact sheet."""
BEST_PSNR_DB = 100.0
"""Reported for a render without any error, whose PSNR is infinite."""


class Config(BaseModel):
    """What to draw and how."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    backend: Literal["auto", "cpu", "gsplat"] = "auto"
    """Rasterizer: cpu runs anywhere, gsplat needs an NVIDIA GPU and the extra `gpu`; auto takes gsplat where it can."""
    background: Literal["black", "white"] | tuple[Channel, Channel, Channel] = "black"
    """Colour behind everything."""
    antialiased: bool = False
    """Keep the opacity of Gaussians below a pixel's size true; should be as in training."""
    turntable_frames: Annotated[int, Field(ge=1)] = 120
    """Frames of the turntable video."""
    turntable_side: Annotated[int, Field(ge=16)] = 640
    """Longer side of the video in pixels, at most; smaller photos are not enlarged."""
    fps: Annotated[float, Field(gt=0, le=120)] = 24
    """Frames per second of the turntable video."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    scene: Path
    """Folder of a prepared scene."""
    gaussians: Path
    """PLY of trained Gaussians, in the scene's world frame."""


def main(config: Config, inputs: Inputs, outputs: Outputs, *, threads: int | None = None) -> None:
    """Draw all pictures of `inputs.gaussians`; `threads` (all, if None) does not change them.

    Raises InputError where an input is missing or damaged.
    """

    from splatsmith.gaussians.ply import read_ply
    from splatsmith.render.choice import settled
    from splatsmith.scenes.cameras_json import write_cameras_json
    from splatsmith.scenes.prepared import read_prepared

    folder, label = outputs.folder, f"render {outputs.folder.absolute().parent.name}"
    remove_manifest(folder)
    sources = [inputs.scene / "manifest.json", inputs.gaussians]
    with record(outputs.stage_json, stage="render_views", config=config, inputs=sources) as rec:
        scene, gaussians = read_prepared(inputs.scene), read_ply(inputs.gaussians)
        rec.backend = settled(config.backend, threads)
        print(f"{label}: {len(gaussians):,} Gaussians, backend {rec.backend}", flush=True)
        draw = _drawer(gaussians, config, rec.backend)
        kind, views = _chosen(scene)
        if kind == "train":
            rec.reason = f"no views are held out: {len(views)} training views are drawn instead, which flatters"
            print(f"{label}: {rec.reason}", flush=True)
        with Progress(label, len(views) + config.turntable_frames, "pictures") as bar:
            entries = [_draw_view(draw, view, kind, folder, bar) for view in views]
            turntable = _draw_turntable(draw, scene, config, folder, bar)
        mean = {key: round(float(np.mean([entry[key] for entry in entries])), 4) for key in ("psnr_db", "ssim")}
        rec.metrics |= {**mean, "kind": kind, "views": len(views), "gaussians": len(gaussians)}
        counts = {"gaussians": len(gaussians), "sh_degree": gaussians.sh_degree}
        metrics = {"kind": kind, "reason": rec.reason, **counts, "mean": mean, "views": entries, "turntable": turntable}
        files.write_json(folder / "metrics.json", metrics)
        write_cameras_json(folder / "cameras.json", [_posed(view, kind) for view in views])
        _write_contact_sheet(folder, views, entries)
        _write_manifest(folder, entries)
        words = "held-out" if kind == "test" else "training"
        print(f"{label}: {len(views)} {words} views, PSNR {mean['psnr_db']:.2f} dB, SSIM {mean['ssim']:.3f}")


def _drawer(gaussians: "Gaussians", config: Config, backend: Literal["cpu", "gsplat"]) -> "Draw":
    """A function of a camera and its pose that draws the scene, without gradients."""
    import torch

    from splatsmith.render import render_view
    from splatsmith.render.choice import device_of

    device = device_of(backend)
    gaussians = gaussians.map(lambda column: column.to(device))
    colour = background_rgb(config.background)
    background = torch.tensor(colour, device=device)

    @torch.no_grad()
    def draw(camera: Camera, T_camera_world: np.ndarray, depth: bool = False) -> "Rendered":
        return render_view(
            gaussians,
            camera,
            T_camera_world,
            background=background,
            antialiased=config.antialiased,
            depth=depth,
            backend=backend,
        )

    return draw


def _chosen(scene: "PreparedScene") -> tuple[Literal["test", "train"], Sequence[View]]:
    """The held-out views; or where there are none, some training views spread over all."""
    if scene.test_views:
        return "test", scene.test_views
    train = scene.train_views or scene.views
    count = min(MOST_TRAIN_VIEWS, len(train))
    return "train", [train[i] for i in np.linspace(0, len(train) - 1, count).round().astype(int)]


def _draw_view(draw: "Draw", view: View, kind: str, folder: Path, bar: Progress) -> dict:
    """Write the pictures of one view; returns its entry in metrics.json."""
    import torch

    from splatsmith.report.colours import as_bytes, depth_picture
    from splatsmith.scenes.pictures import write_png
    from splatsmith.scenes.prepared import read_image
    from splatsmith.train.losses import psnr, ssim

    drawn = draw(view.camera, view.T_camera_world, depth=True)
    image = drawn.image.clamp(0, 1)
    photo = torch.from_numpy(read_image(view)).to(image) / 255
    depth, depths = depth_picture(drawn.expected_depth.cpu().numpy(), drawn.alpha.cpu().numpy())
    entry = {
        "name": view.name,
        "psnr_db": round(min(float(psnr(image, photo)), BEST_PSNR_DB), 4),
        "ssim": round(float(ssim(image, photo)), 4),
        "render": f"{kind}/{view.name}.png",
        "depth": f"depth/{view.name}.png",
        "depths": depths,
    }
    write_png(folder / entry["render"], as_bytes(image.cpu().numpy()))
    write_png(folder / entry["depth"], depth)
    bar.advance(psnr=entry["psnr_db"])
    return entry


def _draw_turntable(draw: "Draw", scene: "PreparedScene", config: Config, folder: Path, bar: Progress) -> dict:
    """Write the video, its poster and its cameras; returns its entry in metrics.json."""
    from splatsmith.report.colours import as_bytes
    from splatsmith.report.turntable import fit_orbit, turntable_camera
    from splatsmith.report.video import write_video
    from splatsmith.scenes.cameras_json import PosedCamera, write_cameras_json
    from splatsmith.scenes.pictures import write_png

    orbit, camera = fit_orbit(scene.views, scene.points.xyz), turntable_camera(scene.views, config.turntable_side)
    poses = orbit.poses(config.turntable_frames)

    def frames() -> Iterator[np.ndarray]:
        for i, pose in enumerate(poses):
            frame = as_bytes(draw(camera, pose).image.cpu().numpy())
            if i == 0:
                write_png(folder / "turntable.png", frame)
            yield frame
            bar.advance()

    write_video(folder / "turntable.mp4", frames(), width=camera.width, height=camera.height, fps=config.fps)
    posed = (PosedCamera(f"turntable_{i:04}", None, camera, pose) for i, pose in enumerate(poses))
    write_cameras_json(folder / "turntable.json", posed)
    size = {"width": camera.width, "height": camera.height, "frames": len(poses), "fps": config.fps}
    return {"kind": orbit.kind, "span_deg": round(float(np.degrees(orbit.span)), 1), **size}


def _posed(view: View, kind: str):
    from splatsmith.scenes.cameras_json import PosedCamera

    return PosedCamera(view.name, f"{kind}/{view.name}.png", view.camera, view.T_camera_world)


def _write_contact_sheet(folder: Path, views: Sequence[View], entries: Sequence[dict]) -> None:

    from splatsmith.report.colours import error_picture
    from splatsmith.report.contact import Row, contact_sheet, spread
    from splatsmith.scenes.pictures import read_picture, write_jpeg
    from splatsmith.scenes.prepared import read_image

    named = {view.name: view for view in views}
    rows = []
    for entry in (entries[i] for i in spread([entry["psnr_db"] for entry in entries], MOST_ROWS)):
        photo = read_image(named[entry["name"]])
        render, depth = (read_picture(folder / entry[key]) for key in ("render", "depth"))
        figures = f"PSNR {entry['psnr_db']:.2f} dB   SSIM {entry['ssim']:.3f}"
        rows.append(Row(entry["name"], figures, (photo, render, error_picture(photo, render), depth)))
    sheet = contact_sheet(("photo", "render", "error", "depth"), rows, width=400)
    write_jpeg(folder / "contact.jpg", sheet)


def _write_manifest(folder: Path, entries: Sequence[dict]) -> None:
    """List what was written, and remove the pictures that an earlier run left for views of another name."""
    names = {entry[key] for entry in entries for key in ("render", "depth")}
    for kind in ("test", "train", "depth"):
        old = {path for path in (folder / kind).glob("*") if f"{kind}/{path.name}" not in names}
        for path in old:
            path.unlink()
        if old and not any((folder / kind).iterdir()):
            (folder / kind).rmdir()
    names |= {"metrics.json", "cameras.json", "contact.jpg", "turntable.mp4", "turntable.png", "turntable.json"}
    write_manifest(folder, names)
