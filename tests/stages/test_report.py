"""Stage report: one page that holds everything, says what the files say, and cannot be talked into anything."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of
from splatsmith.config import read_config
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import write_ply
from splatsmith.report.page import duration, grade
from splatsmith.report.recipe import recipe
from splatsmith.report.results import StageRecord, read_results
from splatsmith.report.templates import FOLDER
from splatsmith.stages import prepare_scene, render_views, report, train_3dgs

EVIL = '<script>alert("1")</script><img src="http://evil.example/x.png" onerror=alert(1)>\'"&amp;{{ 7*7 }}'
NAMES = ["0001", "große Füchse 狐", "<b onclick='x'>&\"; bold", "0004", "0005"]
TEST = NAMES[1:4]
VOID = {"meta", "img", "input", "br", "link"}
SCRIPT = Path(report.__file__).parents[3] / "workflow" / "scripts" / "report.py"


class Page(HTMLParser):
    """A parsed page: its elements with their attributes and text, checked for proper nesting."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.raw = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[int] = []
        self.feed(self.raw)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data):
        for i in self._open:
            self.elements[i][2].append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str], str]]:
        """Attributes and text, white space squeezed, of every element of this kind."""
        return [(attrs, " ".join("".join(text).split())) for name, attrs, text in self.elements if name == tag]

    def text(self) -> str:
        return self.all("body")[0][1]

    def uris(self) -> list[str]:
        keys = ("src", "href", "poster", "srcset", "action", "data", "xlink:href", "background", "formaction")
        return [attrs[key] for _, attrs, _ in self.elements for key in keys if key in attrs]


def content(uri: str) -> tuple[str, bytes]:
    head, _, data = uri.partition(",")
    kind, _, coding = head.removeprefix("data:").partition(";")
    assert coding == "base64"
    return kind, base64.b64decode(data, validate=True)


def finished(folder: Path, prepared, names=NAMES, test=TEST, **scene) -> Path:
    """Results of a scene, ready for the report: rendered for real, training made up."""
    prepared(folder / "scene", names, test, **scene)
    random = torch.Generator().manual_seed(0)
    gaussians = Gaussians(
        means=0.4 * torch.randn(40, 3, generator=random),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(40, 1),
        log_scales=torch.full((40, 3), -1.8),
        logit_opacities=torch.full((40,), 3.0),
        sh=torch.randn(40, 1, 3, generator=random),
    )
    ply = folder / "gaussians" / "point_cloud.ply"
    write_ply(ply, gaussians)
    rows = [{"step": 100 * i, "loss": 1 / i, "psnr_db": 20.0 + i, "gaussians": 10 * i} for i in range(1, 9)]
    (folder / "gaussians" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = {"stage": "train_3dgs", "status": "degraded", "reason": EVIL, "seconds": 75.25, "peak_memory_mb": 812.5}
    trained |= {"config": {EVIL: EVIL}, "inputs": {EVIL: None}, "versions": {"numpy": EVIL}, "seed": 7, "code": EVIL}
    (folder / "gaussians" / "stage.json").write_text(json.dumps(trained))
    config = render_views.Config(backend="cpu", turntable_frames=4, turntable_side=40)
    render_views.main(config, render_views.Inputs(folder / "scene", ply), render_views.Outputs(folder / "renders"))
    return folder


def write(folder: Path, **config) -> Path:
    outputs = report.Outputs(folder / "report" / "index.html")
    report.main(report.Config(**config), report.Inputs(folder), outputs)
    return outputs.page


@pytest.fixture(scope="module")
def fox(tmp_path_factory, prepared) -> Path:
    """Results not to be changed; the page is written."""
    told = {"layout": EVIL, "verdict": "poor", "advice": (EVIL,), "warnings": (EVIL, "two\n  lines")}
    folder = finished(tmp_path_factory.mktemp("results") / 'fox <i>&" é', prepared, **told)
    write(folder)
    return folder


@pytest.fixture(scope="module")
def page(fox) -> Page:
    return Page(fox / "report" / "index.html")


@pytest.fixture
def results(tmp_path, fox) -> Path:
    """Results of one's own."""
    shutil.copytree(fox, tmp_path / fox.name, ignore=shutil.ignore_patterns("report"))
    return tmp_path / fox.name


def rewritten(folder: Path, name: str, text: str) -> None:
    """Change a file of `renders/` as a rerun would, the manifest with it."""
    (folder / "renders" / name).write_text(text, encoding="utf-8")
    manifest = folder / "renders" / "manifest.json"
    listed = json.loads(manifest.read_text(encoding="utf-8")) | {name: sha256_of(folder / "renders" / name)}
    manifest.write_text(json.dumps(listed), encoding="utf-8")


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "renders" / "metrics.json").read_text(encoding="utf-8"))


