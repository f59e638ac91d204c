"""`pose_override.yml`: where a person says that the proxy stands.

T_world_proxy: [[...], [...], [...], [0, 0, 0, 1]]      or, instead of it,
rotation: [w, x, y, z]
scale: 0.3                                              or one for each of the proxy's axes
translation: [x, y, z]

locked: true                                            false: improved a little, where that fits better
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.spatial.transform import Rotation

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed
from splatsmith.complete.align.pose import Pose, pose_of

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Row = tuple[Finite, Finite, Finite, Finite]


class Override(BaseModel):
    """The file's keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    T_world_proxy: tuple[Row, Row, Row, Row] | None = None
    """The whole map; rotation and scales along the proxy's axes."""
    rotation: Row | None = None
    """Quaternion w x y z; none turned if left out."""
    scale: Positive | tuple[Positive, Positive, Positive] | None = None
    """One, or along the proxy's x, y and z; 1 if left out."""
    translation: tuple[Finite, Finite, Finite] | None = None
    """Where the proxy's origin is, in the scene."""
    locked: bool = True
    """Whether the pose is kept as it is."""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Override":
        parts = (self.rotation, self.scale, self.translation)
        if self.T_world_proxy is None and self.translation is None:
            raise ValueError("T_world_proxy or translation is needed")
        if self.T_world_proxy is not None and any(part is not None for part in parts):
            raise ValueError("T_world_proxy stands alone, without rotation, scale and translation")
        if self.rotation is not None and not any(self.rotation):
            raise ValueError("rotation is no quaternion, since it is zero")
        if self.T_world_proxy is not None and self.T_world_proxy[3] != (0, 0, 0, 1):
            raise ValueError("the last row of T_world_proxy is 0 0 0 1")
        return self

    @property
    def pose(self) -> Pose:
        """What it says. Raises ValueError where T_world_proxy mirrors or shears."""
        if self.T_world_proxy is not None:
            return pose_of(np.array(self.T_world_proxy))
        R = Rotation.from_quat(self.rotation or (1, 0, 0, 0), scalar_first=True).as_matrix()
        scales = np.broadcast_to(np.array(1.0 if self.scale is None else self.scale), 3)
        return Pose(R, np.log(scales), np.array(self.translation))


def read_override(path: Path) -> Override:
    """Read and check the file. Raises InputError."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        fix, got = "correct it, or leave the option away", " ".join(str(error).split())
        raise InputError(Problem("the pose cannot be read", str(path), fix, "YAML", got)) from None
    override = typed(Override, value, str(path))
    try:
        _ = override.pose
    except ValueError as error:
        expected = "a rotation times scales along the proxy's own axes, no reflection"
        fix = "correct it; a mirrored proxy has to be mirrored back first"
        raise InputError(
            Problem("the pose cannot be used", f"{path}: T_world_proxy", fix, expected, str(error))
        ) from None
    return override
