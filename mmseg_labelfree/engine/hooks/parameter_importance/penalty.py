"""The quadratic penalty of EWC, PI and RW, read from the previous step's checkpoint."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ....ops.parameter_importance import (
    add_penalty_gradient_,
    normalize_importance,
    quadratic_penalty,
)
from ....utils.checkpoint import load_checkpoint
from .recorders import State, gradients

#: Where a checkpoint keeps what ``ParameterImportanceHook`` has recorded.
ENTRY = 'parameter_importance'


class ImportancePenalty:
    """Quadratic penalty on some parameters, times ``weight``.

    Args:
        params: Parameters; those whose ``.grad`` is None are left alone.
        reference: Where they should stay.
        importance: How much each element should stay there.
        weight: Factor on the penalty.
    """

    def __init__(
        self,
        params: list[Tensor],
        reference: list[Tensor],
        importance: list[Tensor],
        weight: float,
    ) -> None:
        self.tensors = params, reference, importance
        self.weight = weight

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add the gradient of the penalty to ``.grad`` of the parameters."""
        active = [i for i, p in enumerate(self.tensors[0]) if p.grad is not None]
        if active:
            params, reference, importance = (
                [tensors[i] for i in active] for tensors in self.tensors
            )
            grads = gradients(params)
            add_penalty_gradient_(grads, params, reference, importance, self.weight)

    @torch.no_grad()
    def value(self) -> Tensor:
        """The penalty, a scalar on the parameters' device."""
        return self.weight * quadratic_penalty(*self.tensors)


def read_previous(
    checkpoint: str, kind: str, named: Mapping[str, Tensor], normalize: bool
) -> tuple[State, tuple[list[Tensor], list[Tensor], list[Tensor]]]:
    """Read what a step needs of the previous one.

    Args:
        checkpoint: The previous step's checkpoint, or its ``work_dir``.
        kind: 'ewc', 'pi' or 'rw'.
        named: The trainable parameters of this step by name.
        normalize: Scale each map of importance to 0..1 within each parameter.

    Returns:
        The importance maps for the recorder of this step, and parameters, reference
        and importance for :class:`ImportancePenalty`.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: It has no importance, that of another kind, or of parameters of
            another shape.
    """
    content, filename = load_checkpoint(checkpoint)
    entry = content.get(ENTRY)
    if entry is None:
        raise ValueError(
            f'{filename} has no entry {ENTRY!r}: train the earlier step with '
            f'ParameterImportanceHook(importance={kind!r}), too'
        )
    check_kind(entry, kind, filename)
    maps, weights = entry['maps'], content['state_dict']
    params, reference, importance = [], [], []
    for name, param in named.items():
        old = [m[name] for m in maps.values() if name in m]
        if not old:
            continue
        if normalize:
            old = [normalize_importance(m) for m in old]
        params.append(param)
        reference.append(_like(weights[name], param, name, filename))
        importance.append(_like(sum(old), param, name, filename))
    old_maps = {key: [m.get(name) for name in named] for key, m in maps.items()}
    return old_maps, (params, reference, importance)


def check_kind(entry: Mapping, kind: str, source: str) -> None:
    """Raise a ValueError unless a checkpoint's entry holds that kind of importance."""
    if entry['importance'] != kind:
        raise ValueError(
            f'{source} holds importance of the kind {entry["importance"]!r}, but this '
            f'step uses {kind!r}: train both with the same ParameterImportanceHook'
        )


def _like(old: Tensor, param: Tensor, name: str, filename: str) -> Tensor:
    """``old`` with device and layout of ``param``, zero in a classifier's new rows."""
    new = torch.zeros_like(param, requires_grad=False)
    rows = new
    if name.endswith(('conv_seg.weight', 'conv_seg.bias')):
        rows = new[: len(old)]
    if rows.shape != old.shape:
        raise ValueError(
            f'{name} is {tuple(old.shape)} in {filename} and {tuple(param.shape)} in '
            'this step: only the classes of conv_seg may grow'
        )
    rows.copy_(old)
    return new