def test_the_page_holds_all_it_shows(page, fox):
    links = [uri for uri in page.uris() if uri.startswith("#")]
    held = [uri for uri in page.uris() if not uri.startswith("#")]
    assert all(uri.startswith("data:") for uri in held)
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)
    kinds = [content(uri)[0] for uri in held]
    # poster twice; a map and a curve; photo, render, error, depth per view
    assert sorted(set(kinds)) == ["image/jpeg", "image/svg+xml", "video/mp4"]
    assert kinds.count("image/svg+xml") == 2
    assert kinds.count("image/jpeg") == 2 + 4 * len(TEST)
    for kind, data in map(content, held):
        match kind:
            case "image/jpeg":
                Image.open(io.BytesIO(data)).load()
            case "image/svg+xml":
                ET.fromstring(data)
                assert b"http" not in data.replace(b'="http://www.w3.org/', b"")
            case "video/mp4":
                assert data == (fox / "renders" / "turntable.mp4").read_bytes()
    style = page.all("style")[0][1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_video_in_the_page_plays_and_has_the_size_told(page, fox, tmp_path):
    ((video, _),) = page.all("video")
    (tmp_path / "v.mp4").write_bytes(content(video["src"])[1])
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "v.mp4"))
    assert next(reader)["size"] == (int(video["width"]), int(video["height"])) == (40, 30)
    assert len(list(reader)) == metrics_of(fox)["turntable"]["frames"] == 4


def test_every_number_is_that_of_the_metrics(page, fox):
    metrics = metrics_of(fox)
    rows = [(text, attrs) for attrs, text in page.all("data")]
    for text, attrs in rows:
        if " min " not in text:
            assert float(text.split()[0].replace(",", "")) == pytest.approx(float(attrs["value"]), abs=0.501)
    tiles = [float(attrs["value"]) for _, attrs in rows[:4]]
    assert tiles == [metrics["mean"]["psnr_db"], metrics["mean"]["ssim"], metrics["gaussians"], len(NAMES)]
    values = [float(attrs["value"]) for _, attrs in rows]
    for view in metrics["views"]:
        for key, decimals in (("psnr_db", 2), ("ssim", 3)):
            assert values.count(view[key]) >= 2  # at the pictures and in the table
            texts = {text for text, attrs in rows if float(attrs["value"]) == view[key]}
            assert texts == {f"{view[key]:.{decimals}f}"}
    record = json.loads((fox / "renders" / "stage.json").read_text())
    assert {record["seconds"], record["peak_memory_mb"], 75.25, 812.5} <= set(values)
    assert f"Time{duration(75.25 + record['seconds'])}training 1 min 15 s" in page.text()


def test_the_verdict_on_the_input_is_told_with_its_reasons(page, fox):
    told = page.all("section")[0][1]
    verdict = json.loads((fox / "scene" / "verdict.json").read_text(encoding="utf-8"))
    assert "The input is poor" in told
    assert told.count(EVIL) == 3
    assert "2 warnings" in told
    values = [float(attrs["value"]) for attrs, _ in page.all("data")]
    assert {verdict["points"], verdict["mean_track_length"], verdict["mean_reprojection_px"], 100.0} <= set(values)


