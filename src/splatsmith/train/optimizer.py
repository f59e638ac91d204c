"""Adam over the parameters of a scene whose rows come and go: moments follow their row, and a fresh row has none."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows
from splatsmith.train.config import LearningRates

GEOMETRY = ("means", "quats", "log_scales", "logit_opacities")
MOMENTS = ("exp_avg", "exp_avg_sq")


class GaussianAdam:
    """The trainable parameters, by name, and their optimiser.

    Colour is held in two tensors, since the constant term learns 20 times faster than the view-dependent rest.
    Extra columns that `extra_rates` names, with their step sizes, are optimised too; others are left behind.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        rates: LearningRates,
        *,
        extent: float,
        steps: int,
        extra_rates: Mapping[str, float] | None = None,
    ):
        self._extra = dict(extra_rates or {})
        self.parameters = {name: value.requires_grad_() for name, value in _fields(gaussians, self._extra).items()}
        self._means_rates = (rates.means * extent, rates.means_final * extent)
        self._steps = steps
        learning_rates = {
            "means": rates.means * extent,
            "quats": rates.quats,
            "log_scales": rates.scales,
            "logit_opacities": rates.opacities,
            "sh0": rates.sh0,
            "sh_rest": rates.sh_rest,
            **self._extra,
        }
        groups = [{"params": [self.parameters[name]], "lr": rate} for name, rate in learning_rates.items()]
        self._adam = torch.optim.Adam(groups, eps=1e-15, fused=True)
        self._groups = dict(zip(learning_rates, self._adam.param_groups, strict=True))

    def __len__(self) -> int:
        return len(self.parameters["means"])

    @property
    def device(self) -> torch.device:
        return self.parameters["means"].device

    def gaussians(self, sh_degree: int | None = None) -> Gaussians:
        """The scene as it stands: out of the graph, or in it with the SH bands up to `sh_degree` only."""
        if sh_degree is None:
            held = {name: parameter.detach() for name, parameter in self.parameters.items()}
        else:
            held = dict(self.parameters)
            held["sh_rest"] = held["sh_rest"][:, : (sh_degree + 1) ** 2 - 1]
        geometry = {name: held[name] for name in GEOMETRY}
        sh = torch.cat([held["sh0"], held["sh_rest"]], dim=1)
        return Gaussians(**geometry, sh=sh, extra={name: held[name] for name in self._extra})

    def means_rate(self, step: int) -> float:
        """Learning rate of the means at `step`, in scene units: exponential from first to last."""
        first, last = self._means_rates
        return first * (last / first) ** (step / self._steps)

    def step(self, step: int) -> None:
        """Descend, and forget the gradients."""
        self._groups["means"]["lr"] = self.means_rate(step)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def remap(self, rows: Rows) -> None:
        """Take over a changed scene. Row i keeps the moments of `rows.origin[i]`, or none if `rows.fresh[i]`."""
        for name, value in _fields(rows.gaussians, self._extra).items():
            moments = self._adam.state.get(self.parameters[name], {})
            kept = {key: _gathered(moments[key], rows) for key in MOMENTS if key in moments}
            self._replace(name, value, {**moments, **kept})

    def replace(self, name: str, value: Tensor) -> None:
        """Set one parameter to `value`, with moments of zero (as after an opacity reset)."""
        moments = self._adam.state.get(self.parameters[name], {})
        zero = {key: torch.zeros_like(moments[key]) for key in MOMENTS if key in moments}
        self._replace(name, value, {**moments, **zero})

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by field, that `load` brings back: the value and Adam's state."""
        return {name: {"value": p.detach(), **self._adam.state.get(p, {})} for name, p in self.parameters.items()}

    def load(self, state: dict[str, dict[str, Tensor]]) -> None:
        for name, tensors in state.items():
            moments = {key: tensor for key, tensor in tensors.items() if key != "value"}
            self._replace(name, tensors["value"], moments)

    def _replace(self, name: str, value: Tensor, moments: dict[str, Tensor]) -> None:
        self._adam.state.pop(self.parameters[name], None)
        parameter = value.detach().requires_grad_()
        self.parameters[name] = parameter
        self._groups[name]["params"] = [parameter]
        if moments:
            self._adam.state[parameter] = moments


def _fields(gaussians: Gaussians, extra: Iterable[str]) -> dict[str, Tensor]:
    """What is optimised, as contiguous tensors of their own."""
    sh = gaussians.sh.detach()
    fields = {name: getattr(gaussians, name).detach() for name in GEOMETRY}
    fields |= {"sh0": sh[:, :1], "sh_rest": sh[:, 1:]}
    fields |= {name: gaussians.extra[name].detach() for name in extra}
    return {name: value.clone(memory_format=torch.contiguous_format) for name, value in fields.items()}


def _gathered(moment: Tensor, rows: Rows) -> Tensor:
    moved = moment[rows.origin]
    moved[rows.fresh] = 0
    return moved
