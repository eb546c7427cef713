"""The quadratic penalty of EWC, PI and RW, read from the previous step's checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """Quadratic penalty on the change of parameters, times ``weight``.

    Args:
        params: Parameters; those whose ``.grad`` is None are left alone.
        reference: Their values in the previous step.
        importance: Importance of each element.
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
        """Compute the penalty, a scalar on the parameters' device."""
        return self.weight * quadratic_penalty(*self.tensors)


@dataclass(frozen=True)
class Previous:
    """What the previous step has saved; empty in the first step.

    Attributes:
        maps: The importance maps, a tensor or None for each parameter of this step.
        tensors: Parameters, reference and importance for :class:`ImportancePenalty`.
        rows: How many rows of each classifier's weight and bias each step so far has
            added, by the parameter's name.
    """

    maps: State = field(default_factory=dict)
    tensors: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    rows: dict[str, list[int]] = field(default_factory=dict)


def read_previous(
    checkpoint: str,
    kind: Mapping[str, Any],
    named: Mapping[str, Tensor],
    eps: float | None,
) -> Previous:
    """Read the importance and the weights that the previous step has saved.

    Args:
        checkpoint: The previous step's checkpoint, or its ``work_dir``.
        kind: ``importance`` and ``official``, which its entry must have.
        named: The trainable parameters of this step by name.
        eps: Scale each map of importance to 0..1 within each parameter, with this for
            :func:`~mmseg_labelfree.ops.parameter_importance.normalize_importance`. The
            rows of a classifier are scaled with those of the same step. None leaves
            the maps as they are.

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
            f'ParameterImportanceHook(importance={kind["importance"]!r}), too'
        )
    check_kind(entry, kind, filename)
    if 'rows' not in entry:
        raise ValueError(
            f'{filename} is of an earlier version, whose importance does not tell '
            'which rows a step added: train the earlier step again'
        )
    maps, weights, rows = entry['maps'], content['state_dict'], entry['rows']
    params, reference, importance = [], [], []
    for name, param in named.items():
        old = [m[name] for m in maps.values() if name in m]
        if not old:
            continue
        if eps is not None:
            old = [_normalized(m, rows.get(name), eps) for m in old]
        params.append(param)
        reference.append(_like(weights[name], param, name, filename))
        importance.append(_like(sum(old), param, name, filename))
    old_maps = {key: [m.get(name) for name in named] for key, m in maps.items()}
    return Previous(old_maps, (params, reference, importance), rows)


def check_kind(entry: Mapping, kind: Mapping[str, Any], source: str) -> None:
    """Raise a ValueError unless a checkpoint's entry holds that kind of importance."""
    saved, wanted = _describe(entry), _describe(kind)
    if saved != wanted:
        raise ValueError(
            f'{source} holds importance of the kind {saved}, but this step uses '
            f'{wanted}: train both with the same ParameterImportanceHook'
        )


def _describe(kind: Mapping[str, Any]) -> str:
    variant = 'official' if kind.get('official') else 'paper'
    return f'{kind["importance"]!r}, variant {variant!r}'


def classifier_rows(
    named: Mapping[str, Tensor], before: Mapping[str, list[int]]
) -> dict[str, list[int]]:
    """Extend :attr:`Previous.rows` by the rows that this step has added."""
    return {
        name: [n for n in (*old, len(param) - sum(old)) if n]
        for name, param in named.items()
        if _is_classifier(name)
        for old in [before.get(name, [])]
    }


def _is_classifier(name: str) -> bool:
    return name.endswith(('conv_seg.weight', 'conv_seg.bias'))


def _normalized(importance: Tensor, rows: list[int] | None, eps: float) -> Tensor:
    """Normalize a parameter's importance, a classifier's rows step by step."""
    if rows is None:
        return normalize_importance(importance, eps)
    return torch.cat([normalize_importance(m, eps) for m in importance.split(rows)])


def _like(old: Tensor, param: Tensor, name: str, filename: str) -> Tensor:
    """``old`` with device and layout of ``param``, zero in a classifier's new rows."""
    new = torch.zeros_like(param, requires_grad=False)
    rows = new
    if _is_classifier(name):
        rows = new[: len(old)]
    if rows.shape != old.shape:
        raise ValueError(
            f'{name} is {tuple(old.shape)} in {filename} and {tuple(param.shape)} in '
            'this step: only the classes of conv_seg may grow'
        )
    rows.copy_(old)
    return new