def test_pictures_show_what_the_files_show(page, fox):
    by_alt = {attrs["alt"]: attrs for attrs, _ in page.all("img")}
    for view in metrics_of(fox)["views"]:
        shown = Image.open(io.BytesIO(content(by_alt[f"Render of {view['name']}"]["src"])[1]))
        given = Image.open(fox / "renders" / view["render"])
        assert shown.size == given.size
        assert (
            max(
                abs(a - b)
                for a, b in zip(
                    shown.resize((1, 1)).getpixel((0, 0)), given.resize((1, 1)).getpixel((0, 0)), strict=True
                )
            )
            <= 2
        )
        assert f"Photo {view['name']}" in by_alt
        assert f"Error of the render of {view['name']}" in by_alt
        assert f"Depth of the render of {view['name']}" in by_alt


def test_names_are_text_whatever_they_hold(page, fox):
    for name in NAMES[1:4]:
        assert name in page.text()
    assert page.all("h1")[0][1] == fox.name
    assert EVIL in page.text()
    assert "49" not in page.all("aside")[0][1]
    ours = (FOLDER / "report.js").read_text(encoding="utf-8")
    assert [text for _, text in page.all("script")] == [" ".join(ours.split())]
    assert sorted(text for _, text in page.all("b")) == ["best", "worst"]
    assert not [attrs for _, attrs, _ in page.elements if any(key.startswith("on") for key in attrs)]
    assert "http" not in "".join(page.uris())


