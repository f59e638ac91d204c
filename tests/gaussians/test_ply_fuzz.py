"""Reading never crashes, hangs or swallows memory, whatever the bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
from plyfile import PlyData

from splatsmith.gaussians.ply import write_ply

FUZZ = Path(__file__).with_name("fuzz_ply.py")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
@pytest.mark.slow
def test_broken_files_give_a_scene_or_an_input_error(tmp_path, scene, labelled):
    write_ply(tmp_path / "seed0.ply", labelled(3, degree=1))
    write_ply(tmp_path / "seed1.ply", scene(20, degree=0))
    write_ply(tmp_path / "seed2.ply", scene(0))
    for name, options in {"seed3": {"text": True}, "seed4": {"byte_order": ">"}}.items():
        elements = PlyData.read(str(tmp_path / "seed0.ply")).elements
        PlyData(elements, **options).write(str(tmp_path / f"{name}.ply"))
    run = subprocess.run([sys.executable, FUZZ, tmp_path], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    counts = {what: int(count) for count, what in (line.split(" ", 1) for line in run.stdout.splitlines())}
    assert counts["a scene"] > 20  # both sides of the fence were tried
    assert sum(counts.values()) - counts["a scene"] > 200
    assert len(counts) >= 10
