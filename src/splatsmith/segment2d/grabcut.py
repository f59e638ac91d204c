"""GrabCut (Rother et al., SIGGRAPH 2004) by OpenCV, on colour and depth together, deterministic.

A trimap says of every pixel what is known: BACKGROUND and OBJECT stay, the two MAYBE are decided by the cut.
"""

import cv2
import numpy as np

BACKGROUND, OBJECT, MAYBE_BACKGROUND, MAYBE_OBJECT = cv2.GC_BGD, cv2.GC_FGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD
FEWEST = 10
"""Pixels that object and background need each, to be told apart."""
SPREAD = 40.0
"""Grey levels that one standard deviation of the strongest feature takes."""


def features(photo: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the three principal directions of Lab colour and log depth, which GrabCut takes for a colour.

    photo: (H, W, 3) uint8 RGB. depth: (H, W), camera z in scene units, of the trained scene.
    """
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    log_depth = np.log(np.maximum(depth, 1e-6)).astype(np.float32)[..., None]
    scaled = [lab / max(float(lab.std(axis=(0, 1)).max()), 1e-6), log_depth / max(float(log_depth.std()), 1e-6)]
    mixed = np.concatenate(scaled, axis=2)
    mixed -= mixed.mean(axis=(0, 1))
    _, directions = np.linalg.eigh(np.einsum("hwi,hwj->ij", mixed, mixed, dtype=np.float64))
    strongest = directions[:, :0:-1] * np.sign(directions[:, :0:-1].sum(axis=0))
    return np.clip(mixed @ strongest.astype(np.float32) * SPREAD + 128, 0, 255).astype(np.uint8)


def cut(image: np.ndarray, trimap: np.ndarray, iterations: int) -> np.ndarray | None:
    """(H, W) bool: the object's pixels of `image` (H, W, 3) uint8; None where too little is known to begin."""
    certain = trimap.astype(np.uint8)
    objects = (certain == OBJECT) | (certain == MAYBE_OBJECT)
    if objects.sum() < FEWEST or (~objects).sum() < FEWEST:
        return None
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(image), certain, None, *models, iterations, cv2.GC_INIT_WITH_MASK)
    return (certain == OBJECT) | (certain == MAYBE_OBJECT)


def around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the box of a mask that is somewhere true, with a margin in pixels, within the picture."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