def test_the_browser_may_run_our_script_alone_and_fetch_nothing(page):
    (policy,) = [a["content"] for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == rules["media-src"] == "data:"
    start = page.raw.index("<script>") + len("<script>")
    script = page.raw[start : page.raw.index("</script>", start)]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"


def test_the_page_can_be_read_without_seeing_it(page):
    assert page.all("html")[0][0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(attrs["alt"] for attrs, _ in page.all("img"))
    assert all(attrs["aria-label"] for attrs, _ in page.all("input"))
    assert [text for _, text in page.all("h2")] == [
        "Input",
        "Where the photos were taken",
        "Training",
        "Held-out photos and their renders",
        "Turntable",
        "Run times and memory",
        "Provenance",
    ]
    assert "width=device-width" in page.raw


def test_the_settings_in_the_page_make_the_same_results_again(results):
    """What the page says to save as a configuration is read back as exactly the settings that ran."""
    prepared = {
        "stage": "prepare_scene",
        "status": "ok",
        "arguments": {"scene": "my scenes/fox", "split": "my scenes/fox/splits/few.yml"},
        "inputs": {"my scenes/fox/images/a.jpg": "0", "my scenes/fox/images/b.jpg": "1"},
    }
    prepared |= {"config": prepare_scene.Config(max_side=77).model_dump(mode="json")}
    trained = {"stage": "train_3dgs", "status": "ok", "backend": "cpu", "inputs": {}}
    trained |= {"config": train_3dgs.Config(steps=123, background=(0.1, 0.2, 0.3)).model_dump(mode="json")}
    for place, record in (("scene", prepared), ("gaussians", trained)):
        (results / place / "stage.json").write_text(json.dumps(record), encoding="utf-8")
    folder = results.rename(results.parent / "fox")
    text = recipe("fox", read_results(folder).stages)
    config = read_config(yaml.safe_load(text))
    assert config.scenes["fox"].path == "my scenes/fox"
    assert config.scenes["fox"].split == "splits/few.yml"
    assert config.section("prepare", "fox").model_dump(mode="json") == prepared["config"]
    assert config.section("train", "fox").model_dump(mode="json") == trained["config"] | {"backend": "cpu"}
    assert config.section("render", "fox") == render_views.Config(backend="cpu", turntable_frames=4, turntable_side=40)
    page = Page(write(folder))
    assert " ".join(text.split()) in page.text()
    assert "./run --configfile again.yaml results/fox/report/index.html" in page.text()


@pytest.mark.parametrize(("split", "key"), [(None, None), ("fox/split.yml", "split.yml")])
def test_a_scene_without_a_split_file_gets_none_in_its_settings(split, key):
    prepared = StageRecord(stage="prepare_scene", status="ok", arguments={"scene": "fox", "split": split})
    assert read_config(yaml.safe_load(recipe("fox", [prepared]))).scenes["fox"].split == key
    assert recipe("fox", [StageRecord(stage="prepare_scene", status="failed")]) is None


def test_the_same_results_give_the_same_bytes(results):
    assert write(results).read_bytes() == write(results).read_bytes()


def test_training_views_are_never_passed_off_as_held_out(tmp_path, prepared):
    page = Page(write(finished(tmp_path / "fox", prepared, NAMES, [])))
    assert "no photo was held out" in page.text()
    assert "These are photos that training saw" in page.text()
    assert "PSNR, training views" in page.text()
    assert "held-out view" not in page.text()
    assert "Held-out photos" not in page.text()


def test_a_scene_that_came_trained_has_no_curve(results):
    (results / "gaussians" / "metrics.jsonl").write_text("")
    assert "came with trained Gaussians" in Page(write(results)).text()


def test_stages_without_a_record_are_left_out_and_failures_are_told(results):
    (results / "gaussians" / "stage.json").unlink()
    failed = {"stage": "prepare_scene", "status": "failed", "reason": "the stage was killed", "seconds": 1.0}
    (results / "scene" / "stage.json").write_text(json.dumps(failed))
    page = Page(write(results))
    assert "prepare_scene: failed. the stage was killed" in page.text()
    assert "train_3dgs" not in page.text()


@pytest.mark.slow
def test_large_pictures_are_reduced_and_the_page_says_so(tmp_path, prepared):
    folder = finished(tmp_path / "fox", prepared, NAMES, TEST, width=600)
    sizes = {}
    for size_mb, reduced in ((0.7, True), (10, False)):
        page = Page(write(folder, size_mb=size_mb))
        assert ("Pictures are reduced to" in page.text()) == reduced
        sizes[size_mb] = len(page.raw.encode())
    assert sizes[0.7] < 0.7e6 < sizes[10]


def test_a_video_too_large_for_the_page_is_left_out_and_the_page_says_so(results):
    page = Page(write(results, size_mb=0.001))
    assert page.all("video") == []
    assert "The video is too large for this page: renders/turntable.mp4" in page.text()


def test_only_some_views_are_shown_and_the_page_says_so(results):
    page = Page(write(results, views=2))
    assert "2 of 3 views are shown, from the worst to the best" in page.text()
    ranked = sorted(metrics_of(results)["views"], key=lambda view: view["psnr_db"])
    assert {attrs["aria-label"] for attrs, _ in page.all("article")} == {f"View {ranked[i]['name']}" for i in (0, -1)}


REQUIRED = [
    ("scene/manifest.json", "prepare_scene"),
    ("scene/verdict.json", "prepare_scene"),
    ("scene/images/0004.png", "prepare_scene"),
    ("gaussians/metrics.jsonl", "train_3dgs"),
    ("renders/manifest.json", "render_views"),
    ("renders/metrics.json", "render_views"),
    ("renders/test/0004.png", "render_views"),
    ("renders/depth/0004.png", "render_views"),
    ("renders/turntable.mp4", "render_views"),
    ("renders/turntable.png", "render_views"),
]


@pytest.mark.parametrize(("path", "stage"), REQUIRED)
def test_a_missing_result_is_named_with_the_stage_to_redo(results, path, stage):
    (results / path).unlink()
    with pytest.raises(InputError) as error:
        write(results)
    assert str(results / path) in str(error.value)
    assert stage in str(error.value)
    assert not (results / "report" / "index.html").exists()
    assert json.loads((results / "report" / "stage.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("renders/metrics.json", "{}", "its bytes are not those that the manifest lists"),
        ("renders/manifest.json", "{", "Invalid JSON"),
        ("renders/manifest.json", '{"metrics.json": 3}', "valid string"),
        ("renders/test/0004.png", "", "its bytes are not those that the manifest lists"),
        ("scene/verdict.json", "[]", "should be an object"),
        ("gaussians/metrics.jsonl", '{"step": 1}\n[', "Invalid JSON"),
        ("gaussians/stage.json", '{"stage": 3, "status": "ok"}', "valid string"),
        ("gaussians/metrics.jsonl", "\ud800", "Invalid JSON"),
    ],
)
def test_a_damaged_result_is_named(results, path, text, words):
    (results / path).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError) as error:
        write(results)
    assert str(results / path) in str(error.value)
    assert words in str(error.value)


def test_renders_of_another_scene_are_refused(results):
    metrics = json.dumps(metrics_of(results)).replace('"0004"', '"9999"')
    rewritten(results, "metrics.json", metrics)
    with pytest.raises(InputError, match="9999"):
        write(results)


@pytest.mark.parametrize(
    ("psnr_db", "word"),
    [(30.0, "very close"), (29.99, "close to"), (24.9, "recognisable"), (19.9, "far"), (3.0, "far")],
)
def test_the_verdict_follows_the_figures(results, psnr_db, word):
    metrics = metrics_of(results)
    metrics["mean"]["psnr_db"] = psnr_db
    rewritten(results, "metrics.json", json.dumps(metrics))
    assert grade(read_results(results))[0].startswith(word)
    assert f"the scene is {grade(read_results(results))[0]}" in Page(write(results)).text()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (8.14, "8.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7799, "2 h 09 min"),
    ],
)
def test_durations_are_for_people(seconds, words):
    assert duration(seconds) == words


