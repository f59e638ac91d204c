"""Cameras and points of plain photos, by pycolmap's incremental structure from motion, on the CPU.

Photos are matched each with each while they are few, and else each with its neighbours in the order of names, as in a
video. Photos of one size and focal length share a camera. The result is the same in every run: seeds are fixed, and the
mapper, whose sums depend on their order, runs in one thread.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from PIL import Image

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.progress import Progress
from splatsmith.scenes.capture import Capture, capture
from splatsmith.scenes.colmap import listed_images, points_of, quality_of
from splatsmith.scenes.names import pictures_in
from splatsmith.scenes.pictures import ORIENTATION, read_header, read_picture

FEWEST = 3
"""Photos that make a scene."""
EXHAUSTIVE_UP_TO = 150
"""Photos to match each with each; more are matched with their neighbours."""
NEIGHBOURS = (*range(1, 11), 16, 32, 64, 128, 256)
"""Distances, in the order of names, of the photos that a photo is matched with when they are many."""
FEATURE_SIDE = 1600
"""Longest side, in pixels, at which features are sought."""
CHUNK = 16
"""Photos, or tens of pairs, between two signs of progress."""
ADVICE = (
    "take more photos that overlap by two thirds and show texture, sharp, with fixed exposure and zoom, moving "
    "around the scene and not only turning on the spot"
)
EXIF_IFD, MODEL, FOCAL_MM, FOCAL_35_MM = 0x8769, 0x0110, 0x920A, 0xA405


def reconstruct(photos: Path, work: Path, label: str, threads: int = -1) -> Capture:
    """Find the cameras of the photos below `photos`, with `work` as an empty folder for what comes in between.

    `threads` is for features and matches, -1 takes all; it does not change the result. The world frame is arbitrary.
    Raises InputError where a photo is damaged or fewer than three can be placed.
    """
    pictures = pictures_in(photos)
    names = list(pictures)
    links = _link_upright(list(pictures.values()), work / "photos")
    database = work / "database.db"
    _find_features(database, links, f"{label} features", threads)
    _match(database, [link.name for link in links], work / "pairs.txt", f"{label} matches", threads)
    model = _map(database, work, len(links), f"{label} cameras")
    if model is None or model.num_reg_images() < FEWEST:
        got = f"{0 if model is None else model.num_reg_images()} of {len(links)}"
        expected = f"{FEWEST} or more"
        raise InputError(Problem("too few photos could be placed in a scene", str(photos), ADVICE, expected, got))
    originals = {image_id: names[int(Path(image.name).stem)] for image_id, image in model.images.items()}
    scene = capture(listed_images(model, originals), photos, photos, points_of(model))
    shots = tuple(replace(shot, upright=True) for shot in scene.shots)
    return replace(scene, shots=shots, quality=quality_of(model))


def _link_upright(photos: Sequence[Path], folder: Path) -> list[Path]:
    """Links named by number, or JPEG copies where a photo is not stored upright and plain, as SfM wants it.

    Numbers, because pair lists cannot spell names with spaces.
    """
    folder.mkdir(parents=True)
    links, problems = [], []
    for i, photo in enumerate(photos):
        try:
            if read_header(photo).plain:
                link = folder / f"{i:06}{photo.suffix.lower()}"
                link.symlink_to(photo.resolve())
            else:
                link = folder / f"{i:06}.jpg"
                upright = Image.fromarray(read_picture(photo, upright=True))
                with Image.open(photo) as original:
                    exif = original.getexif()
                exif.pop(ORIENTATION, None)
                upright.save(link, "JPEG", quality=98, subsampling=0, exif=exif)
            links.append(link)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return links


def _find_features(database: Path, links: Sequence[Path], label: str, threads: int) -> None:
    from splatsmith.scenes.colmap_library import pycolmap

    groups: dict[tuple, list[str]] = {}
    for link in links:
        groups.setdefault(_optics(link), []).append(link.name)
    folder = links[0].parent
    pycolmap.Database.open(database).close()  # makes it
    for names in groups.values():  # first, so that ids follow names and not whichever thread is done before
        pycolmap.import_images(database, folder, pycolmap.CameraMode.SINGLE, names)
    options = pycolmap.FeatureExtractionOptions(max_image_size=FEATURE_SIDE, num_threads=threads, use_gpu=False)
    with Progress(label, len(links), "photos") as bar:
        for start in range(0, len(links), CHUNK):
            chunk = [link.name for link in links[start : start + CHUNK]]
            device = pycolmap.Device.cpu
            pycolmap.extract_features(database, folder, chunk, extraction_options=options, device=device)
            bar.advance(len(chunk))


def _optics(photo: Path) -> tuple:
    """What photos of one camera and zoom have in common."""
    with Image.open(photo) as picture:
        exif = picture.getexif()
        details = exif.get_ifd(EXIF_IFD)
        return picture.size, str(exif.get(MODEL)), str(details.get(FOCAL_MM)), str(details.get(FOCAL_35_MM))


def _match(database: Path, names: Sequence[str], list_file: Path, label: str, threads: int) -> None:
    from splatsmith.scenes.colmap_library import pycolmap

    matching = pycolmap.FeatureMatchingOptions(num_threads=threads, use_gpu=False)
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    pairing = pycolmap.ImportedPairingOptions(match_list_path=list_file)
    pairs = matched_pairs(len(names))
    with Progress(label, len(pairs), "pairs") as bar:
        for start in range(0, len(pairs), 10 * CHUNK):
            chunk = pairs[start : start + 10 * CHUNK]
            list_file.write_text("".join(f"{names[a]} {names[b]}\n" for a, b in chunk))
            pycolmap.match_image_pairs(database, matching, pairing, verification, device=pycolmap.Device.cpu)
            bar.advance(len(chunk))


def matched_pairs(count: int) -> list[tuple[int, int]]:
    """Which of `count` photos, in the order of names, are matched with which."""
    if count <= EXHAUSTIVE_UP_TO:
        return list(combinations(range(count), 2))
    return [(a, a + step) for a in range(count) for step in NEIGHBOURS if a + step < count]


def _map(database: Path, work: Path, count: int, label: str):
    """The largest reconstruction, or None."""
    from splatsmith.scenes.colmap_library import pycolmap

    pycolmap.set_random_seed(0)
    options = pycolmap.IncrementalPipelineOptions(min_model_size=FEWEST, max_num_models=5, num_threads=1, random_seed=0)
    options.mapper.random_seed = options.triangulation.random_seed = 0
    (work / "models").mkdir()
    with Progress(label, count, "photos") as bar:
        models = pycolmap.incremental_mapping(
            database, work / "photos", work / "models", options, next_image_callback=lambda: bar.advance(1)
        )
        best = max(models.values(), key=lambda model: model.num_reg_images(), default=None)
        if best is not None:  # the first pair is placed without a call
            bar.advance(max(0, best.num_reg_images() - bar.done))
    return best
