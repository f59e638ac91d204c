"""A PLY of Gaussians is taken as it is."""

import pytest
import torch
from numpy.lib.recfunctions import repack_fields
from plyfile import PlyData, PlyElement

from splatsmith.base.errors import InputError
from splatsmith.base.ply import read_vertices
from splatsmith.complete.provenance import GIVEN
from splatsmith.complete.proxies import Proxy
from splatsmith.complete.proxies.user import UserFile
from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ply import read_ply, write_ply


def some(n: int = 20) -> Gaussians:
    random = torch.Generator().manual_seed(0)
    shapes = {"means": (n, 3), "quats": (n, 4), "log_scales": (n, 3), "logit_opacities": (n,), "sh": (n, 4, 3)}
    columns = {name: torch.randn(shape, generator=random) for name, shape in shapes.items()}
    return Gaussians(**columns, extra={"label": torch.arange(n).to(torch.uint16)})


def test_gaussians_keep_their_values_and_get_a_provenance(tmp_path):
    write_ply(tmp_path / "cup.ply", some())
    proxy = UserFile(tmp_path / "cup.ply").generate(None)
    given = read_ply(tmp_path / "cup.ply")
    for name in ("means", "quats", "log_scales", "logit_opacities", "sh"):
        assert torch.equal(getattr(proxy.gaussians, name), getattr(given, name))
    assert {name: set(column.tolist()) for name, column in proxy.gaussians.extra.items()} == {"provenance": {GIVEN}}
    assert isinstance(proxy, Proxy)
    assert (proxy.kind, proxy.aligned, proxy.up, proxy.surface) == ("user", False, None, None)


def test_a_ply_that_lacks_something_of_gaussians_is_told_so(tmp_path):
    write_ply(tmp_path / "cup.ply", some())
    rows = read_vertices(tmp_path / "cup.ply")
    rows = rows[[name for name in rows.dtype.names if name != "opacity"]]
    PlyData([PlyElement.describe(repack_fields(rows), "vertex")]).write(str(tmp_path / "less.ply"))
    with pytest.raises(InputError, match="the PLY lacks properties of Gaussians"):
        UserFile(tmp_path / "less.ply").generate(None)