def test_the_script_writes_the_page_without_torch(results):
    code = "import runpy, sys; sys.argv = sys.argv[1:]\ntry: runpy.run_path(sys.argv[0], run_name='__main__')\n"
    code += "finally: print(*sys.modules)"
    words = [SCRIPT, "--results", results, "--output", results / "report" / "index.html"]
    answer = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert (results / "report" / "index.html").exists()
    assert {"torch", "numba", "cv2", "pycolmap"}.isdisjoint(answer.stdout.split())


# A segmented scene


def noise(width: int, height: int) -> Image.Image:
    """A picture that JPEG cannot make small."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def listed(folder: Path, sheet: str | None = None, **documents: object) -> None:
    """Write what a stage leaves: JSON by name, a contact sheet, and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    if sheet:
        noise(900, 300).save(folder / sheet, quality=95)
    names = [path.name for path in folder.iterdir() if path.name not in ("manifest.json", "stage.json")]
    (folder / "manifest.json").write_text(json.dumps({name: sha256_of(folder / name) for name in names}))


def plate(id: int, path: str, **told: object) -> dict:
    box = {"box_min": [0.0, 0.0, 0.0], "box_max": [0.25, 1.5, 12.0]}
    known = {"colour": [1, 2, id], "count": 1000 + id, "mean_score": 0.75, "views": 4, "view": "0004", "status": "ok"}
    return {"id": id, "path": path, "prompt": "", "reason": "", "ply": f"{path}/gaussians.ply", **known, **box} | told


EMPTY = {"box_min": None, "box_max": None, "mean_score": None, "view": None, "ply": None, "count": 0, "views": 0}
MEANS = {"miou": 0.8125, "mbiou": 0.4375, "missing": 3, "pairs": 17}
NOTHING = {"miou": None, "mbiou": None, "missing": 0, "pairs": 0}


def objects_in(results: Path) -> None:
    plates = [plate(7, EVIL, prompt=EVIL), plate(300, "ghost", **EMPTY, status="empty", reason=EVIL)]
    atlas = {"min_share": 0.5, "clean": True, "gaussians": 4321, "rest": 1234, "objects": plates}
    listed(results / "objects", "atlas.jpg", atlas=atlas)


