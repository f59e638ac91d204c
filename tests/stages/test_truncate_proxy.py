"""Stage truncate_proxy: what is hardly opaque goes, what is known of the proxy stays, and the proxy is left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from splatsmith.base.errors import InputError
from splatsmith.base.files import sha256_of, write_json
from splatsmith.base.manifest import write_manifest
from splatsmith.base.outcome import Outcome, read_outcome, write_outcome
from splatsmith.base.ply import read_vertices
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply
from splatsmith.stages import truncate_proxy

SCRIPT = Path(truncate_proxy.__file__).parents[3] / "workflow" / "scripts" / "truncate_proxy.py"


def generated(folder: Path, logits: list[float], outcome: Outcome | None = None) -> Path:
    """A proxy as its stage leaves it."""
    n, random = len(logits), torch.Generator().manual_seed(0)
    proxy = Gaussians(
        means=torch.randn(n, 3, generator=random),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        log_scales=torch.full((n, 3), -3.0),
        logit_opacities=torch.tensor(logits),
        sh=torch.zeros(n, 1, 3),
        extra={"provenance": torch.arange(n).to(torch.uint8)},
    )
    write_ply(folder / "generated.ply", proxy)
    write_json(folder / "proxy.json", {"kind": "user", "aligned": True, "up": None})
    return completed(folder, outcome or Outcome())


def completed(folder: Path, outcome: Outcome) -> Path:
    write_outcome(folder, outcome)
    write_manifest(folder, ["generated.ply", "proxy.json", "outcome.json"])
    return folder


def truncate(proxy: Path, **words) -> Path:
    folder = proxy.parent / "truncated"
    truncate_proxy.main(truncate_proxy.Config(**words), truncate_proxy.Inputs(proxy), truncate_proxy.Outputs(folder))
    return folder


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def proxy(tmp_path) -> Path:
    return generated(tmp_path / "fox" / "completion" / "ball" / "proxy", [-5.0, 0.0, -2.3, 5.0])


def test_what_is_left_is_written_with_what_is_known_and_the_proxy_is_left_alone(proxy):
    before = {path: sha256_of(path) for path in proxy.iterdir()}
    folder = truncate(proxy)
    assert read_ply(folder / "truncated.ply").extra["provenance"].tolist() == [1, 3]
    assert (folder / "proxy.json").read_bytes() == (proxy / "proxy.json").read_bytes()
    assert read_outcome(folder) == Outcome()
    assert written(folder) == {"truncated.ply", "proxy.json", "outcome.json", "manifest.json", "stage.json"}
    listed = json.loads((folder / "manifest.json").read_text())
    assert {name: sha256_of(folder / name) for name in ("truncated.ply", "proxy.json", "outcome.json")} == listed
    assert {path: sha256_of(path) for path in proxy.iterdir()} == before
    stage = json.loads((folder / "stage.json").read_text())
    assert (stage["status"], stage["metrics"]) == ("ok", {"gaussians": 2, "dropped": 2})


def test_the_threshold_is_the_configuration_s(proxy):
    assert len(read_ply(truncate(proxy, min_opacity=0.05) / "truncated.ply")) == 3
    assert len(read_ply(truncate(proxy, min_opacity=0.0) / "truncated.ply")) == 4


def test_a_proxy_of_nothing_fails_with_the_reason_and_leaves_nothing(proxy):
    truncate(proxy)
    folder = truncate(proxy, min_opacity=1.0)
    assert read_outcome(folder).status == "failed"
    assert "as opaque as 1; the most opaque one has 0.993" in read_outcome(folder).reason
    assert written(folder) == {"outcome.json", "manifest.json", "stage.json"}


def test_a_proxy_that_is_not_finite_fails_with_the_reason(proxy):
    """Whatever made it wrote just that: the file is whole."""
    rows = read_vertices(proxy / "generated.ply")
    damaged = (proxy / "generated.ply").read_bytes()
    at = damaged.index(rows["x"][2].tobytes())
    (proxy / "generated.ply").write_bytes(damaged[:at] + torch.tensor(torch.nan).numpy().tobytes() + damaged[at + 4 :])
    folder = truncate(completed(proxy, Outcome()))
    assert read_outcome(folder).status == "failed"
    assert "NaN or infinite" in read_outcome(folder).reason


def test_a_proxy_that_failed_is_passed_on(proxy):
    completed(proxy, Outcome(status="failed", reason="no view shows it"))
    folder = truncate(proxy)
    assert read_outcome(folder) == Outcome(status="failed", reason="generate_proxy: no view shows it")
    assert written(folder) == {"outcome.json", "manifest.json", "stage.json"}


def test_a_proxy_that_is_to_be_looked_at_is_truncated(proxy):
    completed(proxy, Outcome(status="degraded", reason="its back is a guess"))
    assert len(read_ply(truncate(proxy) / "truncated.ply")) == 2


@pytest.mark.parametrize("name", ["generated.ply", "proxy.json", "outcome.json", "manifest.json"])
def test_a_missing_or_damaged_file_is_an_error(proxy, name):
    (proxy / name).write_bytes((proxy / name).read_bytes()[:-20])
    with pytest.raises(InputError) as error:
        truncate(proxy)
    assert str(proxy / name) in str(error.value)
    (proxy / name).unlink()
    with pytest.raises(InputError) as error:
        truncate(proxy)
    assert str(proxy / name) in str(error.value)
    assert written(proxy.parent / "truncated") == {"stage.json"}


@pytest.mark.slow
def test_the_script_does_what_the_stage_does(proxy, tmp_path):
    words = ["--proxy", proxy, "--output", tmp_path / "a" / "b" / "c" / "out", "--config", '{"min_opacity": 0.05}']
    answer = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    expected = truncate(proxy, min_opacity=0.05)
    made = tmp_path / "a" / "b" / "c" / "out" / "manifest.json"
    assert made.read_bytes() == (expected / "manifest.json").read_bytes()