def masks_in(results: Path) -> None:
    views = {"0001": {"masks": [], "flags": [EVIL, "two"]}, "0004": {"masks": []}}
    raw = {"source": EVIL, "rest": "unknown", "objects": [], "missing": {EVIL: EVIL}, "views": views}
    listed(results / "masks" / "raw", "contact.jpg", masks=raw)
    maps = {"0001": ("given", [EVIL, "three"]), "0004": ("rendered", []), "0005": ("rendered", [])}
    told = {name: {"origin": origin, "flags": flags} for name, (origin, flags) in maps.items()}
    listed(results / "masks" / "consistent", "contact.jpg", views=told)


def segmentation_in(results: Path) -> None:
    votes = {
        "held_out": {"psnr_db_before": 27.125, "psnr_db_after": 27.0625},
        "splits": 0,
        "method": EVIL,
        "sure": True,
    }
    views = {str(i): float(i) for i in range(50)}
    listed(results / "segmentation" / "votes", metrics=votes | {"views": views})
    listed(results / "segmentation" / "gradiseg", metrics={EVIL: 0.375, "splits": 12345})


def evaluation_in(results: Path) -> None:
    by_rule = {"soft": MEANS | {"objects": {EVIL: MEANS}}, "argmax": {}}
    nothing = {"soft": NOTHING | {"objects": {}}, "argmax": {}}
    extraction = [{"numbers": "oracle", "weights": "number", "accuracy": 0.625, "miou": None}]
    method = {"named": nothing, "oracle": by_rule, "oracle_elsewhere": by_rule, "gaussians": {"extraction": extraction}}
    protocols = dict.fromkeys(("named", "oracle", "oracle_elsewhere"), EVIL)
    told = {"reason": EVIL, "truth": {}, "protocols": protocols, "methods": {EVIL: method}}
    listed(results / "evaluation", "contact.jpg", metrics=told)


def edits_in(results: Path) -> None:
    for name in ("no-can", "purple-hat"):
        told = {
            "edit": {"name": name, "target": EVIL, "method": "remove"},
            "gaussians": {"before": 9876, "after": 8765},
        }
        listed(results / "edits" / name, "contact.jpg", metrics=told)
        record = {"stage": "edit_scene", "status": "ok", "seconds": 1.5}
        (results / "edits" / name / "stage.json").write_text(json.dumps(record))


def completion_in(results: Path) -> None:
    counts, better = {"before": 1234, "after": 5678}, {"before": 20.5, "after": 30.25}
    told = {"status": "failed", "reason": EVIL, "gaussians": counts, "leftovers_removed": 3, "psnr_db": None}
    composed = {"gaussians": counts, "psnr_db": better, "objects": {"mug": told, EVIL: told}}
    listed(results / "composed", "contact.jpg", metrics=composed)
    looks = {when: {"psnr_db": psnr, "ssim": 0.5, "lpips": None, "iou": 0.75} for when, psnr in better.items()}
    judged = {"mug": {"masks": "true", "mean": looks}, EVIL: {"masks": "true", "mean": None}}
    told = {"reason": EVIL, "views": "held-out", "objects": judged}
    listed(results / "composed_evaluation", "contact.jpg", metrics=told)
    listed(results / "completion" / "mug" / "aligned", "contact.jpg", pose={})


PARTS = {
    "objects": objects_in,
    "masks": masks_in,
    "segmentation": segmentation_in,
    "evaluation": evaluation_in,
    "edits": edits_in,
    "completion": completion_in,
}
SECTIONS = {
    "Objects": ("objects", "masks", "segmentation"),
    "Segmentation against the truth": ("evaluation",),
    "Completed objects": ("completion",),
    "Edits": ("edits",),
}


@pytest.mark.parametrize("parts", [[], *([part] for part in PARTS), list(PARTS)], ids=" ".join)
def test_a_section_is_there_if_its_results_are(results, parts):
    for part in parts:
        PARTS[part](results)
    page = Page(write(results))
    there = [title for title, needs in SECTIONS.items() if set(needs) & set(parts)]
    assert [text for _, text in page.all("h2")][5:-2] == there
    links = [attrs["href"] for attrs, _ in page.all("a") if attrs["href"].startswith("#")]
    assert {link[1:] for link in links} == {attrs["id"] for attrs, _ in page.all("section")}
    record = json.loads((results / "report" / "stage.json").read_text())
    assert all(record["inputs"].values())
    found = {Path(path).relative_to(results).parts[0] for path in record["inputs"]}
    beside = {"composed", "composed_evaluation"} if "completion" in parts else set()
    assert found == {"scene", "renders", *parts} | beside


@pytest.fixture
def segmented(results) -> Path:
    """Results of one's own, of every kind."""
    for part in PARTS.values():
        part(results)
    return results


def test_the_atlas_is_told_in_a_picture_and_a_table(segmented):
    page = Page(write(segmented))
    told = next(text for attrs, text in page.all("section") if attrs["id"] == "objects")
    values = [float(attrs["value"]) for attrs, _ in page.all("data")]
    assert {4321, 1234, 1007, 0, 0.75, 2, 50.0} <= set(values)
    assert "0.25 × 1.5 × 12" in told
    assert f"objects/{EVIL}/gaussians.ply" in told
    assert f"empty {EVIL}" in told
    (swatch, _), *_ = [one for one in page.all("i") if one[0].get("class") == "swatch"]
    assert swatch["style"] == "background: rgb(1, 2, 7)"


def test_views_to_look_at_are_told_with_their_reasons(segmented):
    told = next(text for attrs, text in Page(write(segmented)).all("section") if attrs["id"] == "objects")
    assert f"1 view to look at 0001: {EVIL}; three" in told
    assert f"{EVIL} was found in no view: {EVIL}" in told
    assert "1 as the source gave them, 2 drawn from the other views alone." in told


def test_figures_of_every_segmentation_stand_side_by_side(segmented):
    told = next(text for attrs, text in Page(write(segmented)).all("section") if attrs["id"] == "objects")
    assert "figuregradisegvotes" in told
    assert f"{EVIL}0.375– splits12,3450" in told
    assert "held out psnr db before–27.12 held out psnr db after–27.06" in told
    assert "sure" not in told
    assert "views 3" not in told


def test_figures_of_an_evaluation_are_told_as_they_are(segmented):
    page = Page(write(segmented))
    told = next(text for attrs, text in page.all("section") if attrs["id"] == "evaluation")
    assert f"{EVIL} oracle 81.2 43.8 3 of 17 62.5 –" in told
    assert f"{EVIL} oracle_elsewhere 81.2 43.8 3 of 17 – –" in told
    assert f"{EVIL} named – – 0 of 0 – –" in told
    assert f"{EVIL}81.2 / 43.8" in told
    assert told.count(EVIL) == 1 + 3 + 3 + 1 + 1  # the reason, the rows, the protocols, the columns, the objects


def test_an_edit_that_could_not_be_done_is_told_and_holds_nothing_back(segmented):
    place = segmented / "edits" / "no-can"
    for path in place.iterdir():
        path.unlink()
    listed(place, outcome={"status": "failed", "reason": EVIL})
    (place / "stage.json").write_text(json.dumps({"stage": "edit_scene", "status": "failed", "seconds": 1.5}))
    page = Page(write(segmented))
    told = {attrs["id"]: text for attrs, text in page.all("section")}["edits"]
    assert f"no-can could not be done: {EVIL}" in told
    assert "remove" in told  # the other edit


def test_completed_objects_are_told_before_and_after_with_their_pictures(segmented):
    page = Page(write(segmented))
    told = {attrs["id"]: text for attrs, text in page.all("section")}["completion"]
    assert f"mug failed {EVIL} 1,234 → 5,678 3 0.750 → 0.750 20.50 → 30.25 –" in " ".join(told.split())
    assert f"{EVIL} failed {EVIL} 1,234 → 5,678 3 – – –" in " ".join(told.split())
    assert "held-out views" in told
    shown = [content(attrs["src"])[1] for attrs, _ in page.all("img")]
    for place in ("composed", "composed_evaluation", "completion/mug/aligned"):
        assert (segmented / place / "contact.jpg").read_bytes() in shown


def test_every_edit_is_told_with_its_pictures_and_its_run(segmented):
    page = Page(write(segmented))
    told = {attrs["aria-label"]: text for attrs, text in page.all("article")}
    assert f"remove {EVIL} · 9,876 Gaussians before, 8,765 after" in told["Edit no-can"]
    assert "edits/purple-hat/point_cloud.ply" in told["Edit purple-hat"]
    shown = [attrs["src"] for attrs, _ in page.all("img") if "before and after the edit" in attrs["alt"]]
    given = [(segmented / "edits" / name / "contact.jpg").read_bytes() for name in ("no-can", "purple-hat")]
    assert [content(uri)[1] for uri in shown] == given
    runs = [text for attrs, text in page.all("th") if attrs.get("scope") == "row" and text.startswith("edit_scene")]
    assert runs == ["edit_scene no-can", "edit_scene purple-hat"]


def test_raw_masks_are_shown_where_there_are_no_consistent_ones(segmented):
    shutil.rmtree(segmented / "masks" / "consistent")
    page = Page(write(segmented))
    assert f"1 view to look at 0001: {EVIL}; two" in page.text()
    (shown,) = [attrs["src"] for attrs, _ in page.all("img") if "with the masks" in attrs["alt"]]
    assert content(shown)[1] == (segmented / "masks" / "raw" / "contact.jpg").read_bytes()


def test_sheets_are_reduced_to_keep_the_page_small(segmented):
    for folder in (segmented / "objects", segmented / "evaluation"):
        sheet = next(folder.glob("*.jpg"))
        noise(3000, 700).save(sheet, quality=95)
        listed(folder)
    widths = {}
    for size_mb in (2, 20):
        page = Page(write(segmented, size_mb=size_mb))
        by_alt = {attrs["alt"]: attrs for attrs, _ in page.all("img")}
        sheet = next(attrs for alt, attrs in by_alt.items() if alt.startswith("A tile for each object"))
        assert Image.open(io.BytesIO(content(sheet["src"])[1])).size == (int(sheet["width"]), int(sheet["height"]))
        widths[size_mb] = int(sheet["width"])
        assert len(page.raw) < size_mb * 1e6
    assert widths[2] < widths[20] < 3000


@pytest.mark.parametrize(
    ("path", "text", "stage", "words"),
    [
        ("objects/atlas.json", "{}", "extract_objects", "its bytes are not those that the manifest lists"),
        ("objects/atlas.jpg", "", "extract_objects", "its bytes are not those that the manifest lists"),
        ("objects/manifest.json", "[", "extract_objects", "Invalid JSON"),
        ("masks/raw/masks.json", None, "segment_2d", "no such file"),
        ("masks/consistent/contact.jpg", None, "associate_masks", "no such file"),
        ("segmentation/votes/metrics.json", None, "segment_3d", "no such file"),
        ("evaluation/metrics.json", "{}", "evaluate", "its bytes are not those that the manifest lists"),
        ("edits/no-can/contact.jpg", None, "edit_scene", "no such file"),
        ("edits/no-can/stage.json", "{}", "edit_scene", "stage: Field required"),
    ],
)
def test_a_damaged_result_of_a_segmented_scene_is_named(segmented, path, text, stage, words):
    (segmented / path).unlink() if text is None else (segmented / path).write_text(text)
    with pytest.raises(InputError) as error:
        write(segmented)
    (problem,) = error.value.problems
    assert (problem.where, problem.got) == (str(segmented / path), words) or words in problem.got
    assert f"redo the stage {stage}" in problem.fix
